import { Injectable } from '@nestjs/common';
import { epochSeconds } from '../../kernel/clock.js';
import { Config } from '../../platform/config/config.js';
import { AgentsService } from '../agents/agents.service.js';
import type { ClientRecord } from '../clients/clients.service.js';
import { defaultScopes, unofferedScopes } from './offered-scopes.js';
import { OwnApi } from './own-api.service.js';
import { IssuancePolicies } from './issuance-policies.service.js';
import { TokenIssuer, type IssuedToken } from './token-issuer.service.js';
import type { Issuance } from './token-record.js';
import { TokenTools } from './token-tools.service.js';
import { agentNotActive, boundTokensOnly, grantNotAllowed, personalScopes, scopesNotOffered } from './tokens.errors.js';

export interface ClientTokenRequest extends Pick<Issuance, 'grantType' | 'act' | 'cnf' | 'parent' | 'taskId' | 'parentTaskId'> {
  readonly scopes: readonly string[];
  /** Were they asked for? Then the policies allow all of them, or there is no token. */
  readonly areScopesRequested?: boolean;
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
    private readonly ownApi: OwnApi,
    private readonly agents: AgentsService,
    private readonly tools: TokenTools,
    private readonly policies: IssuancePolicies,
    private readonly issuer: TokenIssuer,
  ) {}

  /**
   * The scopes of a request: those asked for, or the client's defaults when it asks for none.
   * @throws DomainError `invalid_scope` when one is not offered, or nothing is; `person_has_to_agree`
   */
  async scopesFor(client: ClientRecord, requested: readonly string[] = []): Promise<string[]> {
    const { resource: api, graph } = await this.api(client);
    const refused = unofferedScopes(graph, client, api, requested);
    if (refused.length > 0) throw scopesNotOffered(refused);
    const personal = graph.requiringApproval(requested);
    if (personal.length > 0) throw personalScopes(personal);
    const scopes = requested.length > 0 ? [...requested] : defaultScopes(graph, client, api);
    if (scopes.length === 0) throw scopesNotOffered([]);
    return scopes;
  }

  /** Those of the scopes that the client may still have. */
  async stillOffered(client: ClientRecord, scopes: readonly string[]): Promise<string[]> {
    const { resource: api, graph } = await this.api(client);
    const refused = new Set([...unofferedScopes(graph, client, api, scopes), ...graph.requiringApproval(scopes)]);
    return scopes.filter((scope) => !refused.has(scope));
  }

  /**
   * The token is durable when this resolves.
   *
   * @param request its scopes have been decided
   * @throws DomainError `agent_not_active`, `unauthorized_client`, `dpop_required`, `access_denied`, `row_refused`
   */
  async issue(client: ClientRecord, { scopes, areScopesRequested = false, notAfter = Infinity, ...request }: ClientTokenRequest): Promise<IssuedToken> {
    if (!client.organizationId || !client.grantTypes.includes('client_credentials')) throw grantNotAllowed();
    if (client.dpopBoundAccessTokens && !request.cnf) throw boundTokensOnly();
    const agent = client.kind === 'agent' ? await this.agents.findCached(client.id) : undefined;
    if (client.kind === 'agent' && agent?.status !== 'active') throw agentNotActive(agent?.status ?? 'gone');
    const { resource, graph } = await this.api(client);
    const tools = await this.tools.of({ agent, audience: resource.identifier, scopes, graph });
    const judged = await this.policies.judge({
      organizationId: client.organizationId, taker: agent ? { kind: 'agent', agent, client } : { kind: 'client', client }, grantType: request.grantType, audience: resource.identifier,
      scopes, areScopesRequested, tools, act: request.act, task: request.taskId, place: request, parent: request.parent,
    });
    const issuedAt = epochSeconds();
    return this.issuer.issue({
      ...request,
      clientId: client.id,
      organizationId: client.organizationId,
      subject: { kind: agent ? 'agent' : 'client', id: client.id },
      agent: agent?.profile,
      ...judged,
      issuedAt,
      expiresAt: Math.min(issuedAt + resource.accessTokenTtl, notAfter),
    }, resource);
  }

  private async api({ organizationId }: ClientRecord) {
    const api = organizationId === null ? undefined : await this.ownApi.resolve(organizationId);
    if (!api) throw grantNotAllowed();
    return api;
  }
}
