import type { AuditEvent } from '../audit/audit-event.js';
import type { KeyChange, KeyRevocation } from '../../platform/crypto/key-rotation.js';

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

export function keyRetiredEvent(kid: string, by: By = BY_THE_SERVER): AuditEvent {
  return { type: 'key.retired', outcome: 'success', organization_id: null, ...by, target: { kind: 'signing_key', id: kid }, reason: 'retired' };
}

/** Somebody withdrew it, and with it everything that it signed. */
export function keyRevokedEvent({ kid, algorithm, replacement }: KeyRevocation, details: AuditEvent['details'], by: By): AuditEvent {
  return {
    type: 'key.revoked', outcome: 'success', organization_id: null, ...by, target: { kind: 'signing_key', id: kid },
    details: { algorithm, replaced_by: replacement?.kid, ...details },
  };
}
