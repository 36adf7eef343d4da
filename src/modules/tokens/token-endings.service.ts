import { Injectable, type OnModuleInit } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { epochSeconds } from '../../kernel/clock.js';
import { isId } from '../../kernel/ids.js';
import { Endings, type EndedCounts, type EndedThing } from '../audit/endings.service.js';
import { lookAtConsents, lookAtTokens, TOKEN_KINDS } from './ended-tokens.js';
import { belowStruck, belowToken, struckBy, type Ender } from './struck-tokens.js';
import { standingOfAll } from './token-liveness.js';

export { allBelow, struckByIndex, STRUCK_UNINDEXED, type Ender } from './struck-tokens.js';

/** A token that ended, and whose it was. */
export interface EndedToken {
  readonly id: string;
  readonly organizationId: string;
}

/** The live tokens that end with what somebody ends: how many, and which. */
@Injectable()
export class TokenEndings implements OnModuleInit {
  constructor(private readonly endings: Endings) {}

  onModuleInit(): void {
    this.endings.countBy(countTokens);
    this.endings.lookBy(TOKEN_KINDS, lookAtTokens);
    this.endings.lookBy(['consents'], lookAtConsents);
  }

  /**
   * The access tokens that are over now and stood on something that was ended, or descend from what did, itself among them; those
   * that had expired before are left out. What was over already for another reason is not told apart. By their ids.
   *
   * @param endedAt milliseconds since the epoch
   * @param organizationId whose; null for everybody's
   */
  async tokensEndedWith(manager: EntityManager, { kind, id }: Ender, endedAt: number, organizationId: string | null, limit: number): Promise<EndedToken[]> {
    if (kind !== 'client' && kind !== 'everything' && !isId(id)) return [];
    return manager.query<EndedToken[]>(
      `WITH RECURSIVE ${kind === 'token' ? belowToken({ itself: true }) : belowStruck(struckBy(kind, 't.token_id', endedAt))}, ${standingOfAll('ended', 'to_timestamp($3)')}
       SELECT t.token_id AS id, t.organization_id AS "organizationId" FROM standing JOIN tokens t ON t.token_id = standing.token_id
       WHERE standing.dead IS NOT NULL AND t.kind = 'access_token' AND t.expires_at > to_timestamp($4::double precision / 1000) ORDER BY t.token_id LIMIT ${limit}`,
      [id, organizationId, epochSeconds(), endedAt]);
  }
}

async function countTokens(manager: EntityManager, { kind, id, organizationId, before }: EndedThing): Promise<EndedCounts> {
  if (kind === 'token') {
    // Below most tokens there is nothing, and that is quickly asked.
    const children = await manager.query<unknown[]>('SELECT FROM tokens WHERE parent_token_id = $1 LIMIT 1', [id]);
    if (children.length === 0) return { tokens: 0 };
  }
  const [row] = await manager.query<{ count: number }[]>(
    `WITH RECURSIVE ${kind === 'token' ? belowToken() : belowStruck(struckBy(kind))}, ${standingOfAll('ended', 'to_timestamp($3)')}
     SELECT count(*)::int AS count FROM standing WHERE dead IS NULL`, [id, organizationId, epochSeconds(), ...(before ? [before] : [])]);
  return { tokens: row!.count };
}
