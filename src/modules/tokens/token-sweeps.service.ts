import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { epochSeconds, now, nowDate } from '../../kernel/clock.js';
import { lowestId } from '../../platform/database/time-partitions.js';
import { lookInTime, type EndedKinds } from '../audit/endings.service.js';
import { ConsentGrants } from './consent-grants.service.js';
import { lookAtStruck, TOKEN_KINDS } from './ended-tokens.js';
import { IS_OLD_REFRESH_TOKEN, isRecent } from './struck-tokens.js';
import { judgedColumns } from './token-liveness.js';

/** Which tokens somebody ends: those for which all that is given holds. */
export interface TokenCriteria {
  readonly client_id?: string;
  /** It speaks for this agent, or the agent got it. */
  readonly agent_id?: string;
  readonly user_id?: string;
  readonly task_id?: string;
  readonly delegation_grant_id?: string;
  /** It carries this very scope. */
  readonly scope?: string;
  readonly audience?: string;
  /** RFC 3339. */
  readonly issued_before?: string;
  /** RFC 3339; the moment itself counts. */
  readonly issued_after?: string;
  readonly signed_with?: SigningPeriod;
}

/** The key that signed a token is not in the ledger: it is told by the algorithm of the resource, and by when the key signed. */
export interface SigningPeriod {
  readonly algorithm: string;
  /** RFC 3339. */
  readonly from: string;
  /** RFC 3339; undefined while it signs. */
  readonly to?: string;
}

export interface Sweep {
  readonly criteria: TokenCriteria;
  /** In which organization; null for all. */
  readonly organizationId: string | null;
  /** Whether what renews the tokens ends as well. A refresh token that matches itself always ends. */
  readonly endsConsents: boolean;
}

/** SQL for the token `t`, of the criteria in `$1`. */
const CONDITIONS: Readonly<Record<keyof TokenCriteria, string>> = {
  client_id: `t.client_id = $1::jsonb ->> 'client_id'`,
  agent_id: `(t.agent_id = ($1::jsonb ->> 'agent_id')::uuid OR t.client_id = $1::jsonb ->> 'agent_id')`,
  user_id: `t.user_id = ($1::jsonb ->> 'user_id')::uuid`,
  task_id: `t.task_id = ($1::jsonb ->> 'task_id')::uuid`,
  delegation_grant_id: `t.delegation_grant_id = ($1::jsonb ->> 'delegation_grant_id')::uuid`,
  scope: `string_to_array(t.scope, ' ') @> ARRAY[$1::jsonb ->> 'scope']`,
  audience: `t.audience = $1::jsonb ->> 'audience'`,
  issued_before: `t.issued_at < ($1::jsonb ->> 'issued_before')::timestamptz`,
  issued_after: `t.issued_at >= ($1::jsonb ->> 'issued_after')::timestamptz`,
  // What a resource was set to before its last change nobody knows: then it may have been this key.
  signed_with: `t.format = 'jwt' AND t.kind = 'access_token' AND t.issued_at >= ($1::jsonb #>> '{signed_with,from}')::timestamptz
    AND t.issued_at <= coalesce(($1::jsonb #>> '{signed_with,to}')::timestamptz, 'infinity')
    AND NOT EXISTS (SELECT FROM resources r WHERE r.identifier = t.audience AND r.signing_algorithm <> $1::jsonb #>> '{signed_with,algorithm}' AND r.updated_at < t.issued_at - interval '5 seconds')`,
};

/** By these a client gets tokens on the consent of a person, and can renew them. */
const OF_CONSENT = `('authorization_code', 'refresh_token')`;
/** Clocks of nodes may differ by so much, and a token is dated before it is written. */
const DATED_EARLIER_MS = 60_000;
const MOST_ATTEMPTS = 5;
/** Rows that one statement marks. */
const BATCH = 10_000;
/** Below every id. */
const NO_ID = '00000000-0000-0000-0000-000000000000';

/** Somebody else was changing what has to end, and had not finished. */
class StillMoving extends Error {}

/** PostgreSQL chose us of two that waited for each other. */
const DEADLOCK = '40P01';

function mayTryAgain(error: unknown): boolean {
  return error instanceof StillMoving || (error as { driverError?: { code?: string } }).driverError?.code === DEADLOCK;
}

/**
 * Ends tokens of one kind or another, each by its row; what descends from them is dead with them. Nothing slips through:
 * 1. those that are there are marked, while issuance goes on;
 * 2. the caller's event takes the head of the audit log, before which no token is committed any more;
 * 3. those that have come since the first look are marked as well. Nobody is waited for under the head: whoever holds such a row
 *    waits for the head in turn. Then all is undone, and done again.
 */
@Injectable()
export class TokenSweeps {
  constructor(private readonly consents: ConsentGrants) {}

  /** What would end, within a transaction: as `Endings.look`. */
  async look(manager: EntityManager, sweep: Sweep): Promise<EndedKinds> {
    const { criteria, organizationId, endsConsents } = sweep;
    const [subject, , at] = valuesOf(sweep);
    const matched = (most: number) => `WITH matched AS (SELECT * FROM (${matching(criteria)}) every LIMIT ${most}),
      consents AS (SELECT DISTINCT m.consent_grant_id AS id FROM matched m WHERE m.consent_grant_id IS NOT NULL AND ${renews(endsConsents, 'm')})`;
    return lookInTime(manager, [...TOKEN_KINDS, 'consents'], async (most) => {
      const tokens = await lookAtStruck(manager, `${matched(most)}
        SELECT ${judgedColumns('m')} FROM matched m
        UNION ALL SELECT ${judgedColumns('t')} FROM tokens t WHERE t.consent_grant_id IN (SELECT id FROM consents)
        UNION ALL SELECT ${judgedColumns('t')} FROM tokens t WHERE t.delegation_grant_id IN (
          SELECT d.id FROM delegation_grants d, consent_grants g WHERE g.id IN (SELECT id FROM consents) AND (d.id = g.delegation_grant_id OR g.delegation_grant_id = ANY (d.ancestors)))`,
      subject, organizationId, most);
      const [row] = await manager.query<{ count: number }[]>(
        `${matched(most)} SELECT count(*)::int AS count FROM consent_grants g WHERE g.id IN (SELECT id FROM consents) AND g.revoked_at IS NULL AND g.expires_at > to_timestamp($3)`,
        [subject, organizationId, at]);
      return { ...tokens, consents: { count: row!.count, isMinimum: tokens['tokens']!.isMinimum, names: [], more: 0 } };
    });
  }

  /**
   * @param inTransaction runs one attempt as a whole in a transaction of its own
   */
  async retrying<T>(inTransaction: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await inTransaction();
      } catch (error) {
        if (!mayTryAgain(error) || attempt === MOST_ATTEMPTS) throw error;
      }
    }
  }

  /**
   * Call it within `retrying`, last in the transaction.
   * @param record writes the event that tells of it
   */
  async end(manager: EntityManager, sweep: Sweep, record: () => Promise<void>): Promise<void> {
    // Two that go through the same rows, each in its own order, would wait for each other.
    await manager.query(`SELECT pg_advisory_xact_lock(hashtext('token sweeps'))`);
    const began = lowestId(now() - DATED_EARLIER_MS);
    for (const where of [isRecent(), IS_OLD_REFRESH_TOKEN]) await this.markAll(manager, sweep, where);
    await record();
    const arrived = `${isRecent()} AND t.token_id >= '${began}' AND ${conditionOf(sweep.criteria)}`;
    const { consents: renewing } = await mark(manager, sweep, arrived, 'SKIP LOCKED');
    if (!await this.consents.revokeEach(manager, renewing, true)) throw new StillMoving();
    const left = await manager.query<unknown[]>(`SELECT FROM tokens t WHERE ${arrived} LIMIT 1`, valuesOf(sweep));
    if (left.length > 0) throw new StillMoving();
  }

  /** In batches: no statement takes as long as all of them might. */
  private async markAll(manager: EntityManager, sweep: Sweep, where: string): Promise<void> {
    let after: string | null = NO_ID;
    while (after !== null) {
      const { consents, last }: Marked = await mark(manager, sweep, `${where} AND t.token_id > '${after}'`);
      await this.consents.revokeEach(manager, consents, false);
      after = last;
    }
  }
}

function valuesOf({ criteria, organizationId }: Sweep): unknown[] {
  return [JSON.stringify(criteria), organizationId, epochSeconds()];
}

interface Marked {
  /** By which what was marked would be renewed. */
  readonly consents: readonly string[];
  /** The last token of a full batch; null when nothing is left. */
  readonly last: string | null;
}

async function mark(manager: EntityManager, sweep: Sweep, where: string, locking: '' | 'SKIP LOCKED' = ''): Promise<Marked> {
  const [marked] = await manager.query<Marked[]>(
    `WITH free AS MATERIALIZED (SELECT t.token_id FROM tokens t WHERE ${where} AND ${conditionOf(sweep.criteria)} ORDER BY t.token_id LIMIT ${BATCH} FOR UPDATE ${locking}),
     marked AS (UPDATE tokens t SET revoked_at = $4 WHERE t.token_id = ANY (ARRAY(SELECT token_id FROM free)) RETURNING t.consent_grant_id, t.grant_type, t.kind)
     SELECT ARRAY(SELECT DISTINCT m.consent_grant_id FROM marked m WHERE m.consent_grant_id IS NOT NULL AND ${renews(sweep.endsConsents, 'm')}) AS consents,
       (SELECT token_id FROM free ORDER BY token_id OFFSET ${BATCH - 1}) AS last`, [...valuesOf(sweep), nowDate()]);
  return marked!;
}

/** SQL of what is asked for, of tokens that are not over by themselves. */
function conditionOf(criteria: TokenCriteria): string {
  const given = (Object.keys(criteria) as (keyof TokenCriteria)[]).filter((name) => criteria[name] !== undefined);
  return [...given.map((name) => CONDITIONS[name]), 't.revoked_at IS NULL', 't.expires_at > to_timestamp($3)'].join(' AND ');
}

/** SQL of the tokens that a sweep is about; one may come twice. */
function matching(criteria: TokenCriteria): string {
  const among = (where: string) => `SELECT ${judgedColumns('t')}, t.grant_type FROM tokens t WHERE ${where} AND ${conditionOf(criteria)}`;
  return `${among(isRecent())} UNION ALL ${among(IS_OLD_REFRESH_TOKEN)}`;
}

function renews(endsConsents: boolean, token: string): string {
  return endsConsents ? `${token}.grant_type IN ${OF_CONSENT}` : `${token}.kind = 'refresh_token'`;
}
