import { Injectable, type OnModuleInit } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { now } from '../../kernel/clock.js';
import { Background } from '../../platform/database/background.js';
import { purge, PURGE_BATCH } from '../../platform/database/purge.js';
import { countsIn, type Counted } from './audit-counts.js';
import type { LogReach } from './logged-event.js';

/** Figures are kept for so long. */
const KEPT_MS = 400 * 24 * 3600 * 1000;
/** How many events that the index has not come to are counted for an answer. More than that there are only behind a great load. */
const MOST_UNREAD = 20_000;

export interface Count {
  readonly name: string;
  readonly count: number;
}

export interface CountInPeriod extends Count {
  /** Its beginning. */
  readonly period: Date;
}

/** How much happened when, as the log tells: what the index has counted, and the newest events themselves. */
@Injectable()
export class AuditStatistics implements OnModuleInit {
  constructor(private readonly dataSource: DataSource, private readonly background: Background) {}

  onModuleInit(): void {
    this.background.every({ name: 'audit counts', everySeconds: 3600, run: async (manager) => await this.forget(manager) === PURGE_BATCH });
  }

  /**
   * By hour or day, the earliest first.
   *
   * @param from the beginning of an hour or day, in UTC
   * @param name only what is counted under this name
   */
  async overTime(reach: LogReach, what: Counted, from: Date, step: 'hour' | 'day', name?: string): Promise<CountInPeriod[]> {
    const rows = await this.dataSource.query<{ period: Date; name: string; count: string }[]>(
      `${counts(reach)} SELECT date_trunc('${step}', period, 'UTC') AS period, name, sum(count) AS count FROM counts WHERE $3::text IS NULL OR name = $3 GROUP BY 1, 2 ORDER BY 1, 2`,
      valuesOf(reach, what, from, name ?? null));
    return rows.map(({ period, name, count }) => ({ period, name, count: Number(count) }));
  }

  /** In all, the most frequent first. */
  async most(reach: LogReach, what: Counted, from: Date, limit: number): Promise<Count[]> {
    const rows = await this.dataSource.query<{ name: string; count: string }[]>(
      `${counts(reach)} SELECT name, sum(count) AS count FROM counts GROUP BY name ORDER BY sum(count) DESC, name LIMIT $3`, valuesOf(reach, what, from, limit));
    return rows.map(({ name, count }) => ({ name, count: Number(count) }));
  }

  private forget(manager: EntityManager): Promise<number> {
    return purge(manager, 'audit_counts', 'period < $1', new Date(now() - KEPT_MS), PURGE_BATCH);
  }
}

/** Both parts as the log stood at one moment, so that nothing is counted twice or left out. */
function counts(reach: LogReach): string {
  const own = reach === 'all' ? '' : 'AND organization_id = $4';
  const unread = `SELECT organization_id, occurred_at, type, outcome, body::jsonb AS body FROM audit_events
    WHERE sequence >= (SELECT sequence FROM audit_readers WHERE reader = 'mentions') AND sequence < (SELECT sequence + ${MOST_UNREAD} FROM audit_readers WHERE reader = 'mentions') ${own}`;
  return `WITH counts AS (
    SELECT period, name, count FROM audit_counts WHERE what = $1 AND period >= $2 ${own}
    UNION ALL SELECT period, name, count FROM (${countsIn(unread)}) AS unread WHERE what = $1 AND period >= $2)`;
}

function valuesOf(reach: LogReach, what: Counted, from: Date, third: unknown): unknown[] {
  return [what, from, third, ...(reach === 'all' ? [] : [reach.organizationId])];
}
