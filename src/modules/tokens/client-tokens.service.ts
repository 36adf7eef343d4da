import { Injectable } from '@nestjs/common';
import { epochSeconds } from '../../kernel/clock.js';
import { Config } from '../../platform/config/config.js';
import { AgentsService } from '../agents/agents.service.js';
import type { ClientRecord } from '../clients/clients.service.js';
import { ResourcesService, type ResolvedResource } from '../resources/resources.service.js';
import { defaultScopes, unofferedScopes } from './offered-scopes.js';
import { TokenIssuer, type IssuedToken } from './token-issuer.service.js';
import type { Issuance } from './token-record.js';
import { agentNotActive, boundTokensOnly, grantNotAllowed, scopesNotOffered } from './tokens.errors.js';

export interface ClientTokenRequest extends Pick<Issuance, 'grantType' | 'act' | 'cnf' | 'parent' | 'taskId' | 'parentTaskId'> {
  readonly scopes: readonly string[];
  /** NumericDate at which the token ends at the latest. */
  readonly notAfter?: number;
}

/**
 * Tokens of this server's own API for clients and agents that speak for themselves: what the client credentials grant gives at
 * the token endpoint, for the routes of the REST API that hand out tokens.
 */
@Injectable()
export class ClientTokens {
  constructor(
    private readonly config: Config,
    private readonly resources: ResourcesService,
    private readonly agents: AgentsService,
    private readonly issuer: TokenIssuer,
  ) {}

  /**
   * The scopes of a request: those asked for, or the client's defaults when it asks for none.
   * @throws DomainError `invalid_scope` when one is not offered, or nothing is
   */
  async scopesFor(client: ClientRecord, requested: readonly string[] = []): Promise<string[]> {
    const api = await this.api(client);
    const refused = unofferedScopes(client, api, requested);
    if (refused.length > 0) throw scopesNotOffered(refused);
    const scopes = requested.length > 0 ? [...requested] : defaultScopes(client, api);
    if (scopes.length === 0) throw scopesNotOffered([]);
    return scopes;
  }

  /** Those of the scopes that the client may still have. */
  async stillOffered(client: ClientRecord, scopes: readonly string[]): Promise<string[]> {
    const refused = new Set(unofferedScopes(client, await this.api(client), scopes));
    return scopes.filter((scope) => !refused.has(scope));
  }

  /**
   * The token is durable when this resolves.
   *
   * @param request its scopes have been decided
   * @throws DomainError `agent_not_active`, `unauthorized_client`, `dpop_required`, `row_refused`
   */
  async issue(client: ClientRecord, { scopes, notAfter = Infinity, ...request }: ClientTokenRequest): Promise<IssuedToken> {
    if (!client.organizationId || !client.grantTypes.includes('client_credentials')) throw grantNotAllowed();
    if (client.dpopBoundAccessTokens && !request.cnf) throw boundTokensOnly();
    const agent = client.kind === 'agent' ? await this.agents.findCached(client.id) : undefined;
    if (client.kind === 'agent' && agent?.status !== 'active') throw agentNotActive(agent?.status ?? 'gone');
    const resource = await this.api(client);
    const issuedAt = epochSeconds();
    return this.issuer.issue({
      ...request,
      issuer: this.config.issuer,
      clientId: client.id,
      organizationId: client.organizationId,
      subject: { kind: agent ? 'agent' : 'client', id: client.id },
      agent: agent?.profile,
      scopes,
      issuedAt,
      expiresAt: Math.min(issuedAt + resource.accessTokenTtl, notAfter),
    }, resource);
  }

  private async api(client: ClientRecord): Promise<ResolvedResource> {
    const resource = client.organizationId && await this.resources.resolve(this.config.apiResource, client.organizationId);
    if (!resource) throw grantNotAllowed();
    return resource;
  }
}
