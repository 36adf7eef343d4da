import { Injectable, type OnModuleInit } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { epochSeconds, now } from '../../kernel/clock.js';
import { isId } from '../../kernel/ids.js';
import { lowestId } from '../../platform/database/time-partitions.js';
import { Endings, type EndedCounts, type EndedThing } from '../audit/endings.service.js';
import { tasksBelow } from '../tasks/tasks-below.js';
import { standingOfAll } from './token-liveness.js';

/** No access token lives longer than this (`LEGATE_ACCESS_TOKEN_TTL`, and what a resource may set). */
const LONGEST_ACCESS_TOKEN_MS = 24 * 3600 * 1000;

const ofDelegations = (condition: string) => `SELECT t.token_id FROM tokens t WHERE t.delegation_grant_id IN (SELECT d.id FROM delegation_grants d WHERE ${condition})`;
const ofConsents = (condition: string) => `SELECT t.token_id FROM tokens t WHERE t.consent_grant_id IN (SELECT g.id FROM consent_grants g WHERE ${condition})`;
/** The ledger has no index by whom a token speaks for: it is asked for access tokens that can still be alive at that time. */
const recent = (condition: string, at: number) =>
  `SELECT t.token_id FROM tokens t WHERE ($2::uuid IS NULL OR t.organization_id = $2) AND t.token_id >= '${lowestId(at - LONGEST_ACCESS_TOKEN_MS)}' AND ${condition}`;

/** What tokens end with: a client is ended as well, though nobody counts what goes with it. */
export type Ender = Pick<EndedThing, 'id'> & { readonly kind: EndedThing['kind'] | 'client' };

/** A token that ended, and whose it was. */
export interface EndedToken {
  readonly id: string;
  readonly organizationId: string;
}

/**
 * The tokens that stand on something themselves; whatever descends from them ends with them. `$1` is its id, `$2` whose log
 * tells of it.
 *
 * (Of an ended agent or person old tokens are not asked for: nothing outlives what it was exchanged for, and what outlives the
 * token that it renews is the agent's own.)
 */
const STRUCK: Readonly<Record<Exclude<Ender['kind'], 'token'>, (at: number) => string>> = {
  task: () => `${tasksBelow('$1::uuid')}
    SELECT t.token_id FROM inside JOIN tokens t ON t.token_id = inside.id
    UNION ALL SELECT t.token_id FROM inside JOIN tokens t ON t.task_id = inside.id AND t.task_id <> t.token_id`,
  delegation: () => ofDelegations('d.id = $1 OR d.ancestors @> ARRAY[$1::uuid]'),
  consent: () => `${ofConsents('g.id = $1')} UNION ALL ${ofDelegations(
    'EXISTS (SELECT FROM consent_grants g WHERE g.id = $1 AND (g.delegation_grant_id = d.id OR g.delegation_grant_id = ANY (d.ancestors)))')}`,
  agent: (at) => `${recent('(t.agent_id = $1 OR t.client_id = $1::text)', at)} UNION ALL ${ofConsents('g.client_id = $1::text')} UNION ALL ${ofDelegations(
    'd.agent_id = $1 OR EXISTS (SELECT FROM delegation_grants higher WHERE higher.agent_id = $1 AND higher.id = ANY (d.ancestors))')}`,
  user: (at) => `${recent('t.user_id = $1', at)} UNION ALL ${ofConsents('g.user_id = $1')}`,
  client: (at) => `${recent('t.client_id = $1::text', at)} UNION ALL ${ofConsents('g.client_id = $1::text')}`,
};

/** The live tokens that end with what somebody ends: how many, and which. */
@Injectable()
export class TokenEndings implements OnModuleInit {
  constructor(private readonly endings: Endings) {}

  onModuleInit(): void {
    this.endings.countBy(countTokens);
  }

  /**
   * The access tokens that are over now and stood on something that was ended, or descend from what did, itself among them; those
   * that had expired before are left out. What was over already for another reason is not told apart. By their ids.
   *
   * @param endedAt milliseconds since the epoch
   * @param organizationId whose; null for everybody's
   */
  async tokensEndedWith(manager: EntityManager, { kind, id }: Ender, endedAt: number, organizationId: string | null, limit: number): Promise<EndedToken[]> {
    if (kind !== 'client' && !isId(id)) return [];
    return manager.query<EndedToken[]>(
      `WITH RECURSIVE ${kind === 'token' ? tokenAndBelow({ itself: true }) : struckAndBelow(STRUCK[kind](endedAt))}, ${standingOfAll('ended', 'to_timestamp($3)')}
       SELECT t.token_id AS id, t.organization_id AS "organizationId" FROM standing JOIN tokens t ON t.token_id = standing.token_id
       WHERE standing.dead IS NOT NULL AND t.kind = 'access_token' AND t.expires_at > to_timestamp($4::double precision / 1000) ORDER BY t.token_id LIMIT ${limit}`,
      [id, organizationId, epochSeconds(), endedAt]);
  }
}

async function countTokens(manager: EntityManager, { kind, id, organizationId }: EndedThing): Promise<EndedCounts> {
  if (kind === 'token') {
    // Below most tokens there is nothing, and that is quickly asked.
    const children = await manager.query<unknown[]>('SELECT FROM tokens WHERE parent_token_id = $1 LIMIT 1', [id]);
    if (children.length === 0) return { tokens: 0 };
  }
  const [row] = await manager.query<{ count: number }[]>(
    `WITH RECURSIVE ${kind === 'token' ? tokenAndBelow({ itself: false }) : struckAndBelow(STRUCK[kind](now()))}, ${standingOfAll('ended', 'to_timestamp($3)')}
     SELECT count(*)::int AS count FROM standing WHERE dead IS NULL`, [id, organizationId, epochSeconds()]);
  return { tokens: row!.count };
}

const IN_THE_LOG = '($2::uuid IS NULL OR t.organization_id = $2)';

function tokenAndBelow({ itself }: { readonly itself: boolean }): string {
  return `ended AS (
    SELECT t.token_id FROM tokens t
    WHERE t.parent_token_id IS NOT NULL AND t.root_token_id = (SELECT root_token_id FROM tokens WHERE token_id = $1::uuid) AND $1 = ANY (t.ancestors) AND ${IN_THE_LOG}
    ${itself ? `UNION ALL SELECT t.token_id FROM tokens t WHERE t.token_id = $1::uuid AND ${IN_THE_LOG}` : ''})`;
}

function struckAndBelow(struck: string): string {
  return `struck AS (${struck}),
    below AS (SELECT token_id FROM struck UNION SELECT child.token_id FROM below JOIN tokens child ON child.parent_token_id = below.token_id),
    ended AS (SELECT t.token_id FROM below JOIN tokens t ON t.token_id = below.token_id WHERE ${IN_THE_LOG})`;
}
