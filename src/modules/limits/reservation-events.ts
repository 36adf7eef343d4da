import type { AuditEvent } from '../audit/audit-event.js';
import type { Amounts } from './bounds.js';
import type { StandsBehind } from './limits.service.js';
import { counterNamed, type ChangedCounter } from './usage-counters.service.js';

/** What events tell of a reservation, whatever became of it. */
export interface RecordedReservation {
  readonly id: string;
  readonly organizationId: string;
  readonly agentId: string | null;
  readonly tokenId: string | null;
  readonly taskId: string | null;
  readonly standsBehind: StandsBehind;
  readonly reserved: Amounts;
}

export type ReservationEventType = 'usage.reserved' | 'usage.committed' | 'usage.released' | 'usage.expired';

/**
 * What became of a reservation, for the log. Amounts are requests and millionths of a US dollar.
 *
 * @param bounds the counters that it changed, as they stand after it
 * @param committed what was used in the end
 */
export function reservationEvent(
  type: ReservationEventType, { id, organizationId, agentId, tokenId, taskId, standsBehind, reserved }: RecordedReservation, bounds: readonly ChangedCounter[], by: Pick<AuditEvent, 'actor' | 'act' | 'token_id'>,
  more: { readonly committed?: Amounts; readonly expiresAt?: Date | null } = {},
): AuditEvent {
  return {
    type, outcome: 'success', organization_id: organizationId, ...by, target: { kind: 'reservation', id }, task_id: taskId ?? undefined,
    details: {
      agent_id: agentId ?? undefined, checked_token_id: tokenId ?? undefined, delegation_ids: [...standsBehind.delegationIds],
      requests: (more.committed ?? reserved).requests, cost_micros: (more.committed ?? reserved).costMicros,
      ...(more.committed && { reserved_requests: reserved.requests, reserved_cost_micros: reserved.costMicros }),
      expires_at: more.expiresAt?.toISOString(),
      bounds: bounds.map(({ key, bound, taken }) => ({ ...counterNamed(key), bound, taken })),
    },
  };
}
