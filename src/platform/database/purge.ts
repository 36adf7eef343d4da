import type { EntityManager } from 'typeorm';

/** How many rows of a table go in one transaction: few enough that nobody waits for it. */
export const PURGE_BATCH = 500;

/**
 * Deletes rows that nobody needs any more, a bounded number at a time, and answers how many. A row that somebody changes at the
 * same moment stays until the next time.
 *
 * @param table one that is not partitioned, since the rows are found again by where they lie
 * @param condition SQL for which there is an index; its parameter $1 is `before`
 */
export async function purge(executor: Pick<EntityManager, 'query'>, table: string, condition: string, before: Date, limit: number): Promise<number> {
  const [, count] = await executor.query<[unknown[], number]>(
    `DELETE FROM ${table} WHERE ctid = ANY (ARRAY (SELECT ctid FROM ${table} WHERE ${condition} LIMIT $2))`, [before, limit]);
  return count;
}
