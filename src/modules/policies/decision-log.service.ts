import { Injectable } from '@nestjs/common';
import type { Caller } from '../../platform/http/caller.js';
import { doneBy } from '../audit/audit-event.js';
import { AuditLog } from '../audit/audit-log.service.js';
import type { Decision, DecisionRequest } from './decision.js';
import { decisionRecord } from './decision-record.js';

/** Puts decisions on record that stand alone: those that somebody asked for over the API, and that we do nothing about. */
@Injectable()
export class DecisionLog {
  constructor(private readonly audit: AuditLog) {}

  /** Resolves when they are durable. @throws DomainError `audit_unavailable`, `audit_overloaded` */
  async record(caller: Caller, decisions: readonly { readonly request: DecisionRequest; readonly decision: Decision }[]): Promise<void> {
    await this.audit.record(...decisions.map(({ request, decision }) => ({
      type: 'decision.made' as const, outcome: decision.isAllowed ? 'success' as const : 'refused' as const, organization_id: caller.organizationId, ...doneBy(caller),
      subject: request.subject.id, target: { kind: request.resource.type, id: request.resource.id }, reason: decision.reason,
      details: { decision: decisionRecord(request, decision) },
    })));
  }
}
