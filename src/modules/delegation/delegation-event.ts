import type { Caller } from '../../platform/http/caller.js';
import { doneBy, type AuditEvent } from '../audit/audit-event.js';
import type { DelegationGrant } from './delegation-grant.entity.js';

/** What somebody did to a delegation. */
export function delegationEvent(caller: Caller, type: 'delegation.created' | 'delegation.revoked', grant: DelegationGrant, details: AuditEvent['details']): AuditEvent {
  return { type, outcome: 'success', organization_id: grant.organizationId, ...doneBy(caller), subject: grant.subjectId, target: { kind: 'delegation', id: grant.id }, details };
}
