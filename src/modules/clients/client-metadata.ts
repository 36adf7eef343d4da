import type { DomainError } from '../../kernel/domain-error.js';
import type { ApplicationType, AuthMethod, ClientJwks } from './client.entity.js';
import { checkJwks } from './client-jwks.js';
import { invalidClientMetadata, invalidRedirectUri } from './clients.errors.js';
import { redirectUriProblem } from './redirect-uri.js';

/** RFC 8693 section 2.1. */
export const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
export const GRANT_TYPES = ['authorization_code', 'refresh_token', 'client_credentials', TOKEN_EXCHANGE] as const;
/** Grants in which a client speaks for itself or for whoever delegated to it: it has to prove who it is. */
const OF_PROVEN_CLIENTS = ['client_credentials', TOKEN_EXCHANGE];
const MOST_REDIRECT_URIS = 20;
const LONGEST_URI = 2048;
const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]']);

/** How a client talks to us (RFC 7591 section 2), as the columns of `clients` hold it. */
export interface ClientMetadata {
  readonly tokenEndpointAuthMethod: AuthMethod;
  readonly grantTypes: string[];
  readonly redirectUris: string[];
  readonly postLogoutRedirectUris: string[];
  readonly applicationType: ApplicationType;
  readonly jwks: ClientJwks | null;
  readonly jwksUri: string | null;
  readonly dpopBoundAccessTokens: boolean;
  readonly requirePushedAuthorizationRequests: boolean;
  readonly requirePkce: boolean;
  readonly rotateRefreshTokens: boolean;
  readonly clientUri: string | null;
  readonly logoUri: string | null;
  readonly policyUri: string | null;
  readonly tosUri: string | null;
}

export interface MetadataRules {
  /** Whether documents and keys may be fetched over http from this machine, as in development. */
  readonly allowsLoopbackHttp: boolean;
}

/**
 * Completes a client's metadata with defaults and checks it as a whole.
 *
 * @param given what is known: a registration as it came, or a client's present metadata with changes laid over it
 * @throws DomainError `invalid_redirect_uri`, `invalid_client_metadata` (RFC 7591 section 3.2.2)
 */
export function checkClientMetadata(given: { readonly [member in keyof ClientMetadata]?: ClientMetadata[member] | undefined }, rules: MetadataRules): ClientMetadata {
  const redirectUris = given.redirectUris ?? [];
  const tokenEndpointAuthMethod = given.tokenEndpointAuthMethod ?? 'client_secret_basic';
  const metadata: ClientMetadata = {
    tokenEndpointAuthMethod,
    grantTypes: given.grantTypes ?? defaultGrantTypes(redirectUris),
    redirectUris,
    postLogoutRedirectUris: given.postLogoutRedirectUris ?? [],
    applicationType: given.applicationType ?? 'web',
    jwks: given.jwks ? publicKeys(given.jwks) : null,
    jwksUri: given.jwksUri ?? null,
    dpopBoundAccessTokens: given.dpopBoundAccessTokens ?? false,
    requirePushedAuthorizationRequests: given.requirePushedAuthorizationRequests ?? false,
    requirePkce: given.requirePkce ?? true,
    rotateRefreshTokens: given.rotateRefreshTokens ?? true,
    clientUri: given.clientUri ?? null,
    logoUri: given.logoUri ?? null,
    policyUri: given.policyUri ?? null,
    tosUri: given.tosUri ?? null,
  };
  checkGrantTypes(metadata);
  checkRedirectUris(metadata);
  checkKeys(metadata);
  checkPublicClient(metadata);
  for (const [name, uri] of [['jwks_uri', metadata.jwksUri], ['client_uri', metadata.clientUri], ['logo_uri', metadata.logoUri], ['policy_uri', metadata.policyUri], ['tos_uri', metadata.tosUri]] as const) {
    if (uri !== null) checkDocumentUri(name, uri, rules);
  }
  return metadata;
}

/** The members that, changed, change who can be this client. */
export const CREDENTIAL_MEMBERS = ['tokenEndpointAuthMethod', 'grantTypes', 'redirectUris', 'jwks', 'jwksUri', 'requirePkce', 'applicationType'] as const satisfies readonly (keyof ClientMetadata)[];

export function usesSecrets(method: AuthMethod): boolean {
  return method === 'client_secret_basic' || method === 'client_secret_post';
}

/** A client with redirect URIs signs people in; one without speaks for itself. */
function defaultGrantTypes(redirectUris: readonly string[]): string[] {
  return redirectUris.length > 0 ? ['authorization_code', 'refresh_token'] : ['client_credentials'];
}

function checkGrantTypes({ grantTypes, redirectUris, tokenEndpointAuthMethod }: ClientMetadata): void {
  if (grantTypes.length === 0) throw invalidClientMetadata('grant_types must name at least one grant type.');
  if (new Set(grantTypes).size !== grantTypes.length) throw invalidClientMetadata('grant_types names a grant type twice.');
  for (const grantType of grantTypes) {
    if (!GRANT_TYPES.some((known) => known === grantType)) throw refusedGrantType(grantType);
  }
  const signsPeopleIn = grantTypes.includes('authorization_code');
  if (signsPeopleIn && redirectUris.length === 0) throw invalidClientMetadata('The grant type authorization_code needs redirect_uris.');
  if (!signsPeopleIn && redirectUris.length > 0) throw invalidClientMetadata('redirect_uris need the grant type authorization_code.');
  if (!signsPeopleIn && grantTypes.includes('refresh_token')) throw invalidClientMetadata('The grant type refresh_token needs authorization_code: no other grant gives refresh tokens.');
  const proven = grantTypes.find((grantType) => OF_PROVEN_CLIENTS.includes(grantType));
  if (tokenEndpointAuthMethod === 'none' && proven !== undefined) {
    throw invalidClientMetadata(`A public client (token_endpoint_auth_method none) cannot use ${proven}: anybody could be it.`);
  }
}

function refusedGrantType(grantType: string): DomainError {
  if (grantType === 'implicit' || grantType === 'password') return invalidClientMetadata(`The grant type ${grantType} is not part of OAuth 2.1; use authorization_code with PKCE.`);
  return invalidClientMetadata(`The grant types are ${GRANT_TYPES.join(', ')}.`);
}

function checkRedirectUris({ redirectUris, postLogoutRedirectUris, applicationType }: ClientMetadata): void {
  for (const [name, uris] of [['redirect_uris', redirectUris], ['post_logout_redirect_uris', postLogoutRedirectUris]] as const) {
    if (uris.length > MOST_REDIRECT_URIS) throw invalidClientMetadata(`${name} may hold at most ${MOST_REDIRECT_URIS} URIs.`);
    if (new Set(uris).size !== uris.length) throw invalidClientMetadata(`${name} names a URI twice.`);
    for (const uri of uris) {
      const problem = redirectUriProblem(uri, applicationType);
      if (problem) throw invalidRedirectUri(uri, problem);
    }
  }
}

function checkKeys({ tokenEndpointAuthMethod, jwks, jwksUri }: ClientMetadata): void {
  if (jwks && jwksUri !== null) throw invalidClientMetadata('Send jwks or jwks_uri, not both.');
  if (tokenEndpointAuthMethod === 'private_key_jwt' && !jwks && jwksUri === null) throw invalidClientMetadata('private_key_jwt needs jwks or jwks_uri with the public keys.');
}

function publicKeys(given: ClientJwks): ClientJwks {
  const jwks = checkJwks(given);
  if (typeof jwks === 'string') throw invalidClientMetadata(jwks);
  return jwks;
}

/** RFC 9700 sections 2.1.1 and 4.14.2. */
function checkPublicClient({ tokenEndpointAuthMethod, requirePkce, rotateRefreshTokens, dpopBoundAccessTokens }: ClientMetadata): void {
  if (!requirePkce && tokenEndpointAuthMethod === 'none') throw invalidClientMetadata('A public client cannot do without PKCE.');
  if (!rotateRefreshTokens && (tokenEndpointAuthMethod === 'none' || !dpopBoundAccessTokens)) {
    throw invalidClientMetadata('Only a confidential client with dpop_bound_access_tokens may keep its refresh tokens without rotation.');
  }
}

function checkDocumentUri(name: string, uri: string, { allowsLoopbackHttp }: MetadataRules): void {
  const refuse = (problem: string) => invalidClientMetadata(`${name} ${problem}.`);
  if (uri.length > LONGEST_URI) throw refuse(`must be at most ${LONGEST_URI} characters`);
  if (!/^[\x21-\x7E]+$/.test(uri) || /[\\"<>^`{|}]/.test(uri) || !URL.canParse(uri) || !/^https?:\/\/[^/]/i.test(uri)) throw refuse('must be an absolute https URI');
  const { protocol, hostname, username, password } = new URL(uri);
  if (protocol !== 'https:' && !(allowsLoopbackHttp && LOOPBACK.has(hostname))) throw refuse('must use https');
  if (username !== '' || password !== '' || uri.includes('#')) throw refuse('must have no user information and no fragment');
}
