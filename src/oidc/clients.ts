import { errors, Provider, type Client, type ClientMetadata, type KoaContextWithOIDC } from 'oidc-provider';
import type { ClientRecord, ClientsService } from '../modules/clients/clients.service.js';
import { elapsed } from '../kernel/clock.js';
import { formatScope } from '../kernel/scope-set.js';
import { noteClient } from '../platform/http/request-context.js';
import { toWireError } from './wire-errors.js';
import { OIDC_SCOPES } from './resource-access.js';

/**
 * How long keys that a client serves at its `jwks_uri` are believed. The library asks for them again only when an assertion
 * fits none that it has, so one that the client withdrew would work for ever. Seconds.
 */
const FETCHED_KEYS_KEPT_MS = 300_000;

const records = new WeakMap<Client, ClientRecord>();

/** Our record of a client that the library handed to a hook. */
export function clientRecordOf(client: Client): ClientRecord {
  const record = records.get(client);
  if (!record) throw new TypeError('the client did not come from our registry');
  return record;
}

/**
 * Makes the library take its clients from our registry: built once for each version of the record (and anew when the keys
 * that it serves have been kept for long enough), and with secrets that are compared as hashes. Only active clients exist for
 * the protocol; an unknown one and a wrong secret read alike.
 */
export function useClientRegistry(provider: Provider, clients: ClientsService): void {
  const built = new Map<string, { record: ClientRecord; readonly client: Client; readonly until: number }>();

  provider.Client.find = async function find(id: string): Promise<Client | undefined> {
    const record = await clients.findCached(id).catch((error: unknown) => { throw toWireError(error); });
    if (record?.status !== 'active') return undefined;
    const method = authMethodOf(record);
    const key = `${method} ${id}`;
    const known = built.get(key);
    if (known && known.record.version === record.version && elapsed() < known.until) {
      // Secrets come and go without a new version of the client: always compare against the newest record.
      if (known.record !== record) records.set(known.client, known.record = record);
      return known.client;
    }
    const client = new (provider.Client as unknown as new (metadata: ClientMetadata) => Client)(clientMetadata(record, method));
    records.set(client, record);
    if (built.size >= 10_000) built.clear();
    built.set(key, { record, client, until: record.jwksUri ? elapsed() + FETCHED_KEYS_KEPT_MS : Infinity });
    return client;
  } as typeof provider.Client.find;

  // The library would call the request invalid, where it is the client that may not make it (RFC 6749 section 5.2).
  const { grantTypeAllowed } = provider.Client.prototype;
  provider.Client.prototype.grantTypeAllowed = function mayUse(this: Client, type: string): boolean {
    if (grantTypeAllowed.call(this, type)) return true;
    const { route, params } = Provider.ctx?.oidc ?? {};
    if (route === 'token' && params?.['grant_type'] === type) throw new errors.UnauthorizedClient('the client is not registered for this grant type');
    return false;
  };

  provider.Client.prototype.compareClientSecret = function compareClientSecret(this: Client, presented: string): boolean {
    const record = clientRecordOf(this);
    const secretId = clients.verifySecret(record, presented);
    if (secretId === undefined) return false;
    clients.touch(secretId, record.id);
    return true;
  };
}

/** Notes which client made a request that was answered well: in the access log, and as its last use when no secret shows that. */
export function noteClientUse(ctx: KoaContextWithOIDC, clients: ClientsService): void {
  const client = ctx.oidc?.client;
  if (!client || ctx.status >= 400) return;
  noteClient(client.clientId);
  if (client.clientAuthMethod === 'private_key_jwt') clients.touch(undefined, client.clientId);
}

/**
 * A client that has a secret may send it in the header or in the body, whichever it was registered for: every server must
 * take the first and may take the second (RFC 6749 section 2.3.1), and half of all HTTP libraries can do only one of them. The
 * library insists on one, so it is shown the client as registered for the way that this request chose.
 */
function authMethodOf({ tokenEndpointAuthMethod: registered }: ClientRecord): ClientRecord['tokenEndpointAuthMethod'] {
  if (!registered.startsWith('client_secret') || !Provider.ctx) return registered;
  return Provider.ctx.headers.authorization === undefined ? 'client_secret_post' : 'client_secret_basic';
}

/** OpenID Connect Dynamic Client Registration section 2, as the library wants it. */
function clientMetadata(record: ClientRecord, authMethod: ClientRecord['tokenEndpointAuthMethod']): ClientMetadata {
  return {
    client_id: record.id,
    client_name: record.name,
    application_type: record.applicationType,
    token_endpoint_auth_method: authMethod,
    // The library wants to see a secret; what is compared are the hashes in our registry.
    ...(authMethod.startsWith('client_secret') && { client_secret: 'kept as hashes in the registry' }),
    ...(authMethod === 'private_key_jwt' && (record.jwks ? { jwks: record.jwks as ClientMetadata['jwks'] } : { jwks_uri: record.jwksUri })),
    grant_types: [...record.grantTypes],
    response_types: record.grantTypes.includes('authorization_code') ? ['code'] : [],
    redirect_uris: [...record.redirectUris],
    post_logout_redirect_uris: [...record.postLogoutRedirectUris],
    scope: formatScope(OIDC_SCOPES.filter((scope) => record.scopes.has(scope))) || undefined,
    dpop_bound_access_tokens: record.dpopBoundAccessTokens,
    require_pushed_authorization_requests: record.requirePushedAuthorizationRequests,
    id_token_signed_response_alg: 'RS256',
    introspection_signed_response_alg: 'ES256',
    client_uri: record.clientUri,
    logo_uri: record.logoUri,
    policy_uri: record.policyUri,
    tos_uri: record.tosUri,
  };
}
