import { errors, type KoaContextWithOIDC, type Provider } from 'oidc-provider';
import { epochSeconds } from '../../kernel/clock.js';
import { parseScope } from '../../kernel/scope-set.js';
import type { AgentsService } from '../../modules/agents/agents.service.js';
import type { ResourcesService } from '../../modules/resources/resources.service.js';
import { refusalReason, type TokenIssuer } from '../../modules/tokens/token-issuer.service.js';
import type { Config } from '../../platform/config/config.js';
import { clientRecordOf } from '../clients.js';
import { grantHelpers } from '../provider-internals.js';
import { grantedScopes, resolveResource } from '../resource-access.js';
import { onTheWire } from '../wire-errors.js';

export interface ClientCredentialsParts {
  readonly config: Config;
  readonly resources: ResourcesService;
  readonly agents: AgentsService;
  readonly issuer: TokenIssuer;
}

const PARAMETERS = ['scope', 'resource'];

/**
 * The client credentials grant (RFC 6749 section 4.4), our own for speed: it is what agents live on.
 * 1. The library has authenticated the client and checked that it may use this grant.
 * 2. The one resource is the one asked for, or this server's API (RFC 8707 section 2.2).
 * 3. The scopes are those asked for, all of them, or the client's defaults.
 * 4. A proof of possession binds the token (RFC 9449 section 5).
 * 5. The token, its ledger row and its audit event come to be together. No refresh token (OAuth 2.1 section 4.2.3).
 */
export function registerClientCredentials(provider: Provider, parts: ClientCredentialsParts): void {
  provider.registerGrantType('client_credentials', onTheWire((ctx: KoaContextWithOIDC) => clientCredentials(provider, parts, ctx)), PARAMETERS, ['resource']);
}

async function clientCredentials(provider: Provider, { config, resources, agents, issuer }: ClientCredentialsParts, ctx: KoaContextWithOIDC): Promise<void> {
  const client = clientRecordOf(ctx.oidc.client!);
  const { scope, resource: requested } = ctx.oidc.params as { scope?: string; resource?: string | string[] };
  if (Array.isArray(requested) && requested.length !== 1) throw new errors.InvalidTarget('only one resource can be asked for with this grant');
  const resource = await resolveResource(resources, client, [requested ?? config.apiResource].flat()[0]!);
  const scopes = grantedScopes(client, resource, parseScope(scope));
  if (scopes.length === 0) throw new errors.InvalidScope('the client has no scopes at this resource', scope ?? '');
  if (!client.organizationId) throw new errors.UnauthorizedClient('this client acts for people only');
  const agent = client.kind === 'agent' ? await agents.findCached(client.id) : undefined;
  if (client.kind === 'agent' && agent?.status !== 'active') throw new errors.InvalidGrant('the agent is not active');

  const proof = await grantHelpers.validateDpop(provider, ctx as never);
  grantHelpers.checkDpopRequired(provider, ctx as never, proof);
  if (proof) await grantHelpers.checkDpopReplay(provider, ctx as never, proof, client.id);

  const issuedAt = epochSeconds();
  const issued = await issuer.issue({
    grantType: 'client_credentials',
    issuer: config.issuer,
    clientId: client.id,
    organizationId: client.organizationId,
    subject: { kind: agent ? 'agent' : 'client', id: client.id },
    agent: agent?.profile,
    scopes,
    issuedAt,
    expiresAt: issuedAt + resource.accessTokenTtl,
    cnf: proof && { jkt: proof.thumbprint },
  }, resource).catch((error: unknown) => {
    const reason = refusalReason(error);
    throw reason ? new errors.InvalidGrant({ cause: error as Error, detail: reason }) : error;
  });
  ctx.body = {
    access_token: issued.value,
    token_type: proof ? 'DPoP' : 'Bearer',
    expires_in: issued.expiresIn,
    scope: issued.scope,
    token_id: issued.tokenId,
    task_id: issued.taskId,
  };
}
