import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { Repository, type SelectQueryBuilder } from 'typeorm';
import { epochSeconds } from '../../kernel/clock.js';
import { isId } from '../../kernel/ids.js';
import { MasterKey } from '../../platform/crypto/master-key.js';
import type { Caller } from '../../platform/http/caller.js';
import { readPage, type Page, type PageQuery } from '../../platform/http/page.js';
import { standingOf } from '../organizations/roles.js';
import { LedgerToken } from './ledger-token.entity.js';
import { TokenLedger } from './token-ledger.service.js';
import { deadBecause, LIVENESS_JOINS, type Death } from './token-liveness.js';
import { TokenVerifier, type AccessTokenClaims } from './token-verifier.service.js';
import { tokenNotFound } from './tokens.errors.js';

/**
 * How many tokens one page of a list looks at that shows only some of them: a client may have had its last of many millions long
 * ago. No index finds those: two more on the ledger would be moved by every token that is issued (docs/performance.md).
 */
export const LOOKED_AT = 20_000;

export interface TokenFilter extends PageQuery {
  readonly client_id?: string;
  readonly subject?: string;
  readonly active?: boolean;
}

/** A row of the ledger and how it stands now. */
export interface StandingToken {
  readonly token: LedgerToken;
  /** Null while it is alive. */
  readonly dead: Death | null;
}

/**
 * What callers of the API see of the ledger: tokens of their organization. Members see those that speak for them and for
 * their agents.
 */
@Injectable()
export class TokenDirectory {
  private readonly cursorKey: Buffer;

  constructor(
    @InjectRepository(LedgerToken) private readonly rows: Repository<LedgerToken>,
    private readonly ledger: TokenLedger,
    private readonly verifier: TokenVerifier,
    masterKey: MasterKey,
  ) {
    this.cursorKey = masterKey.derive('list-cursor');
  }

  /** The newest first. A page that looks for some of them may be short, or empty, while there is more. */
  async list(caller: Caller, filter: TokenFilter): Promise<Page<StandingToken>> {
    const tokens = this.within(caller);
    if (filter.client_id !== undefined) tokens.andWhere('t.clientId = :clientId', { clientId: filter.client_id });
    if (filter.subject !== undefined) tokens.andWhere('t.subject = :subject', { subject: filter.subject });
    if (filter.active !== undefined) {
      // The same text that introspection asks, of the same present. What most tokens end by needs no look at anything else.
      tokens.andWhere(`(t.revokedAt IS NULL AND t.expiresAt > to_timestamp(:at) AND (SELECT ${deadBecause('to_timestamp(:at)')} FROM (SELECT) AS one ${LIVENESS_JOINS}) IS NULL) = :active`,
        { at: epochSeconds(), active: filter.active });
    }
    const showsSome = standingOf(caller) === 'member' || filter.client_id !== undefined || filter.subject !== undefined || filter.active !== undefined;
    const page = await readPage(tokens, 't.id', ({ id }) => id, filter, this.cursorKey, 'DESC', showsSome ? (after) => this.reach(caller, after) : undefined);
    return { ...page, data: await Promise.all(page.data.map((token) => this.standing(token))) };
  }

  /** @throws DomainError `token_not_found` */
  async get(caller: Caller, id: string): Promise<StandingToken> {
    const token = isId(id) ? await this.within(caller).andWhere('t.id = :id', { id }).getOne() : null;
    if (!token) throw tokenNotFound();
    return this.standing(token);
  }

  /** What a presented access token says and how it stands; undefined when it is none of ours, or not the caller's to see. */
  async inspect(caller: Caller, value: string): Promise<{ claims: AccessTokenClaims; dead: Death | null } | undefined> {
    const found = await this.verifier.find(value);
    if (!found || !await this.sees(caller, found.claims.jti)) return undefined;
    return { claims: found.claims, dead: found.standing.dead };
  }

  /** The last of the tokens that a page looks at which begins after the given one; undefined when it looks at all that are left. */
  async reach({ organizationId }: Caller, after: string | undefined): Promise<string | undefined> {
    const tokens = this.rows.createQueryBuilder('t').select('t.id', 'id').where('t.organizationId = :organizationId', { organizationId });
    if (after !== undefined) tokens.andWhere('t.id < :after', { after });
    const last = await tokens.orderBy('t.id', 'DESC').offset(LOOKED_AT - 1).limit(1).getRawOne<{ id: string }>();
    return last?.id;
  }

  /** Is it the caller's to see, however it stands? */
  sees(caller: Caller, id: string): Promise<boolean> {
    return this.within(caller).andWhere('t.id = :id', { id }).getExists();
  }

  private within(caller: Caller): SelectQueryBuilder<LedgerToken> {
    const tokens = this.rows.createQueryBuilder('t').where('t.organizationId = :organizationId', { organizationId: caller.organizationId });
    if (standingOf(caller) === 'member') {
      tokens.andWhere('(t.subject = :self OR t.agentId IN (SELECT owned.id FROM agents owned WHERE owned.owner_user_id = :owner))', { self: caller.subject, owner: caller.subject });
    }
    return tokens;
  }

  private async standing(token: LedgerToken): Promise<StandingToken> {
    const standing = await this.ledger.standing(token.id);
    if (!standing) throw tokenNotFound();
    return { token, dead: standing.dead };
  }
}
