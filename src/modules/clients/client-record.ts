import type { ClientId, OrganizationId } from '../../kernel/ids.js';
import type { ApplicationType, AuthMethod, ClientJwks, ClientKind, ClientStatus } from './client.entity.js';

/** A client as the protocol needs it: plain, never changed, shared by all requests. */
export interface ClientRecord {
  readonly id: ClientId;
  /** Null for first-party clients, which serve every organization. */
  readonly organizationId: OrganizationId | null;
  readonly kind: ClientKind;
  readonly name: string;
  /** As it stands: a client of a suspended organization is suspended. */
  readonly status: ClientStatus;
  readonly tokenEndpointAuthMethod: AuthMethod;
  readonly grantTypes: readonly string[];
  readonly redirectUris: readonly string[];
  readonly postLogoutRedirectUris: readonly string[];
  readonly applicationType: ApplicationType;
  readonly jwks?: ClientJwks;
  readonly jwksUri?: string;
  readonly scopes: ReadonlySet<string>;
  /** Empty when there are none: then as much of `scopes` as the resource offers. */
  readonly defaultScopes: ReadonlySet<string>;
  /** Identifiers of the resources whose tokens it may introspect. */
  readonly servedResources: ReadonlySet<string>;
  readonly dpopBoundAccessTokens: boolean;
  readonly requirePushedAuthorizationRequests: boolean;
  readonly requirePkce: boolean;
  readonly rotateRefreshTokens: boolean;
  readonly clientUri?: string;
  readonly logoUri?: string;
  readonly policyUri?: string;
  readonly tosUri?: string;
  /** Goes up with every change, except of secrets. */
  readonly version: number;
  /** Those that are not retired. */
  readonly secrets: readonly { readonly id: string; readonly hash: Buffer; readonly expiresAt: number | null }[];
}

/** One round trip for all of it. Takes the client's id and the present time. */
export const CLIENT_RECORD_QUERY = `
  SELECT c.*, o.status AS organization_status,
    (SELECT json_agg(json_build_object('id', s.id, 'hash', encode(s.hash, 'hex'), 'expires_at', floor(extract(epoch FROM s.expires_at) * 1000)))
     FROM client_secrets s WHERE s.client_id = c.id AND s.retired_at IS NULL AND (s.expires_at IS NULL OR s.expires_at > $2)) AS secrets
  FROM clients c LEFT JOIN organizations o ON o.id = c.organization_id
  WHERE c.id = $1`;

export interface ClientRecordRow {
  id: ClientId;
  organization_id: OrganizationId | null;
  organization_status: 'active' | 'suspended' | null;
  kind: ClientKind;
  name: string;
  status: ClientStatus;
  token_endpoint_auth_method: AuthMethod;
  grant_types: string[];
  redirect_uris: string[];
  post_logout_redirect_uris: string[];
  application_type: ApplicationType;
  jwks: ClientJwks | null;
  jwks_uri: string | null;
  scopes: string[];
  default_scopes: string[];
  served_resources: string[];
  dpop_bound_access_tokens: boolean;
  require_pushed_authorization_requests: boolean;
  require_pkce: boolean;
  rotate_refresh_tokens: boolean;
  client_uri: string | null;
  logo_uri: string | null;
  policy_uri: string | null;
  tos_uri: string | null;
  version: number;
  secrets: { id: string; hash: string; expires_at: number | null }[] | null;
}

export function clientRecord(row: ClientRecordRow): ClientRecord {
  const isOrganizationSuspended = row.organization_status === 'suspended' && row.status === 'active';
  return Object.freeze({
    id: row.id,
    organizationId: row.organization_id,
    kind: row.kind,
    name: row.name,
    status: isOrganizationSuspended ? 'suspended' : row.status,
    tokenEndpointAuthMethod: row.token_endpoint_auth_method,
    grantTypes: row.grant_types,
    redirectUris: row.redirect_uris,
    postLogoutRedirectUris: row.post_logout_redirect_uris,
    applicationType: row.application_type,
    jwks: row.jwks ?? undefined,
    jwksUri: row.jwks_uri ?? undefined,
    scopes: new Set(row.scopes),
    defaultScopes: new Set(row.default_scopes),
    servedResources: new Set(row.served_resources),
    dpopBoundAccessTokens: row.dpop_bound_access_tokens,
    requirePushedAuthorizationRequests: row.require_pushed_authorization_requests,
    requirePkce: row.require_pkce,
    rotateRefreshTokens: row.rotate_refresh_tokens,
    clientUri: row.client_uri ?? undefined,
    logoUri: row.logo_uri ?? undefined,
    policyUri: row.policy_uri ?? undefined,
    tosUri: row.tos_uri ?? undefined,
    version: row.version,
    secrets: (row.secrets ?? []).map(({ id, hash, expires_at }) => ({ id, hash: Buffer.from(hash, 'hex'), expiresAt: expires_at })),
  });
}
