import type { AuditEvent, AuditEventType } from '../audit/audit-event.js';

/** What tokens stand on: when it ends, or comes back, how they stand has to be looked at again. */
export type EndingKind = 'token' | 'task' | 'delegation' | 'consent' | 'agent' | 'client' | 'user' | 'organization' | 'everything';

export interface Ending {
  readonly kind: EndingKind;
  readonly id: string;
  /** Where the tokens are; null when they can be anywhere. */
  readonly organizationId: string | null;
}

/**
 * What events of each type mean for tokens that are there already; null when nothing, `switched` for what a kill switch was used on,
 * `place` when any token of the organization may have ended, or any at all. A new type has to be thought of here: what
 * is in no status list goes on being accepted by whoever relies on one.
 */
const ENDS: Readonly<Record<AuditEventType, EndingKind | 'switched' | 'place' | null>> = {
  'user.signed_in': null, 'user.sign_in_refused': null, 'user.signed_out': null, 'user.created': null, 'user.updated': null,
  'user.disabled': 'user', 'user.enabled': 'user', 'user.password_changed': 'user', 'user.deleted': 'user',
  'organization.created': null, 'organization.updated': 'organization', 'organization.deleted': 'organization', 'organization.switched': null,
  'organization.enrolment_token_issued': null, 'organization.enrolment_token_withdrawn': null,
  'membership.added': 'user', 'membership.changed': null, 'membership.removed': 'user',
  'agent.registered': null, 'agent.activated': 'agent', 'agent.updated': null, 'agent.suspended': 'agent', 'agent.resumed': 'agent', 'agent.deactivated': 'agent', 'agent.password_changed': 'agent',
  'agent.tool_assigned': null, 'agent.tool_removed': null,
  'client.registered': null, 'client.updated': null, 'client.deleted': 'client', 'client.secret_added': null, 'client.secret_retired': null,
  // What is no longer honoured of a token does not end it.
  'scope.created': null, 'scope.updated': null, 'scope.deleted': null, 'scope_file.loaded': null, 'scope_file.refused': null,
  'resource.created': null, 'resource.updated': null, 'resource.deleted': null,
  'tool.created': null, 'tool.updated': null, 'tool.deleted': null, 'tool.activated': null, 'tool.deactivated': null, 'tool.checked': null,
  'policy.created': null, 'policy.updated': null, 'policy.deleted': null, 'policy.restored': null, 'policy_set.loaded': null, 'policy_set.refused': null,
  'decision.made': null, 'decision.searched': null,
  'delegation.created': null, 'delegation.revoked': 'delegation',
  // What a completed task has issued goes on.
  'task.completed': null, 'task.cancelled': 'task',
  // Who agrees again may move the end of the delegation that their consent is.
  'consent.granted': 'consent', 'consent.refused': null, 'consent.revoked': 'consent',
  'token.issued': null, 'token.refused': null, 'token.revoked': 'token',
  // Who has used up a limit gets no new token; those that there are go on.
  'limits.changed': null, 'limit.threshold_reached': null,
  'usage.reported': null, 'usage.reserved': null, 'usage.committed': null, 'usage.released': null, 'usage.expired': null,
  'kill_switch.used': 'switched', 'tokens.revoked': 'place',
  'key.created': null, 'key.rotated': null, 'key.retired': null, 'key.revoked': 'place',
  'audit_key.created': null, 'audit_log.exported': null, 'audit_log.pruned': null, 'audit_log.damaged': null,
  'signal_stream.created': null, 'signal_stream.updated': null, 'signal_stream.stopped': null, 'signal_stream.deleted': null, 'signal.refused': null,
  'signal_subject.added': null, 'signal_subject.removed': null,
  'access.refused': null, 'request.refused': null, 'request.limited': null, 'authorization.refused': null, 'introspection.refused': null, 'revocation.refused': null,
  'installation.set_up': null, 'installation.bootstrapped': null,
};

export const ENDING_TYPES: readonly string[] = Object.entries(ENDS).flatMap(([type, kind]) => (kind === null ? [] : [type]));

const SWITCHED: Readonly<Record<string, EndingKind>> = { agent: 'agent', task: 'task', user: 'user', organization: 'organization' };

/** What this event means for tokens; undefined when nothing. */
export function endingOf({ type, target, organization_id: organizationId, details }: Pick<AuditEvent, 'type' | 'target' | 'organization_id' | 'details'>): Ending | undefined {
  const ends = ENDS[type] ?? undefined;
  const kind = ends === 'switched' ? SWITCHED[String(details?.['switch'])] ?? 'place' : ends;
  // What ended by a moment or a filter is nowhere named.
  if (kind === 'place') return organizationId === null ? { kind: 'everything', id: '', organizationId: null } : { kind: 'organization', id: organizationId, organizationId };
  if (kind === undefined || target === undefined) return undefined;
  if (type === 'organization.updated' && !(details?.['changed'] as readonly string[] | undefined)?.includes('status')) return undefined;
  // An account is at home in no organization, whoever's log it is that tells of it, and some clients serve all. A membership is of one.
  const isAnywhere = kind === 'client' || (kind === 'user' && !type.startsWith('membership.'));
  return { kind, id: target.id, organizationId: kind === 'organization' ? target.id : isAnywhere ? null : organizationId };
}
