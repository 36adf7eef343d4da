import { ArrayMaxSize, ArrayUnique, IsArray, IsBoolean, IsIn, IsObject, IsOptional, IsString, MaxLength } from 'class-validator';
import { IsJsonObject } from '../../platform/http/json-object.js';
import { PageQuery } from '../../platform/http/page.js';
import { IsDateTime, IsDisplayName, IsPlainText, IsScopeToken } from '../../platform/http/validation.js';
import { APPLICATION_TYPES, AUTH_METHODS, CLIENT_STATUSES, type Client, type ClientJwks } from './client.entity.js';
import type { ClientSecret } from './client-secret.entity.js';


export class ClientsQuery extends PageQuery {
  /** Only clients of this status. Without it all but the deactivated. */
  @IsOptional() @IsIn(CLIENT_STATUSES)
  status?: 'pending' | 'active' | 'suspended' | 'deactivated';

  /** Only clients whose name or id contains this text. */
  @IsOptional() @IsPlainText(200)
  q?: string;
}

/** Client metadata of RFC 7591 section 2, as far as an administrator sets it. */
export class ClientMetadataDto {
  /** How it authenticates: `client_secret_basic`, `client_secret_post`, `private_key_jwt`, or `none` for public clients. */
  @IsOptional() @IsIn(AUTH_METHODS)
  token_endpoint_auth_method?: 'client_secret_basic' | 'client_secret_post' | 'private_key_jwt' | 'none';

  /**
   * Among `authorization_code`, `refresh_token`, `client_credentials` and `urn:ietf:params:oauth:grant-type:token-exchange`.
   * @example ["authorization_code", "refresh_token"]
   */
  @IsOptional() @IsArray() @ArrayMaxSize(10) @IsString({ each: true }) @MaxLength(100, { each: true })
  grant_types?: string[];

  /**
   * Where browsers are sent back to, compared character by character: https, http on loopback, or a private-use scheme of a native application.
   * @example ["https://app.example.com/callback"]
   */
  @IsOptional() @IsArray() @ArrayMaxSize(20) @IsString({ each: true }) @MaxLength(2048, { each: true })
  redirect_uris?: string[];

  /** Where browsers may be sent after signing out. */
  @IsOptional() @IsArray() @ArrayMaxSize(20) @IsString({ each: true }) @MaxLength(2048, { each: true })
  post_logout_redirect_uris?: string[];

  /** `native` for an application on a person's device. */
  @IsOptional() @IsIn(APPLICATION_TYPES)
  application_type?: 'web' | 'native';

  /** Public keys (RFC 7517), for `private_key_jwt` and signed request objects. */
  @IsOptional() @IsObject()
  jwks?: ClientJwks | null;

  /** Where the public keys are fetched, instead of `jwks`. */
  @IsOptional() @IsString() @MaxLength(2048)
  jwks_uri?: string | null;

  /**
   * All it may ever ask for: scopes that exist and that you hold.
   * @example ["openid", "profile", "email", "offline_access"]
   */
  @IsOptional() @IsArray() @ArrayMaxSize(200) @ArrayUnique() @IsScopeToken({ each: true })
  scopes?: string[];

  /** What it gets when it asks for nothing. Empty: as much of `scopes` as the resource offers. */
  @IsOptional() @IsArray() @ArrayMaxSize(200) @ArrayUnique() @IsScopeToken({ each: true })
  default_scopes?: string[];

  /** Identifiers of the resources whose tokens it may introspect, because it serves them. */
  @IsOptional() @IsArray() @ArrayMaxSize(50) @ArrayUnique() @IsString({ each: true }) @MaxLength(512, { each: true })
  served_resources?: string[];

  /** Whether its tokens are always bound to a key (RFC 9449). */
  @IsOptional() @IsBoolean()
  dpop_bound_access_tokens?: boolean;

  /** Whether its authorization requests must be pushed first (RFC 9126). */
  @IsOptional() @IsBoolean()
  require_pushed_authorization_requests?: boolean;

  /** Whether it must use PKCE. Only an administrator may switch it off, only for a confidential client. */
  @IsOptional() @IsBoolean()
  require_pkce?: boolean;

  /** Whether its refresh tokens change with every use. Only a confidential client with DPoP may keep them. */
  @IsOptional() @IsBoolean()
  rotate_refresh_tokens?: boolean;

  /** Its home page. */
  @IsOptional() @IsString() @MaxLength(2048)
  client_uri?: string | null;

  /** Its logo. */
  @IsOptional() @IsString() @MaxLength(2048)
  logo_uri?: string | null;

  /** How it treats data. */
  @IsOptional() @IsString() @MaxLength(2048)
  policy_uri?: string | null;

  /** Its terms of service. */
  @IsOptional() @IsString() @MaxLength(2048)
  tos_uri?: string | null;

  /** Notes of your own, up to 16 KiB of JSON. */
  @IsOptional() @IsJsonObject(16_384)
  metadata?: Record<string, unknown>;
}

export class RegisterClientDto extends ClientMetadataDto {
  /**
   * What people see when they are asked to consent.
   * @example "Umbrella reminder"
   */
  @IsDisplayName()
  client_name: string;
}

export class UpdateClientDto extends ClientMetadataDto {
  /** What people see when they are asked to consent. */
  @IsOptional() @IsDisplayName()
  client_name?: string;
}

export class CreateSecretDto {
  /**
   * To tell it from the others, e.g. where it is used.
   * @example "second data centre"
   */
  @IsOptional() @IsDisplayName(100)
  label?: string | null;

  /** When it ends by itself (RFC 3339). Without it, when it is retired. */
  @IsOptional() @IsDateTime()
  expires_at?: string | null;
}

export class ClientDto {
  client_id: string;
  client_name: string;
  /** `first_party` clients come with the server. */
  kind: 'agent' | 'application' | 'first_party';
  /** Only `active` clients get tokens, and only theirs work. */
  status: 'pending' | 'active' | 'suspended' | 'deactivated';
  /** How it authenticates at the token endpoint; `none` for public clients. */
  token_endpoint_auth_method: 'client_secret_basic' | 'client_secret_post' | 'private_key_jwt' | 'none';
  grant_types: string[];
  redirect_uris: string[];
  post_logout_redirect_uris: string[];
  application_type: 'web' | 'native';
  /** Its public keys (RFC 7517). */
  jwks: ClientJwks | null;
  jwks_uri: string | null;
  /** All it may ever ask for. */
  scopes: string[];
  /** What it gets when it asks for nothing. Empty: as much of `scopes` as the resource offers. */
  default_scopes: string[];
  /** Identifiers of the resources whose tokens it may introspect. */
  served_resources: string[];
  /** Whether its tokens are always bound to a key (RFC 9449). */
  dpop_bound_access_tokens: boolean;
  /** Whether its authorization requests must be pushed first (RFC 9126). */
  require_pushed_authorization_requests: boolean;
  /** Whether it must use PKCE (RFC 7636). */
  require_pkce: boolean;
  /** Whether its refresh tokens change with every use. */
  rotate_refresh_tokens: boolean;
  client_uri: string | null;
  logo_uri: string | null;
  policy_uri: string | null;
  tos_uri: string | null;
  /** Notes of those who manage it. */
  metadata: Record<string, unknown>;
  /** Goes up with every change. */
  version: number;
  /** Up to a minute late. */
  last_used_at: string | null;
  created_at: string;
  updated_at: string;

  static of(client: Client): ClientDto {
    return {
      client_id: client.id,
      client_name: client.name,
      kind: client.kind,
      status: client.status,
      token_endpoint_auth_method: client.tokenEndpointAuthMethod,
      grant_types: client.grantTypes,
      redirect_uris: client.redirectUris,
      post_logout_redirect_uris: client.postLogoutRedirectUris,
      application_type: client.applicationType,
      jwks: client.jwks,
      jwks_uri: client.jwksUri,
      scopes: client.scopes,
      default_scopes: client.defaultScopes,
      served_resources: client.servedResources,
      dpop_bound_access_tokens: client.dpopBoundAccessTokens,
      require_pushed_authorization_requests: client.requirePushedAuthorizationRequests,
      require_pkce: client.requirePkce,
      rotate_refresh_tokens: client.rotateRefreshTokens,
      client_uri: client.clientUri,
      logo_uri: client.logoUri,
      policy_uri: client.policyUri,
      tos_uri: client.tosUri,
      metadata: client.metadata,
      version: client.version,
      last_used_at: client.lastUsedAt?.toISOString() ?? null,
      created_at: client.createdAt.toISOString(),
      updated_at: client.updatedAt.toISOString(),
    };
  }
}

export class RegisteredClientDto extends ClientDto {
  /** Shown this once. Clients that authenticate without a secret have none. */
  client_secret?: string;
}

export class ClientPageDto {
  data: ClientDto[];
  /** Give it as `cursor` to get the next page; null on the last one. */
  next_cursor: string | null;
}

export class ClientSecretDto {
  id: string;
  /** The part of the secret by which it can be recognised. */
  prefix: string;
  label: string | null;
  /** Whether it works now. */
  is_live: boolean;
  /** Up to a minute late. */
  last_used_at: string | null;
  expires_at: string | null;
  retired_at: string | null;
  created_at: string;

  static of(secret: ClientSecret, at: number): ClientSecretDto {
    return {
      id: secret.id,
      prefix: secret.prefix,
      label: secret.label,
      is_live: secret.retiredAt === null && (secret.expiresAt === null || secret.expiresAt.getTime() > at),
      last_used_at: secret.lastUsedAt?.toISOString() ?? null,
      expires_at: secret.expiresAt?.toISOString() ?? null,
      retired_at: secret.retiredAt?.toISOString() ?? null,
      created_at: secret.createdAt.toISOString(),
    };
  }
}

export class ClientSecretListDto {
  data: ClientSecretDto[];
  /** Always null: there is one page. */
  next_cursor: string | null;
}

export class CreatedSecretDto extends ClientSecretDto {
  /** Shown this once. */
  client_secret: string;
}
