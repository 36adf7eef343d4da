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
  /** The counters that it counts in, as they stand then. */
  readonly bounds: readonly ChangedCounter[];
}

type By = Pick<AuditEvent, 'actor' | 'act' | 'token_id'>;

export function reservedEvent(reservation: RecordedReservation, by: By, expiresAt: Date | null): AuditEvent {
  return { type: 'usage.reserved', ...about(reservation, by), details: { ...detailsOf(reservation), expires_at: expiresAt?.toISOString() } };
}

export function committedEvent(reservation: RecordedReservation, by: By, { requests, costMicros }: Amounts): AuditEvent {
  const { reserved } = reservation;
  return {
    type: 'usage.committed', ...about(reservation, by),
    details: { ...detailsOf(reservation), requests, cost_micros: costMicros, reserved_requests: reserved.requests, reserved_cost_micros: reserved.costMicros },
  };
}

export function releasedEvent(reservation: RecordedReservation, by: By): AuditEvent {
  return { type: 'usage.released', ...about(reservation, by), details: detailsOf(reservation) };
}

export function expiredEvent(reservation: RecordedReservation): AuditEvent {
  return { type: 'usage.expired', ...about(reservation, { actor: { kind: 'system' } }), details: detailsOf(reservation) };
}

function about({ id, organizationId, taskId }: RecordedReservation, by: By) {
  return { outcome: 'success' as const, organization_id: organizationId, ...by, target: { kind: 'reservation', id }, task_id: taskId ?? undefined };
}

function detailsOf({ agentId, tokenId, standsBehind, reserved, bounds }: RecordedReservation) {
  return {
    agent_id: agentId ?? undefined, checked_token_id: tokenId ?? undefined, delegation_ids: [...standsBehind.delegationIds], requests: reserved.requests, cost_micros: reserved.costMicros,
    bounds: bounds.map(({ key, bound, taken }) => ({ ...counterNamed(key), bound, taken })),
  };
}
