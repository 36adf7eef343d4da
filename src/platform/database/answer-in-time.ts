import type { EntityManager } from 'typeorm';

/** How a question is asked once. */
export interface Attempt {
  /** How much is looked at. */
  readonly most: number;
  /** For how long it may take. The database's own limit holds as well. */
  readonly milliseconds: number;
}

/** `query_canceled`: the statement took too long. */
const CANCELLED = '57014';

const LIMIT = `SELECT set_config('statement_timeout', CASE WHEN setting::int BETWEEN 1 AND $1 THEN setting ELSE $1::text END, true) FROM pg_settings WHERE name = 'statement_timeout'`;
const USUAL = `SELECT set_config('statement_timeout', reset_val, true) FROM pg_settings WHERE name = 'statement_timeout'`;

/**
 * Asks for less and less until an answer comes in time, for what is good to know and must hold nothing up. The transaction of the
 * caller goes on in any case.
 *
 * @returns undefined when there is no answer in time
 */
export async function answerInTime<T>(manager: EntityManager, attempts: readonly Attempt[], ask: (most: number) => Promise<T>): Promise<T | undefined> {
  for (const { most, milliseconds } of attempts) {
    await manager.query('SAVEPOINT question');
    try {
      await manager.query(LIMIT, [milliseconds]);
      const answer = await ask(most);
      await manager.query(USUAL);
      await manager.query('RELEASE SAVEPOINT question');
      return answer;
    } catch (error) {
      if ((error as { driverError?: { code?: string } }).driverError?.code !== CANCELLED) throw error;
      // The limit goes back with it.
      await manager.query('ROLLBACK TO SAVEPOINT question');
      await manager.query('RELEASE SAVEPOINT question');
    }
  }
  return undefined;
}
