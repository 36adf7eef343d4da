import type { EntityManager } from 'typeorm';
import { nowDate } from '../../kernel/clock.js';

/**
 * Monthly partitions of a table that is range-partitioned on a UUIDv7 column: the first 48 bits of such an id are its
 * time in milliseconds (RFC 9562 section 5.7), so a lookup by id touches one partition and purging is dropping.
 */
export interface MonthPartition {
  readonly name: string;
  /** Inclusive lower and exclusive upper bound. */
  readonly from: string;
  readonly to: string;
}

/** The partitions from one month before to `ahead` months after the given time, so that a clock that jumps a little finds one. */
export function monthPartitions(table: string, at: Date, ahead: number): MonthPartition[] {
  return Array.from({ length: ahead + 2 }, (_, index) => {
    const start = Date.UTC(at.getUTCFullYear(), at.getUTCMonth() - 1 + index);
    const end = Date.UTC(at.getUTCFullYear(), at.getUTCMonth() + index);
    return { name: `${table}_${new Date(start).toISOString().slice(0, 7).replace('-', '_')}`, from: lowestId(start), to: lowestId(end) };
  });
}

/** The form of the month in a name. */
const MONTH = '2026_01';

/** Makes the partitions that are missing, in the caller's transaction. Safe to run on several nodes at once. */
export async function ensureMonthPartitions(manager: EntityManager, table: string, ahead = 3): Promise<void> {
  await manager.query('SELECT pg_advisory_xact_lock(hashtext($1))', [`partitions:${table}`]);
  for (const { name, from, to } of monthPartitions(table, nowDate(), ahead)) {
    await manager.query('SELECT make_month_partition($1, $2, $3, $4)', [table, name.slice(-MONTH.length), from, to]);
  }
}

/** The lowest UUIDv7 of this time: ids made since are not below it. */
export function lowestId(milliseconds: number): string {
  const time = milliseconds.toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-0000-0000-000000000000`;
}
