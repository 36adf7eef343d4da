import { Injectable, type OnModuleInit } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { epochSeconds, now } from '../../kernel/clock.js';
import { lowestId } from '../../platform/database/time-partitions.js';
import { Endings, type EndedCounts, type EndedThing } from '../audit/endings.service.js';
import { tasksBelow } from '../tasks/tasks-below.js';
import { standingOfAll } from './token-liveness.js';

/** No access token lives longer than this (`LEGATE_ACCESS_TOKEN_TTL`, and what a resource may set). */
const LONGEST_ACCESS_TOKEN_MS = 24 * 3600 * 1000;

const ofDelegations = (condition: string) => `SELECT t.token_id FROM tokens t WHERE t.delegation_grant_id IN (SELECT d.id FROM delegation_grants d WHERE ${condition})`;
const ofConsents = (condition: string) => `SELECT t.token_id FROM tokens t WHERE t.consent_grant_id IN (SELECT g.id FROM consent_grants g WHERE ${condition})`;

/**
 * The tokens that stand on something themselves, as far as indexes find them; whatever descends from them ends with them. `$1` is
 * its id.
 *
 * (Of an ended agent or person old tokens are not asked for: nothing outlives what it was exchanged for, and what outlives the
 * token that it renews is the agent's own.)
 */
export const STRUCK = {
  task: `${tasksBelow('$1::uuid')}
    SELECT t.token_id FROM inside JOIN tokens t ON t.token_id = inside.id
    UNION ALL SELECT t.token_id FROM inside JOIN tokens t ON t.task_id = inside.id AND t.task_id <> t.token_id`,
  delegation: ofDelegations('d.id = $1::uuid OR d.ancestors @> ARRAY[$1::uuid]'),
  consent: `${ofConsents('g.id = $1::uuid')} UNION ALL ${ofDelegations(
    'EXISTS (SELECT FROM consent_grants g WHERE g.id = $1::uuid AND (g.delegation_grant_id = d.id OR g.delegation_grant_id = ANY (d.ancestors)))')}`,
  agent: `${ofConsents('g.client_id = $1::uuid::text')} UNION ALL ${ofDelegations(
    'd.agent_id = $1::uuid OR EXISTS (SELECT FROM delegation_grants higher WHERE higher.agent_id = $1::uuid AND higher.id = ANY (d.ancestors))')}`,
  client: ofConsents('g.client_id = $1::text'),
  user: ofConsents('g.user_id = $1::uuid'),
} as const;

/** Those that no index finds, since the ledger has none by whom a token speaks for: as a condition on its rows `t`. */
export const STRUCK_UNINDEXED = {
  agent: '(t.agent_id = $1::uuid OR t.client_id = $1::uuid::text)',
  client: 't.client_id = $1::text',
  user: 't.user_id = $1::uuid',
  organization: 't.organization_id = $1::uuid',
} as const;

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

/** Counts the live tokens that end with what somebody ends. */
@Injectable()
export class TokenEndings implements OnModuleInit {
  constructor(private readonly endings: Endings) {}

  onModuleInit(): void {
    this.endings.countBy(countTokens);
  }
}

async function countTokens(manager: EntityManager, { kind, id, organizationId }: EndedThing): Promise<EndedCounts> {
  if (kind === 'token') {
    // Below most tokens there is nothing, and that is quickly asked.
    const children = await manager.query<unknown[]>('SELECT FROM tokens WHERE parent_token_id = $1 LIMIT 1', [id]);
    if (children.length === 0) return { tokens: 0 };
  }
  const [row] = await manager.query<{ count: number }[]>(
    `WITH RECURSIVE ${kind === 'token' ? BELOW_TOKEN : belowStruck(kind)}, ${standingOfAll('ended', 'to_timestamp($3)')}
     SELECT count(*)::int AS count FROM standing WHERE dead IS NULL`, [id, organizationId, epochSeconds()]);
  return { tokens: row!.count };
}

const IN_THE_LOG = '($2::uuid IS NULL OR t.organization_id = $2)';

const BELOW_TOKEN = `ended AS (
    SELECT t.token_id FROM tokens t
    WHERE t.parent_token_id IS NOT NULL AND t.root_token_id = (SELECT root_token_id FROM tokens WHERE token_id = $1::uuid) AND $1 = ANY (t.ancestors) AND ${IN_THE_LOG})`;

function belowStruck(kind: Exclude<EndedThing['kind'], 'token'>): string {
  const struck = kind === 'agent' || kind === 'user' ? `${recent(STRUCK_UNINDEXED[kind])} UNION ALL ${STRUCK[kind]}` : STRUCK[kind];
  return `${allBelow(struck)},
    ended AS (SELECT t.token_id FROM below JOIN tokens t ON t.token_id = below.token_id WHERE ${IN_THE_LOG})`;
}

/** The ledger is asked for access tokens that can still be alive. */
function recent(condition: string): string {
  return `SELECT t.token_id FROM tokens t WHERE ($2::uuid IS NULL OR t.organization_id = $2) AND t.token_id >= '${lowestId(now() - LONGEST_ACCESS_TOKEN_MS)}' AND ${condition}`;
}
