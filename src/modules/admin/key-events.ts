import type { AuditEvent } from '../audit/audit-event.js';
import type { KeyChange } from '../../platform/crypto/key-rotation.js';

type By = Pick<AuditEvent, 'actor' | 'act' | 'token_id'>;

const BY_THE_SERVER: By = { actor: { kind: 'system' } };

/** One event for each decision about a signing key that changed something. */
export function keyChangeEvents(changes: readonly KeyChange[], by: By = BY_THE_SERVER): AuditEvent[] {
  return changes.filter(({ change }) => change !== 'already_pending').map((change) => ({
    type: change.change === 'created' ? 'key.created' : 'key.rotated', outcome: 'success', organization_id: null, ...by, target: { kind: 'signing_key', id: change.kid },
    details: {
      algorithm: change.algorithm, change: change.change, activates_at: change.activatesAt.toISOString(), supersedes: change.supersedes ?? undefined,
      superseded_retires_at: change.supersededRetiresAt?.toISOString(),
    },
  }));
}

/** @param reason `retired` when its time had come, `revoked` when somebody withdrew it */
export function keyRetiredEvent(kid: string, reason: 'retired' | 'revoked', by: By = BY_THE_SERVER): AuditEvent {
  return { type: 'key.retired', outcome: 'success', organization_id: null, ...by, target: { kind: 'signing_key', id: kid }, reason };
}
