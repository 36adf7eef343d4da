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

  /** The newest first. */
  async list(caller: Caller, filter: TokenFilter): Promise<Page<StandingToken>> {
    const tokens = this.within(caller);
    if (filter.client_id !== undefined) tokens.andWhere('t.clientId = :clientId', { clientId: filter.client_id });
    if (filter.subject !== undefined) tokens.andWhere('t.subject = :subject', { subject: filter.subject });
    if (filter.active !== undefined) {
      // The same text that introspection asks, of the same present.
      tokens.andWhere(`(SELECT ${deadBecause('to_timestamp(:at)')} FROM (SELECT) AS one ${LIVENESS_JOINS}) IS ${filter.active ? 'NULL' : 'NOT NULL'}`, { at: epochSeconds() });
    }
    const page = await readPage(tokens, 't.id', ({ id }) => id, filter, this.cursorKey, 'DESC');
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
    if (!found || !await this.within(caller).andWhere('t.id = :id', { id: found.claims.jti }).getExists()) return undefined;
    return { claims: found.claims, dead: found.standing.dead };
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
