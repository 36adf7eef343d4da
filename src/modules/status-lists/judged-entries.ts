import type { EntityManager } from 'typeorm';
import { epochSeconds } from '../../kernel/clock.js';
import { LIST_SIZE } from '../tokens/status-entries.service.js';
import { allBelow } from '../tokens/token-endings.service.js';
import { standingOfAll } from '../tokens/token-liveness.js';

/** What is to be written into one status list. Indexes are 32-bit big-endian integers. */
export interface JudgedEntries {
  readonly list: string;
  readonly ended: Buffer | null;
  readonly alive: Buffer | null;
}

/**
 * How tokens stand, and all that descends from them, as far as they have an entry in a status list and have not expired: what
 * introspection would say of each of them now.
 *
 * @param struck SQL of their `token_id`s, with parameters `$1` to `$9`
 * @param values of those parameters
 */
export function judgedEntries(manager: EntityManager, struck: string, values: readonly unknown[]): Promise<JudgedEntries[]> {
  const shifted = struck.replaceAll(/\$(\d)/g, (_, number: string) => `$${Number(number) + 1}`);
  return manager.query<JudgedEntries[]>(
    `WITH RECURSIVE ${allBelow(shifted)},
      entered AS MATERIALIZED (SELECT t.token_id FROM below JOIN tokens t ON t.token_id = below.token_id WHERE t.status_entry IS NOT NULL AND t.expires_at > ${AT}),
      ${standingOfAll('entered', AT)}
    SELECT t.status_entry / ${LIST_SIZE} AS list,
      string_agg(int4send((t.status_entry % ${LIST_SIZE})::int), '') FILTER (WHERE standing.dead IS NOT NULL) AS ended,
      string_agg(int4send((t.status_entry % ${LIST_SIZE})::int), '') FILTER (WHERE standing.dead IS NULL) AS alive
    FROM standing JOIN tokens t ON t.token_id = standing.token_id GROUP BY 1`, [epochSeconds(), ...values]);
}

const AT = 'to_timestamp($1)';
