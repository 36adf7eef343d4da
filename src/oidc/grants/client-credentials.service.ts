import { Injectable } from '@nestjs/common';
import { errors, type KoaContextWithOIDC, type Provider } from 'oidc-provider';
import { epochSeconds } from '../../kernel/clock.js';
import { parseScope } from '../../kernel/scope-set.js';
import { AgentsService, type AgentRecord } from '../../modules/agents/agents.service.js';
import type { ClientRecord } from '../../modules/clients/clients.service.js';
import { ResourcesService, type ResolvedResource } from '../../modules/resources/resources.service.js';
import { ScopesService } from '../../modules/scopes/scopes.service.js';
import { refusalReason, TokenIssuer } from '../../modules/tokens/token-issuer.service.js';
import { Config } from '../../platform/config/config.js';
import { clientRecordOf } from '../clients.js';
import { grantHelpers } from '../provider-internals.js';
import { assertImpersonal, grantedScopes, resolveResource } from '../resource-access.js';
import { onTheWire } from '../wire-errors.js';

const PARAMETERS = ['scope', 'resource'];

/** What a client asks for. */
export interface ClientCredentialsRequest {
  readonly scope?: string;
  readonly resource?: string | string[];
}

/** What it gets, before it is issued. */
export interface ClientCredentialsTerms {
  readonly organizationId: string;
  readonly resource: ResolvedResource;
  readonly scopes: readonly string[];
  readonly agent?: AgentRecord;
}

/**
 * The client credentials grant (RFC 6749 section 4.4), our own for speed: it is what agents live on.
 * 1. The client has been authenticated, and may use this grant: by the library, or on the fast path.
 * 2. The one resource is the one asked for, or this server's API (RFC 8707 section 2.2).
 * 3. The scopes are those asked for, all of them, or the client's defaults; none of them is a person's to grant.
 * 4. A proof of possession binds the token (RFC 9449 section 5).
 * 5. The token, its ledger row and its audit event come to be together. No refresh token (OAuth 2.1 section 4.2.3).
 */
@Injectable()
export class ClientCredentialsGrant {
  constructor(
    private readonly config: Config,
    private readonly scopes: ScopesService,
    private readonly resources: ResourcesService,
    private readonly agents: AgentsService,
    private readonly issuer: TokenIssuer,
  ) {}

  register(provider: Provider): void {
    provider.registerGrantType('client_credentials', onTheWire(async (ctx: KoaContextWithOIDC) => {
      const client = clientRecordOf(ctx.oidc.client!);
      const terms = await this.terms(client, ctx.oidc.params as ClientCredentialsRequest);
      const proof = await grantHelpers.validateDpop(provider, ctx as never);
      grantHelpers.checkDpopRequired(provider, ctx as never, proof);
      if (proof) await grantHelpers.checkDpopReplay(provider, ctx as never, proof, client.id);
      ctx.body = await this.issue(client, terms, proof?.thumbprint);
    }), PARAMETERS, ['resource']);
  }

  /** @throws InvalidTarget, InvalidScope, UnauthorizedClient, InvalidGrant */
  async terms(client: ClientRecord, { scope, resource: requested }: ClientCredentialsRequest): Promise<ClientCredentialsTerms> {
    if (Array.isArray(requested) && requested.length !== 1) throw new errors.InvalidTarget('only one resource can be asked for with this grant');
    const [resource, graph] = await Promise.all([
      resolveResource(this.resources, client, [requested ?? this.config.apiResource].flat()[0]!), this.scopes.graphOf(client.organizationId),
    ]);
    const scopes = grantedScopes(graph, client, resource, parseScope(scope));
    assertImpersonal(graph, scopes);
    if (scopes.length === 0) throw new errors.InvalidScope('the client has no scopes at this resource', scope ?? '');
    if (!client.organizationId) throw new errors.UnauthorizedClient('this client acts for people only');
    const agent = client.kind === 'agent' ? await this.agents.findCached(client.id) : undefined;
    if (client.kind === 'agent' && agent?.status !== 'active') throw new errors.InvalidGrant('the agent is not active');
    return { organizationId: client.organizationId, resource, scopes, agent };
  }

  /**
   * The token response (RFC 6749 section 5.1) of a token that is durable.
   *
   * @param jkt thumbprint of the key that the token is bound to (RFC 9449 section 6.1)
   * @throws InvalidGrant when something the token stands on ended meanwhile; DomainError `audit_unavailable`, `audit_overloaded`
   */
  async issue(client: ClientRecord, { organizationId, resource, scopes, agent }: ClientCredentialsTerms, jkt?: string): Promise<Record<string, unknown>> {
    const issuedAt = epochSeconds();
    const issued = await this.issuer.issue({
      grantType: 'client_credentials',
      issuer: this.config.issuer,
      clientId: client.id,
      organizationId,
      subject: { kind: agent ? 'agent' : 'client', id: client.id },
      agent: agent?.profile,
      scopes,
      issuedAt,
      expiresAt: issuedAt + resource.accessTokenTtl,
      cnf: jkt === undefined ? undefined : { jkt },
    }, resource).catch((error: unknown) => {
      const reason = refusalReason(error);
      throw reason ? new errors.InvalidGrant({ cause: error as Error, detail: reason }) : error;
    });
    return {
      access_token: issued.value,
      token_type: issued.isBound ? 'DPoP' : 'Bearer',
      expires_in: issued.expiresIn,
      scope: issued.scope,
      token_id: issued.tokenId,
      task_id: issued.taskId,
    };
  }
}
