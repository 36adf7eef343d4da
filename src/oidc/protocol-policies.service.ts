import { Injectable } from '@nestjs/common';
import { errors, type Client, type KoaContextWithOIDC, type ResourceServer } from 'oidc-provider';
import type { ScopeGraph } from '../kernel/scope-graph.js';
import { parseScope } from '../kernel/scope-set.js';
import type { ClientRecord } from '../modules/clients/clients.service.js';
import { ResourcesService } from '../modules/resources/resources.service.js';
import { ScopesService } from '../modules/scopes/scopes.service.js';
import { ConsentGrants } from '../modules/tokens/consent-grants.service.js';
import { offeredScopes, unofferedScopes } from '../modules/tokens/offered-scopes.js';
import { maySeeToken, type TokenViewer } from '../modules/tokens/token-visibility.js';
import { Config } from '../platform/config/config.js';
import { clientRecordOf } from './clients.js';
import { stateOf } from './request-state.js';
import { grantedScopes, OIDC_SCOPES, refusedOidcScopes, resolveResource, withoutOidcScopes } from './resource-access.js';
import { onTheWire } from './wire-errors.js';

/** A token of either kind, as the library hands it to its policies. */
interface PolicedToken {
  readonly kind: string;
  readonly clientId?: string;
  readonly aud?: string | string[];
  readonly grantId?: string;
  readonly extra?: { readonly [claim: string]: unknown };
  isSenderConstrained?(): boolean;
}

/** A client that asks about a token, having authenticated (RFC 7662 section 2.1). */
export function viewerOf(client: ClientRecord): TokenViewer {
  return {
    clientId: client.id, organizationId: client.organizationId, isProven: client.tokenEndpointAuthMethod !== 'none', servedResources: client.servedResources,
    administersTokens: client.scopes.has('tokens:read'),
  };
}

/** Who may see or end a token, and what a client may ask of a resource. */
@Injectable()
export class ProtocolPolicies {
  readonly resourceServer = onTheWire((ctx: KoaContextWithOIDC, identifier: string, client: Client) => this.describeResource(ctx, identifier, client));

  /** Whose token it is. An access token says so itself; a refresh token stands on a consent, which was given in one organization. */
  private readonly tenantOf = onTheWire(async ({ kind, extra, grantId }: PolicedToken): Promise<unknown> =>
    (kind === 'RefreshToken' ? grantId && (await this.consents.findActive(grantId))?.organizationId : extra?.['tenant_id']));

  constructor(
    private readonly config: Config,
    private readonly scopes: ScopesService,
    private readonly resources: ResourcesService,
    private readonly consents: ConsentGrants,
  ) {}

  /** Whoever may not see a token learns that it is inactive (RFC 7662 section 2.2), and that is on record. */
  async mayIntrospect(ctx: KoaContextWithOIDC, client: Client, token: PolicedToken): Promise<boolean> {
    if (maySeeToken(viewerOf(clientRecordOf(client)), { clientId: token.clientId, tenantId: await this.tenantOf(token), audience: token.aud })) return true;
    stateOf(ctx.req).refusal = { event: 'introspection.error', error: new errors.AccessDenied('the client may not see this token') };
    return false;
  }

  /** A token may be ended by its own client, and by a client that administers tokens in the same organization (RFC 7009 section 2.1). */
  async mayRevoke(_ctx: KoaContextWithOIDC, client: Client, token: PolicedToken): Promise<boolean> {
    const record = clientRecordOf(client);
    if (token.clientId === record.id) return true;
    const isOfOrganization = record.organizationId !== null && await this.tenantOf(token) === record.organizationId;
    if (isOfOrganization && client.clientAuthMethod !== 'none' && record.scopes.has('tokens:revoke')) return true;
    throw new errors.InvalidRequest('the client may not revoke this token');
  }

  /** Rotation may be left out for confidential clients whose refresh tokens are bound to a key (RFC 9700 section 2.2.2). */
  mustRotate(ctx: KoaContextWithOIDC): boolean {
    const client = ctx.oidc.client!;
    const isBound = (ctx.oidc.entities.RefreshToken as PolicedToken | undefined)?.isSenderConstrained?.() === true;
    return clientRecordOf(client).rotateRefreshTokens || client.clientAuthMethod === 'none' || !isBound;
  }

  /** Of several granted resources a token request that names none gets this server's own, else the first. */
  defaultResource(oneOf: readonly string[] | undefined): string {
    return oneOf === undefined || oneOf.includes(this.config.apiResource) ? this.config.apiResource : oneOf[0]!;
  }

  /**
   * What the library may know of a resource: exactly the scopes that this client may have there, those that this request is about
   * among them, for they may be parts of what is registered. A request without scopes becomes one for the defaults; one for more
   * than is offered is refused, where the library would drop the rest in silence.
   */
  private async describeResource(ctx: KoaContextWithOIDC, identifier: string, client: Client): Promise<ResourceServer> {
    const record = clientRecordOf(client);
    const [resource, graph] = await Promise.all([resolveResource(this.resources, record, identifier), this.scopes.graphOf(record.organizationId)]);
    if (ctx.oidc.route === 'authorization' || ctx.oidc.route === 'pushed_authorization_request') await this.settleScope(ctx, client, graph);
    if (ctx.oidc.route === 'token') assertActive(graph, ctx.oidc.params?.['scope'] as string | undefined);
    const asked = withoutOidcScopes(scopesInQuestion(ctx));
    const beyond = new Set(unofferedScopes(graph, record, resource, asked));
    return {
      scope: [...new Set([...offeredScopes(graph, record, resource), ...asked.filter((scope) => !beyond.has(scope))]), ...OIDC_SCOPES.filter((scope) => resource.isBuiltIn && scope !== 'offline_access' && record.scopes.has(scope))].join(' '),
      audience: resource.identifier,
      accessTokenFormat: resource.tokenFormat,
      accessTokenTTL: resource.accessTokenTtl,
      jwt: { sign: { alg: resource.signingAlgorithm } },
    };
  }

  private async settleScope(ctx: KoaContextWithOIDC, client: Client, graph: ScopeGraph): Promise<void> {
    const record = clientRecordOf(client);
    const params = ctx.oidc.params as { scope?: string; resource?: string | string[] };
    const requested = parseScope(params.scope);
    const refused = refusedOidcScopes(record, requested);
    if (refused.length > 0) throw new errors.InvalidScope('the client is not registered for these scopes', refused.join(' '));
    const wanted = withoutOidcScopes(requested);
    const identifiers = [params.resource ?? this.config.apiResource].flat();
    const known = await Promise.all(identifiers.map((identifier) => resolveResource(this.resources, record, identifier)));
    // With several resources each scope has to be offered by one of them.
    const union = { ...known[0]!, scopes: new Set(known.flatMap((resource) => [...resource.scopes])) };
    if (wanted.length > 0) grantedScopes(graph, record, union, wanted);
    else if (requested.length === 0) params.scope = grantedScopes(graph, record, union, []).join(' ') || undefined;
  }
}

/**
 * What a refresh names is narrowed by the library in silence; what it does not name goes on as far as it still can.
 *
 * @throws InvalidScope
 */
function assertActive(graph: ScopeGraph, scope: string | undefined): void {
  const inactive = withoutOidcScopes(parseScope(scope)).filter((name) => !graph.isActive(name));
  if (inactive.length > 0) throw new errors.InvalidScope('these scopes are not active', inactive.join(' '));
}

/** What the request asks for, or was granted what it presents. */
function scopesInQuestion(ctx: KoaContextWithOIDC): string[] {
  const { AuthorizationCode: code, RefreshToken: refreshToken } = ctx.oidc.entities;
  return [...new Set([ctx.oidc.params?.['scope'] as string | undefined, code?.scope, refreshToken?.scope].flatMap((scope) => parseScope(scope)))];
}
