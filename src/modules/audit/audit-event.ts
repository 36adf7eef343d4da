import type { JsonValue } from '../../kernel/canonical-json.js';
import type { Caller } from '../../platform/http/caller.js';

/** The closed catalogue of what is recorded. A new kind of fact is a new line here. */
export const AUDIT_EVENT_TYPES = [
  'installation.set_up', 'installation.bootstrapped',
  'organization.created', 'organization.updated', 'organization.deleted', 'organization.switched', 'organization.enrolment_token_issued',
  'organization.enrolment_token_withdrawn',
  'membership.added', 'membership.changed', 'membership.removed',
  'user.created', 'user.updated', 'user.disabled', 'user.enabled', 'user.deleted', 'user.password_changed',
  'user.signed_in', 'user.sign_in_refused', 'user.signed_out',
  'scope.created', 'scope.updated', 'scope.deleted', 'scope_file.loaded', 'scope_file.refused',
  'resource.created', 'resource.updated', 'resource.deleted',
  'tool.created', 'tool.updated', 'tool.deleted', 'tool.activated', 'tool.deactivated',
  'client.registered', 'client.updated', 'client.deleted', 'client.secret_added', 'client.secret_retired',
  'agent.registered', 'agent.activated', 'agent.updated', 'agent.suspended', 'agent.resumed', 'agent.deactivated', 'agent.password_changed',
  'agent.tool_assigned', 'agent.tool_removed',
  'consent.granted', 'consent.refused', 'consent.revoked',
  'delegation.created', 'delegation.revoked',
  'task.completed', 'task.cancelled', 'tool.checked',
  'policy.created', 'policy.updated', 'policy.deleted', 'policy.restored', 'policy_set.loaded', 'policy_set.refused', 'decision.made', 'decision.searched',
  'token.issued', 'token.refused', 'token.revoked', 'token.reuse_detected',
  'authorization.refused', 'introspection.refused', 'revocation.refused', 'access.refused', 'request.refused',
  'key.created', 'key.rotated', 'key.retired',
  'audit_key.created', 'audit_log.exported', 'audit_log.damaged',
] as const;

export type AuditEventType = (typeof AUDIT_EVENT_TYPES)[number];

export interface AuditParty {
  kind: 'user' | 'agent' | 'client' | 'system' | 'anonymous';
  id?: string;
  /** The client through which a user or agent acted. */
  client_id?: string;
}

/** One fact. `id`, `time` and `source` are filled in by the log. Never put a secret, token or code into it. */
export interface AuditEvent {
  type: AuditEventType;
  outcome: 'success' | 'refused';
  /** Whose log it belongs to; null for facts of the whole installation. */
  organization_id: string | null;
  /** Who did it. */
  actor: AuditParty;
  /** RFC 8693 `act`, when the actor stands at the end of a chain. */
  act?: JsonValue;
  /** For whom. */
  subject?: string;
  /** On what. */
  target?: { kind: string; id: string };
  /** Error code of a refusal, or the policy that decided. */
  reason?: string;
  task_id?: string;
  token_id?: string;
  details?: { [key: string]: JsonValue | undefined };
}

/** The members that say who did it, for what a caller of the REST API does. */
export function doneBy(caller: Caller): Pick<AuditEvent, 'actor' | 'act' | 'token_id'> {
  return {
    actor: { kind: caller.kind, id: caller.subject, client_id: caller.clientId },
    token_id: caller.tokenId,
    ...(caller.act === undefined ? {} : { act: caller.act as JsonValue }),
  };
}
