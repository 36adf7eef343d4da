import { hash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { canonicalJson, type JsonValue } from '../../kernel/canonical-json.js';
import { now, nowDate } from '../../kernel/clock.js';
import { DomainError } from '../../kernel/domain-error.js';
import { isId, newId, type Id } from '../../kernel/ids.js';
import { Metrics } from '../../platform/metrics/metrics.js';
import type { AuditEvent } from '../audit/audit-event.js';
import { AuditLog } from '../audit/audit-log.service.js';
import { allowsAction, amountOf, windowAt, type Amounts, type Meter } from './bounds.js';
import { Limits, type StandsBehind } from './limits.service.js';
import { actionNotAllowed, idempotencyKeyReused, reservationNotFound, reservationOver } from './limits.errors.js';
import { committedEvent, expiredEvent, releasedEvent, reservedEvent, type RecordedReservation } from './reservation-events.js';
import { taking, thresholdEvent, UsageCounters, type ChangedCounter, type CounterChange, type ReachedThreshold } from './usage-counters.service.js';

export type ReservationId = Id<'reservation'>;
export type ReservationStatus = 'reserved' | 'committed' | 'released' | 'expired';

/** Who uses the API for it. Only the same client commits and releases what was reserved. */
export interface UsageHolder {
  readonly organizationId: string;
  readonly clientId: string;
  readonly subject: string;
}

export interface Use extends Amounts {
  readonly behind: StandsBehind;
  /** Names that what is done goes by; nothing where it is not said. */
  readonly actions?: readonly string[];
}

export interface Booking {
  readonly use: Use;
  readonly holder: UsageHolder;
  /** For how long it is reserved, in seconds. Without it, it is used at once. */
  readonly holdSeconds?: number;
  readonly idempotency?: { readonly key: string; readonly request: JsonValue };
  /** What reservations say of themselves. */
  readonly about?: { readonly agentId?: string; readonly tokenId?: string; readonly taskId?: string };
  /** Who did it, for the events of thresholds. */
  readonly by: Pick<AuditEvent, 'actor' | 'act' | 'token_id'>;
  /** What else is recorded with it. */
  readonly event?: AuditEvent;
}

/** What was reserved, or used under an idempotency key. */
export interface Reservation {
  readonly id: ReservationId;
  readonly status: ReservationStatus;
  readonly agentId: string | null;
  readonly tokenId: string | null;
  readonly taskId: string | null;
  readonly reserved: Amounts;
  /** Null until it is committed. */
  readonly committed: Amounts | null;
  readonly createdAt: Date;
  readonly expiresAt: Date | null;
  readonly endedAt: Date | null;
}

interface ReservationRow {
  readonly id: ReservationId;
  readonly organization_id: string;
  readonly status: ReservationStatus;
  readonly agent_id: string | null;
  readonly token_id: string | null;
  readonly task_id: string | null;
  readonly requests: number;
  readonly cost_micros: string;
  readonly committed_requests: number | null;
  readonly committed_cost_micros: string | null;
  readonly stands_behind: StandsBehind;
  readonly taken: readonly TakenAmount[];
  readonly digest: Buffer | null;
  readonly created_at: Date;
  readonly expires_at: Date | null;
  readonly ended_at: Date | null;
}

interface TakenAmount {
  readonly key: string;
  readonly meter: Meter;
  readonly amount: number;
}

const COLUMNS = `id, organization_id, status, agent_id, token_id, task_id, requests, cost_micros, committed_requests, committed_cost_micros, stands_behind, taken, digest, created_at, expires_at, ended_at`;

/**
 * Meters what agents use, under the limits of all who stand behind it: at once, or in two steps, reserved and then committed or
 * released. However many ask at the same moment, on however many nodes, what is reserved and used never exceeds a bound.
 *
 * 1. The row of the reservation, if it has one, so that the same idempotency key waits here.
 * 2. The counters, in the order of their keys.
 * 3. The history, in the order of the agents.
 * 4. Events, last of all.
 * Everybody takes locks in this order.
 */
@Injectable()
export class UsageMeter {
  constructor(
    private readonly dataSource: DataSource,
    private readonly limits: Limits,
    private readonly counters: UsageCounters,
    private readonly metrics: Metrics,
    private readonly audit: AuditLog,
  ) {}

  /**
   * @returns the reservation; undefined for what is used at once and has no idempotency key. The same key with the same request gets
   *   the reservation of the first time, as it was made, and takes nothing.
   * @throws DomainError `limit_exhausted`, `action_not_allowed`, `idempotency_key_reused`
   */
  async book(booking: Booking): Promise<Reservation | undefined> {
    const { use, holder, holdSeconds, idempotency } = booking;
    const outcome = holdSeconds === undefined ? 'committed' : 'reserved';
    const reached: ReachedThreshold[] = [];
    let isNew = true;
    let made: Reservation | undefined;
    try {
      made = await this.dataSource.transaction(async (manager) => {
        const reservation = holdSeconds === undefined && !idempotency ? undefined : await this.insert(manager, booking, outcome);
        if (reservation && 'former' in reservation) {
          isNew = false;
          return asFirstAnswered(reservation.former);
        }
        const subjects = await this.limits.behind(use.behind, manager);
        const forbidding = use.actions && subjects.find(({ bounds }) => !allowsAction(bounds, use.actions!));
        if (forbidding) throw actionNotAllowed(forbidding.kind);
        const changes = taking(subjects, use, outcome, now());
        const changed = await this.counters.change(manager, holder.organizationId, changes);
        reached.push(...changed.reached);
        if (outcome === 'committed') await addToHistory(manager, use.behind, use);
        const events = [...(booking.event ? [booking.event] : []), ...reached.map((one) => thresholdEvent(holder.organizationId, one, booking.by))];
        if (reservation && outcome === 'reserved') {
          await manager.query('UPDATE usage_reservations SET taken = $2 WHERE id = $1', [reservation.id, JSON.stringify(takenOf(changes))]);
          const recorded = { ...reservation, organizationId: holder.organizationId, standsBehind: use.behind, bounds: changed.counters };
          events.unshift(reservedEvent(recorded, booking.by, reservation.expiresAt));
        }
        if (events.length > 0) await this.audit.recordIn(manager, ...events);
        return reservation;
      });
    } catch (error) {
      if (error instanceof DomainError && error.code === 'limit_exhausted') this.metrics.usageBooked('refused');
      throw error;
    }
    if (isNew) this.metrics.usageBooked(outcome);
    this.countReached(reached);
    return made;
  }

  /** @throws DomainError `reservation_not_found` */
  async find(holder: UsageHolder, id: string): Promise<Reservation> {
    return reservationOf(await this.rowOf(this.dataSource, holder, id, ''));
  }

  /**
   * Books what was used. More than was reserved is taken like a new use, from all counters or none; when it does not fit, nothing
   * changes, and what was reserved can still be committed. The same commitment again gets the same answer.
   *
   * @param actual as much as was reserved, where it says nothing
   * @throws DomainError `reservation_not_found`, `reservation_over`, `limit_exhausted`
   */
  async commit(holder: UsageHolder, id: string, actual: Partial<Amounts>, by: Booking['by']): Promise<Reservation> {
    const reached: ReachedThreshold[] = [];
    let isNew = false;
    const committed = await this.dataSource.transaction(async (manager) => {
      const row = await this.rowOf(manager, holder, id, 'FOR UPDATE');
      const reserved = { requests: row.requests, costMicros: Number(row.cost_micros) };
      const amounts = { requests: actual.requests ?? reserved.requests, costMicros: actual.costMicros ?? reserved.costMicros };
      if (row.status === 'committed' && row.committed_requests === amounts.requests && Number(row.committed_cost_micros) === amounts.costMicros) return reservationOf(row);
      assertOpen(row);
      isNew = true;
      const excess = { requests: Math.max(0, amounts.requests - reserved.requests), costMicros: Math.max(0, amounts.costMicros - reserved.costMicros) };
      const hasExcess = excess.requests + excess.costMicros > 0;
      const settled = row.taken.map(({ key, meter, amount }): CounterChange => ({ key, reserved: -amount, committed: Math.min(amount, amountOf(amounts, meter)) }));
      const more = hasExcess ? taking(await this.limits.behind(row.stands_behind, manager), excess, 'committed', now()) : [];
      const changed = await this.counters.change(manager, holder.organizationId, [...settled, ...more]);
      reached.push(...changed.reached);
      await addToHistory(manager, row.stands_behind, amounts);
      const ended = nowDate();
      await manager.query(`UPDATE usage_reservations SET status = 'committed', committed_requests = $2, committed_cost_micros = $3, ended_at = $4 WHERE id = $1`,
        [id, amounts.requests, amounts.costMicros, ended]);
      await this.audit.recordIn(manager, committedEvent(recorded(row, changed.counters), by, amounts), ...reached.map((one) => thresholdEvent(holder.organizationId, one, by)));
      return { ...reservationOf(row), status: 'committed' as const, committed: amounts, endedAt: ended };
    });
    if (isNew) this.metrics.usageBooked('committed');
    this.countReached(reached);
    return committed;
  }

  /**
   * Gives back what was reserved. One that is released stays as it is.
   * @throws DomainError `reservation_not_found`, `reservation_over`
   */
  async release(holder: UsageHolder, id: string, by: Booking['by']): Promise<Reservation> {
    let isNew = false;
    const released = await this.dataSource.transaction(async (manager) => {
      const row = await this.rowOf(manager, holder, id, 'FOR UPDATE');
      // That it was released by itself is what was wanted.
      if (row.status === 'released' || row.status === 'expired') return reservationOf(row);
      if (row.status !== 'reserved') throw reservationOver(row.status);
      isNew = true;
      const changed = await this.counters.change(manager, holder.organizationId, givingBack(row.taken));
      const ended = nowDate();
      await manager.query(`UPDATE usage_reservations SET status = 'released', ended_at = $2 WHERE id = $1`, [id, ended]);
      await this.audit.recordIn(manager, releasedEvent(recorded(row, changed.counters), by));
      return { ...reservationOf(row), status: 'released' as const, endedAt: ended };
    });
    if (isNew) this.metrics.usageBooked('released');
    return released;
  }

  /** Releases reservations whose time has come, up to so many, and answers how many. */
  async expire(manager: EntityManager, limit: number): Promise<number> {
    const rows = await manager.query<ReservationRow[]>(
      `SELECT ${COLUMNS} FROM usage_reservations WHERE status = 'reserved' AND expires_at <= $1 LIMIT $2 FOR UPDATE SKIP LOCKED`, [nowDate(), limit]);
    if (rows.length === 0) return 0;
    // Of all organizations at once: keys name their subject, and a counter that is there keeps its organization.
    const { counters } = await this.counters.change(manager, rows[0]!.organization_id, rows.flatMap(({ taken }) => givingBack(taken)));
    await manager.query(`UPDATE usage_reservations SET status = 'expired', ended_at = $2 WHERE id = ANY ($1)`, [rows.map(({ id }) => id), nowDate()]);
    const byKey = new Map(counters.map((counter) => [counter.key, counter]));
    await this.audit.recordIn(manager, ...rows.map((row) => expiredEvent(recorded(row, boundsOf(row, byKey)))));
    for (let index = 0; index < rows.length; index += 1) this.metrics.usageBooked('expired');
    return rows.length;
  }

  /** The row is there before anything is taken: whoever sends the same key at the same moment waits for it. */
  private async insert(manager: EntityManager, { use, holder, holdSeconds, idempotency, about = {} }: Booking, status: 'reserved' | 'committed'): Promise<Reservation | { former: Reservation }> {
    const id = newId<ReservationId>();
    const createdAt = nowDate();
    const expiresAt = holdSeconds === undefined ? null : new Date(createdAt.getTime() + holdSeconds * 1000);
    const digest = idempotency && hash('sha256', canonicalJson(idempotency.request), 'buffer');
    const committed = status === 'committed' ? { requests: use.requests, costMicros: use.costMicros } : null;
    const endedAt = committed ? createdAt : null;
    const key = idempotency ? [holder.organizationId, holder.clientId, holder.subject, idempotency.key] : undefined;
    const rows = await manager.query<unknown[]>(
      `INSERT INTO usage_reservations (id, organization_id, client_id, holder, agent_id, token_id, task_id, status, requests, cost_micros, committed_requests, committed_cost_micros,
        stands_behind, taken, idempotency_key, digest, created_at, expires_at, ended_at)
      VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, '[]', $14, $15, $16, $17, $18)
      ON CONFLICT (organization_id, client_id, holder, idempotency_key) DO NOTHING RETURNING id`,
      [id, holder.organizationId, holder.clientId, holder.subject, about.agentId ?? null, about.tokenId ?? null, about.taskId ?? null, status, use.requests, use.costMicros,
        committed?.requests ?? null, committed?.costMicros ?? null, JSON.stringify(use.behind), idempotency?.key ?? null, digest ?? null, createdAt, expiresAt, endedAt]);
    if (rows.length === 0) {
      const [former] = await manager.query<ReservationRow[]>(
        `SELECT ${COLUMNS} FROM usage_reservations WHERE organization_id = $1 AND client_id = $2 AND holder = $3 AND idempotency_key = $4`, key);
      if (!former?.digest || !digest?.equals(former.digest)) throw idempotencyKeyReused();
      return { former: reservationOf(former) };
    }
    return {
      id, status, agentId: about.agentId ?? null, tokenId: about.tokenId ?? null, taskId: about.taskId ?? null, reserved: { requests: use.requests, costMicros: use.costMicros },
      committed, createdAt, expiresAt, endedAt,
    };
  }

  private async rowOf(executor: Pick<EntityManager, 'query'>, { organizationId, clientId }: UsageHolder, id: string, lock: 'FOR UPDATE' | ''): Promise<ReservationRow> {
    if (!isId(id)) throw reservationNotFound();
    const [row] = await executor.query<ReservationRow[]>(`SELECT ${COLUMNS} FROM usage_reservations WHERE id = $1 AND organization_id = $2 AND client_id = $3 ${lock}`, [id, organizationId, clientId]);
    if (!row) throw reservationNotFound();
    return row;
  }

  private countReached(reached: readonly ReachedThreshold[]): void {
    for (const { counter: { kind, meter }, threshold } of reached) this.metrics.limitReached(kind, meter, threshold);
  }
}

function reservationOf(row: ReservationRow): Reservation {
  return {
    id: row.id, status: row.status, agentId: row.agent_id, tokenId: row.token_id, taskId: row.task_id, reserved: { requests: row.requests, costMicros: Number(row.cost_micros) },
    committed: row.committed_requests === null ? null : { requests: row.committed_requests, costMicros: Number(row.committed_cost_micros) },
    createdAt: row.created_at, expiresAt: row.expires_at, endedAt: row.ended_at,
  };
}

function recorded(row: ReservationRow, bounds: readonly ChangedCounter[]): RecordedReservation {
  return { ...reservationOf(row), organizationId: row.organization_id, standsBehind: row.stands_behind, bounds };
}

/** Of one reservation among several that changed counters together. */
function boundsOf({ taken }: ReservationRow, counters: ReadonlyMap<string, ChangedCounter>): ChangedCounter[] {
  return taken.map(({ key }) => counters.get(key)!);
}

/** The answer to the request that made it, whatever became of it since. What was used at once has no end to wait for. */
function asFirstAnswered(reservation: Reservation): Reservation {
  return reservation.expiresAt === null ? reservation : { ...reservation, status: 'reserved', committed: null, endedAt: null };
}

/** One whose time has come is over, whether or not it was released already. */
function assertOpen({ status, expires_at: expiresAt }: ReservationRow): void {
  if (status !== 'reserved') throw reservationOver(status);
  if (expiresAt !== null && expiresAt.getTime() <= now()) throw reservationOver('expired');
}

function takenOf(changes: readonly CounterChange[]): TakenAmount[] {
  return changes.map(({ key, counter, reserved }) => ({ key, meter: counter!.meter, amount: reserved }));
}

function givingBack(taken: readonly TakenAmount[]): CounterChange[] {
  return taken.map(({ key, amount }) => ({ key, reserved: -amount, committed: 0 }));
}

/** For charts: by the hour, for every agent that stands behind it. */
async function addToHistory(manager: EntityManager, { organizationId, agentIds }: StandsBehind, { requests, costMicros }: Amounts): Promise<void> {
  if (agentIds.length === 0 || requests + costMicros === 0) return;
  await manager.query(
    `INSERT INTO usage_history AS h (agent_id, hour, organization_id, requests, cost_micros)
    SELECT id, $2, $3, $4, $5 FROM unnest($1::uuid[]) AS asked (id) ORDER BY id
    ON CONFLICT (agent_id, hour) DO UPDATE SET requests = h.requests + excluded.requests, cost_micros = h.cost_micros + excluded.cost_micros`,
    [agentIds, windowAt('hour', now()).start, organizationId, requests, costMicros]);
}
