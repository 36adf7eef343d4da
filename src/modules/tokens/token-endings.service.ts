import { Injectable, type OnModuleInit } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { epochSeconds } from '../../kernel/clock.js';
import { Endings, type EndedCounts, type EndedThing } from '../audit/endings.service.js';
import { lookAtConsents, lookAtTokens, TOKEN_KINDS } from './ended-tokens.js';
import { BELOW_TOKEN, belowStruck, struckBy } from './struck-tokens.js';
import { standingOfAll } from './token-liveness.js';

export { allBelow, struckByIndex, STRUCK_UNINDEXED } from './struck-tokens.js';

/** Counts the live tokens that end with what somebody ends. */
@Injectable()
export class TokenEndings implements OnModuleInit {
  constructor(private readonly endings: Endings) {}

  onModuleInit(): void {
    this.endings.countBy(countTokens);
    this.endings.lookBy(TOKEN_KINDS, lookAtTokens);
    this.endings.lookBy(['consents'], lookAtConsents);
  }
}

async function countTokens(manager: EntityManager, { kind, id, organizationId, before }: EndedThing): Promise<EndedCounts> {
  if (kind === 'token') {
    // Below most tokens there is nothing, and that is quickly asked.
    const children = await manager.query<unknown[]>('SELECT FROM tokens WHERE parent_token_id = $1 LIMIT 1', [id]);
    if (children.length === 0) return { tokens: 0 };
  }
  const [row] = await manager.query<{ count: number }[]>(
    `WITH RECURSIVE ${kind === 'token' ? BELOW_TOKEN : belowStruck(struckBy(kind))}, ${standingOfAll('ended', 'to_timestamp($3)')}
     SELECT count(*)::int AS count FROM standing WHERE dead IS NULL`, [id, organizationId, epochSeconds(), ...(before ? [before] : [])]);
  return { tokens: row!.count };
}
