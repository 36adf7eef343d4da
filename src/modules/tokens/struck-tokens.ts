import { now } from '../../kernel/clock.js';
import { lowestId } from '../../platform/database/time-partitions.js';
import type { EndedThing } from '../audit/endings.service.js';
import { tasksBelow } from '../tasks/tasks-below.js';
import { goesBackBefore, judgedColumns } from './token-liveness.js';

/** No access token lives longer than this (`LEGATE_ACCESS_TOKEN_TTL`, and what a resource may set). */
const LONGEST_ACCESS_TOKEN_MS = 24 * 3600 * 1000;

const ofDelegations = (columns: string, condition: string) => `SELECT ${columns} FROM tokens t WHERE t.delegation_grant_id IN (SELECT d.id FROM delegation_grants d WHERE ${condition})`;
const ofConsents = (columns: string, condition: string) => `SELECT ${columns} FROM tokens t WHERE t.consent_grant_id IN (SELECT g.id FROM consent_grants g WHERE ${condition})`;

/** SQL: is the token `t` in the log of `$2`, and so young that it can still be an access token that was alive at that time? */
export function isRecent(at = now()): string {
  return `($2::uuid IS NULL OR t.organization_id = $2) AND t.token_id >= '${lowestRecent(at)}'`;
}

function lowestRecent(at: number): string {
  return lowestId(at - LONGEST_ACCESS_TOKEN_MS);
}

/** SQL: a refresh token, which lives for long, is found by its consent. */
export const IS_OLD_REFRESH_TOKEN = `t.kind = 'refresh_token' AND t.consent_grant_id IN (SELECT g.id FROM consent_grants g WHERE $2::uuid IS NULL OR g.organization_id = $2)`;

/** The ledger has no index by whom a token speaks for: it is asked for access tokens that can still be alive. */
const recent = (columns: string, condition: string, at: number) => `SELECT ${columns} FROM tokens t WHERE ${isRecent(at)} AND ${condition}`;

const IN_THE_PAST = `${goesBackBefore('t', '$4::timestamptz')} AND ($1::text = '' OR t.client_id = $1)`;

/**
 * The tokens that stand on something themselves, as far as indexes find them; whatever descends from them ends with them. `$1` is its
 * id.
 *
 * (Of an ended agent or person old tokens are not asked for: nothing outlives what it was exchanged for, and what outlives the
 * token that it renews is the agent's own.)
 */
const INDEXED = {
  task: (columns: string) => `${tasksBelow('$1::uuid')}
    SELECT ${columns} FROM inside JOIN tokens t ON t.token_id = inside.id
    UNION ALL SELECT ${columns} FROM inside JOIN tokens t ON t.task_id = inside.id AND t.task_id <> t.token_id`,
  delegation: (columns: string) => ofDelegations(columns, 'd.id = $1::uuid OR d.ancestors @> ARRAY[$1::uuid]'),
  consent: (columns: string) => `${ofConsents(columns, 'g.id = $1::uuid')} UNION ALL ${ofDelegations(columns,
    'EXISTS (SELECT FROM consent_grants g WHERE g.id = $1::uuid AND (g.delegation_grant_id = d.id OR g.delegation_grant_id = ANY (d.ancestors)))')}`,
  agent: (columns: string) => `${ofConsents(columns, 'g.client_id = $1::uuid::text')} UNION ALL ${ofDelegations(columns,
    'd.agent_id = $1::uuid OR EXISTS (SELECT FROM delegation_grants higher WHERE higher.agent_id = $1::uuid AND higher.id = ANY (d.ancestors))')}`,
  client: (columns: string) => ofConsents(columns, 'g.client_id = $1::text'),
  user: (columns: string) => ofConsents(columns, 'g.user_id = $1::uuid'),
  organization: (columns: string) => ofConsents(columns, 'g.organization_id = $1::uuid'),
} as const;

/** Those that no index finds, since the ledger has none by whom a token speaks for: as a condition on its rows `t`. */
export const STRUCK_UNINDEXED = {
  agent: '(t.agent_id = $1::uuid OR t.client_id = $1::uuid::text)',
  client: 't.client_id = $1::text',
  user: 't.user_id = $1::uuid',
  organization: 't.organization_id = $1::uuid',
  /** All that there are; `$1` is empty. */
  everything: `$1::text = ''`,
} as const;

/** @param columns SQL of what is wanted of the token `t`; a token may come twice */
export function struckByIndex(kind: keyof typeof INDEXED, columns = 't.token_id'): string {
  return INDEXED[kind](columns);
}

/** What tokens end with: a client is ended as well, though nobody counts what goes with it. */
export type Ender = Pick<EndedThing, 'id'> & { readonly kind: Exclude<EndedThing['kind'], 'past'> | 'client' | 'everything' };

/**
 * All of them that were alive at a time, found by indexes or not. `$2` is whose log tells of it, `$4` the moment of what is past.
 *
 * @param columns as of `struckByIndex`
 * @param at milliseconds since the epoch
 */
export function struckBy(kind: Exclude<EndedThing['kind'] | Ender['kind'], 'token'>, columns = 't.token_id', at = now()): string {
  switch (kind) {
    case 'past': return `${recent(columns, IN_THE_PAST, at)} UNION ALL SELECT ${columns} FROM tokens t WHERE ${IS_OLD_REFRESH_TOKEN} AND ${IN_THE_PAST}`;
    case 'everything': return recent(columns, STRUCK_UNINDEXED.everything, at);
    case 'agent': case 'client': case 'user': case 'organization': return `${recent(columns, STRUCK_UNINDEXED[kind], at)} UNION ALL ${INDEXED[kind](columns)}`;
    default: return INDEXED[kind](columns);
  }
}

const IN_THE_LOG = '($2::uuid IS NULL OR t.organization_id = $2)';

const BELOW_TOKEN = `SELECT t.token_id FROM tokens t
    WHERE t.parent_token_id IS NOT NULL AND t.root_token_id = (SELECT root_token_id FROM tokens WHERE token_id = $1::uuid) AND $1 = ANY (t.ancestors) AND ${IN_THE_LOG}`;

/** As the common table expression `ended (token_id)`: what descends from the token `$1`, and itself where that is asked for. */
export function belowToken({ itself = false } = {}): string {
  return `ended AS (${BELOW_TOKEN}${itself ? ` UNION ALL SELECT t.token_id FROM tokens t WHERE t.token_id = $1::uuid AND ${IN_THE_LOG}` : ''})`;
}

/**
 * Recursive common table expressions, of which the last is `below (token_id)`: the tokens that stand on something themselves, and
 * all that descend from those.
 *
 * @param struck SQL of the former
 */
export function allBelow(struck: string): string {
  return `struck AS (${struck}),
    below AS (SELECT token_id FROM struck UNION SELECT child.token_id FROM below JOIN tokens child ON child.parent_token_id = below.token_id)`;
}

/** The same as `ended (token_id)`, of one log. */
export function belowStruck(struck: string): string {
  return `${allBelow(struck)}, ended AS (SELECT t.token_id FROM below JOIN tokens t ON t.token_id = below.token_id WHERE ${IN_THE_LOG})`;
}

/**
 * The same as whole rows (`judgedColumns`), for very many: none is looked up again. What is old and descends from it has expired.
 *
 * @param struck SQL of rows
 * @param most how many that are struck are looked at
 */
export function rowsBelowStruck(struck: string, most: number): string {
  return `struck AS (SELECT * FROM (${struck}) every LIMIT ${most}),
    below AS (SELECT * FROM struck UNION SELECT ${judgedColumns('child')} FROM below JOIN tokens child ON child.parent_token_id = below.token_id AND child.token_id >= '${lowestRecent(now())}'),
    ended AS (SELECT * FROM below t WHERE ${IN_THE_LOG})`;
}
