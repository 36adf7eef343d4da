import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { isId, type TokenId } from '../../kernel/ids.js';
import { parseScope } from '../../kernel/scope-set.js';
import type { Caller } from '../../platform/http/caller.js';
import { ClientsService } from '../clients/clients.service.js';
import { ScopesService } from '../scopes/scopes.service.js';
import { LedgerToken } from '../tokens/ledger-token.entity.js';
import { TokenDirectory } from '../tokens/token-directory.service.js';
import { TokenLedger } from '../tokens/token-ledger.service.js';
import { TokenLineage } from '../tokens/token-lineage.service.js';
import { TokenVerifier, type AccessTokenClaims } from '../tokens/token-verifier.service.js';
import { maySeeToken } from '../tokens/token-visibility.js';
import { ancestorTokenInvalid, lineageMismatch, presentedTokenInvalid, resourceMismatch, scopeNotCovered } from './lineage.errors.js';

/** Where a token is said to stand. */
export interface Expectation {
  readonly expected_task_id?: string;
  readonly ancestor_token?: string;
  readonly ancestor_token_id?: string;
}

/** A live token that stands where it was said to. */
export interface VerifiedToken {
  readonly claims: AccessTokenClaims;
  readonly row: LedgerToken;
}

/**
 * Whether a token is good, for whoever was given it or issued with it:
 * 1. it is ours, alive, of the caller's organization, and theirs to see: by the rule of introspection, and for people by that of
 *    the list of tokens;
 * 2. the ancestor that is named is alive, and the token descends from it;
 * 3. the token is of the task that is expected, or of one below it.
 */
@Injectable()
export class TokenVerification {
  constructor(
    private readonly dataSource: DataSource,
    private readonly verifier: TokenVerifier,
    private readonly ledger: TokenLedger,
    private readonly directory: TokenDirectory,
    private readonly lineage: TokenLineage,
    private readonly clients: ClientsService,
    private readonly scopes: ScopesService,
  ) {}

  /** @throws DomainError `presented_token_invalid`, `ancestor_token_invalid`, `lineage_mismatch` */
  async verify(caller: Caller, token: string, expected: Expectation): Promise<VerifiedToken> {
    const found = await this.verifier.find(token);
    if (!found || !await this.isVisible(caller, found.claims)) throw presentedTokenInvalid(['token_unknown']);
    if (found.standing.dead !== null) throw presentedTokenInvalid([found.standing.dead]);
    const row = await this.dataSource.manager.findOneByOrFail(LedgerToken, { id: found.claims.jti as TokenId });
    const ancestors = await this.ancestorsIn(caller, expected);
    const reasons = [
      ...(ancestors.every((id) => row.ancestors?.includes(id)) ? [] : ['ancestor_mismatch']),
      ...(expected.expected_task_id === undefined || await this.isWithin(row, expected.expected_task_id) ? [] : ['task_mismatch']),
    ];
    if (reasons.length > 0) throw lineageMismatch(reasons);
    return { claims: found.claims, row };
  }

  /** @throws DomainError `presented_token_invalid`, `resource_mismatch`, `scope_not_covered` */
  async checkAccess(caller: Caller, token: string, wanted: { readonly scopes?: readonly string[]; readonly resource?: string }): Promise<VerifiedToken> {
    const verified = await this.verify(caller, token, {});
    if (wanted.resource !== undefined && wanted.resource !== verified.claims.aud) throw resourceMismatch();
    const missing = await this.uncovered(verified, wanted.scopes ?? []);
    if (missing.length > 0) throw scopeNotCovered(missing);
    return verified;
  }

  /** Those of the scopes that the token does not cover. */
  async uncovered({ claims, row }: VerifiedToken, scopes: readonly string[]): Promise<string[]> {
    const graph = await this.scopes.graphOf(row.organizationId);
    return graph.uncovered(new Set(parseScope(claims.scope)), scopes);
  }

  private async isVisible(caller: Caller, claims: AccessTokenClaims): Promise<boolean> {
    if (claims.tenant_id !== caller.organizationId) return false;
    if (claims.jti === caller.tokenId) return true;
    const client = await this.clients.findCached(caller.clientId);
    const isItself = caller.kind !== 'user' && caller.act === undefined;
    const viewer = {
      clientId: caller.clientId, organizationId: caller.organizationId, isProven: client !== undefined && client.tokenEndpointAuthMethod !== 'none',
      servedResources: isItself && client ? client.servedResources : new Set<string>(), administersTokens: isItself && caller.scopes.has('tokens:read'),
    };
    if (maySeeToken(viewer, { clientId: claims.client_id, tenantId: claims.tenant_id, audience: claims.aud })) return true;
    return !isItself && caller.scopes.has('tokens:read') && this.directory.sees(caller, claims.jti);
  }

  /** The ids of the ancestors that are named, each of them alive. */
  private async ancestorsIn(caller: Caller, { ancestor_token: token, ancestor_token_id: id }: Expectation): Promise<string[]> {
    const named: string[] = [];
    if (token !== undefined) {
      const found = await this.verifier.find(token);
      if (found?.claims.tenant_id !== caller.organizationId) throw ancestorTokenInvalid(['token_unknown']);
      named.push(found.claims.jti);
    }
    if (id !== undefined) named.push(id);
    for (const one of named) {
      const standing = isId(one) ? await this.ledger.standing(one) : undefined;
      if (standing?.organizationId !== caller.organizationId) throw ancestorTokenInvalid(['token_unknown']);
      if (standing.dead !== null) throw ancestorTokenInvalid([standing.dead]);
    }
    return named;
  }

  private async isWithin({ taskId }: LedgerToken, expected: string): Promise<boolean> {
    if (taskId === expected) return true;
    const known = await this.lineage.findTask(taskId);
    return known !== undefined && (known.task.ancestors as readonly string[]).includes(expected);
  }
}
