import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { Repository } from 'typeorm';
import { epochSeconds } from '../../kernel/clock.js';
import type { TokenId } from '../../kernel/ids.js';
import { Config } from '../../platform/config/config.js';
import type { Caller } from '../../platform/http/caller.js';
import { ClientsService, type ClientRecord } from '../clients/clients.service.js';
import { ScopesService } from '../scopes/scopes.service.js';
import { ClientTokens } from './client-tokens.service.js';
import { LedgerToken } from './ledger-token.entity.js';
import { MOST_ANCESTORS } from './token-lineage.service.js';
import type { IssuedToken } from './token-issuer.service.js';
import { grantNotAllowed, loginOver, obtainedByAnother, refreshTokenRequired, scopesNotOffered } from './tokens.errors.js';

/**
 * A live access token of an agent, or of another client that speaks for itself, is renewed:
 * 1. the new one descends from it: same subject, client, task and key, no more scopes, and dead when it is revoked;
 * 2. for as long after the login as the operator allows, and not for ever in small steps.
 */
@Injectable()
export class TokenRenewal {
  constructor(
    @InjectRepository(LedgerToken) private readonly ledger: Repository<LedgerToken>,
    private readonly config: Config,
    private readonly scopes: ScopesService,
    private readonly clients: ClientsService,
    private readonly tokens: ClientTokens,
  ) {}

  /**
   * @param requested scopes; as many as the presented token has when there are none
   * @throws DomainError `refresh_token_required`, `obtained_by_another`, `login_over`, `invalid_scope`, `person_has_to_agree`, and as `ClientTokens.issue`
   */
  async renew(caller: Caller, requested: readonly string[]): Promise<IssuedToken> {
    if (caller.kind === 'user') throw refreshTokenRequired();
    if (caller.act !== undefined) throw obtainedByAnother();
    const presented = await this.ledger.findOneByOrFail({ id: caller.tokenId as TokenId });
    const ancestors = presented.ancestors ?? [];
    const notAfter = await this.endOfLogin(presented);
    if (ancestors.length >= MOST_ANCESTORS || notAfter <= epochSeconds()) throw loginOver();
    const client = await this.clients.findCached(caller.clientId);
    if (!client) throw grantNotAllowed();
    return this.tokens.issue(client, {
      grantType: 'token_renewal',
      scopes: await this.scopesOf(caller, client, requested),
      areScopesRequested: requested.length > 0,
      cnf: presented.cnf ?? undefined,
      parent: { tokenId: presented.id, rootTokenId: presented.rootTokenId, ancestors },
      taskId: presented.taskId,
      parentTaskId: presented.parentTaskId ?? undefined,
      notAfter,
    });
  }

  /** NumericDate. */
  private async endOfLogin(presented: LedgerToken): Promise<number> {
    const root = presented.parentTokenId === null ? presented : await this.ledger.findOneByOrFail({ id: presented.rootTokenId as TokenId });
    return Math.floor(root.issuedAt.getTime() / 1000) + this.config.loginTtl;
  }

  private async scopesOf(caller: Caller, client: ClientRecord, requested: readonly string[]): Promise<string[]> {
    const beyond = (await this.scopes.graphOf(caller.organizationId)).uncovered(caller.scopes, requested);
    if (beyond.length > 0) throw scopesNotOffered(beyond);
    if (requested.length > 0) return this.tokens.scopesFor(client, requested);
    // What the client has lost meanwhile is left out; who asks for nothing in particular gets what there is.
    const scopes = await this.tokens.stillOffered(client, [...caller.scopes]);
    if (scopes.length === 0) throw scopesNotOffered([]);
    return scopes;
  }
}
