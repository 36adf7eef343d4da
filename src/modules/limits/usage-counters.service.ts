import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { now } from '../../kernel/clock.js';
import { Config } from '../../platform/config/config.js';
import type { AuditEvent } from '../audit/audit-event.js';
import { amountOf, countersOf, crossedThresholds, LIMIT_OF, type Amounts, type BoundedSubject, type Counter, type Meter } from './bounds.js';
import { limitExhausted } from './limits.errors.js';

/** How much is taken from a counter. */
export interface Taken {
  readonly reserved: number;
  readonly committed: number;
}

export interface CounterState extends Taken {
  readonly counter: Counter;
}

/** What is to become of a counter: `counter` where more is taken from it, so that its bound is looked at; else its key. */
export interface CounterChange extends Taken {
  readonly key: string;
  readonly counter?: Counter;
}

interface ChangedRow {
  readonly key: string;
  readonly bound: string;
  readonly taken: string;
  readonly alerted: number;
}

/**
 * One statement takes from all counters, in the order of their keys, so that nobody waits for somebody who waits for them. A
 * counter that has too little left is missing from what it returns; then the caller's transaction must not go on.
 */
const CHANGE = `
  INSERT INTO usage_counters AS c (key, organization_id, subject_kind, subject_id, meter, period, window_start, window_end, bound, reserved, committed)
  SELECT key, $1, kind, id, meter, period, "start", "end", bound, reserved, committed
  FROM json_to_recordset($2::json) AS asked (key text, kind text, id uuid, meter text, period text, "start" timestamptz, "end" timestamptz, bound bigint, reserved bigint, committed bigint)
  WHERE bound IS NULL OR reserved + committed <= bound
  ORDER BY key COLLATE "C"
  ON CONFLICT (key) DO UPDATE SET reserved = c.reserved + excluded.reserved, committed = c.committed + excluded.committed, bound = coalesce(excluded.bound, c.bound)
  WHERE excluded.bound IS NULL OR c.reserved + c.committed + excluded.reserved + excluded.committed <= excluded.bound
  RETURNING key, bound, reserved + committed AS taken, alerted`;

/** Counts what is used, under bounds. Everything that is taken is taken in one statement, or nothing is. */
@Injectable()
export class UsageCounters {
  constructor(private readonly dataSource: DataSource, private readonly config: Config) {}

  /**
   * Takes from counters and gives back to them, all or none.
   *
   * @returns the counters as they stand then, and the thresholds that are reached for the first time in their window: for the log
   * @throws DomainError `limit_exhausted`; the transaction must not go on then
   */
  async change(manager: EntityManager, organizationId: string, changes: readonly CounterChange[]): Promise<Changed> {
    const merged = merge(changes);
    if (merged.length === 0) return { counters: [], reached: [] };
    const rows = await manager.query<ChangedRow[]>(CHANGE, [organizationId, JSON.stringify(merged.map(rowOf))]);
    const changed = new Map(rows.map((row) => [row.key, row]));
    const exhausted = merged.flatMap(({ key, counter }) => (counter && !changed.has(key) ? [counter] : []));
    if (exhausted.length > 0) throw limitExhausted(exhausted);
    const reached = merged.flatMap(({ key, counter }) => (counter ? this.reachedBy(counter, changed.get(key)!) : []));
    const highest = new Map(reached.map(({ counter, threshold }) => [counter.key, threshold]));
    for (const [key, threshold] of highest) await manager.query('UPDATE usage_counters SET alerted = $2 WHERE key = $1', [key, threshold]);
    return { counters: rows.map(({ key, bound, taken }) => ({ key, bound: Number(bound), taken: Number(taken) })), reached };
  }

  /** What is taken now from every counter of these subjects. */
  async read(subjects: readonly BoundedSubject[]): Promise<CounterState[]> {
    const counters = subjects.flatMap((subject) => countersOf(subject, now()));
    if (counters.length === 0) return [];
    const rows = await this.dataSource.query<{ key: string; reserved: string; committed: string }[]>(
      'SELECT key, reserved, committed FROM usage_counters WHERE key = ANY ($1)', [counters.map(({ key }) => key)]);
    const byKey = new Map(rows.map((row) => [row.key, row]));
    return counters.map((counter) => {
      const row = byKey.get(counter.key);
      return { counter, reserved: Number(row?.reserved ?? 0), committed: Number(row?.committed ?? 0) };
    });
  }

  /** Those counters that have less left than this. Nothing is taken. */
  async exhausted(subjects: readonly BoundedSubject[], amounts: Amounts): Promise<Counter[]> {
    return (await this.read(subjects)).flatMap(({ counter, reserved, committed }) => {
      const amount = amountOf(amounts, counter.meter);
      return amount > 0 && reserved + committed + amount > counter.bound ? [counter] : [];
    });
  }

  private reachedBy(counter: Counter, { bound, taken, alerted }: ChangedRow): ReachedThreshold[] {
    return crossedThresholds(Number(taken), Number(bound), alerted, this.config.limitAlerts).map((threshold) => ({ counter, threshold, taken: Number(taken) }));
  }
}

/** A counter after a change: how much is reserved and used, of how much. */
export interface ChangedCounter {
  readonly key: string;
  readonly bound: number;
  readonly taken: number;
}

export interface Changed {
  readonly counters: readonly ChangedCounter[];
  readonly reached: readonly ReachedThreshold[];
}

export interface ReachedThreshold {
  readonly counter: Counter;
  /** In per cent of the bound. */
  readonly threshold: number;
  readonly taken: number;
}

export function thresholdEvent(organizationId: string, { counter, threshold, taken }: ReachedThreshold, by: Pick<AuditEvent, 'actor' | 'act' | 'token_id'>): AuditEvent {
  const { kind, id, meter, period, start, bound } = counter;
  return {
    type: 'limit.threshold_reached', outcome: 'success', organization_id: organizationId, ...by, target: { kind, id },
    details: { limit: LIMIT_OF[meter], period, window_start: start?.toISOString(), threshold, taken, bound },
  };
}

/** What is taken for a use: of the counters of all who stand behind it, those that it concerns. */
export function taking(subjects: readonly BoundedSubject[], amounts: Amounts, as: 'reserved' | 'committed', at: number): CounterChange[] {
  return subjects.flatMap((subject) => countersOf(subject, at)).flatMap((counter) => {
    const amount = amountOf(amounts, counter.meter);
    return amount > 0 ? [{ key: counter.key, counter, reserved: as === 'reserved' ? amount : 0, committed: as === 'committed' ? amount : 0 }] : [];
  });
}

/** What a counter's key says of it, as events name it. */
export function counterNamed(key: string): { subject: { kind: string; id: string }; limit: string; period: string; window_start?: string } {
  const [kind, id, meter, period, ...start] = key.split(':') as [string, string, Meter, string, ...string[]];
  return { subject: { kind, id }, limit: LIMIT_OF[meter], period, window_start: start.join(':') || undefined };
}

/** A row as it would be if there were none. (What is given back was taken, so there is one; but PostgreSQL looks at this one first.) */
function rowOf({ key, counter, reserved, committed }: CounterChange): object {
  const [kind, id, meter, period] = key.split(':');
  return { key, kind, id, meter, period, start: counter?.start, end: counter?.end, bound: counter?.bound, reserved, committed };
}

/** One change a counter: a statement cannot touch a row twice. */
function merge(changes: readonly CounterChange[]): CounterChange[] {
  const merged = new Map<string, CounterChange>();
  for (const change of changes) {
    const other = merged.get(change.key);
    merged.set(change.key, {
      key: change.key, counter: change.counter ?? other?.counter, reserved: change.reserved + (other?.reserved ?? 0), committed: change.committed + (other?.committed ?? 0),
    });
  }
  return [...merged.values()];
}
