import { ArrayMaxSize, ArrayUnique, IsArray, IsEmail, IsIn, IsObject, IsOptional, IsString, IsUUID, Matches, MaxLength } from 'class-validator';
import { IsJsonObject } from '../../platform/http/json-object.js';
import { PageQuery } from '../../platform/http/page.js';
import { IsDateTime, IsDisplayName, IsPlainText, IsScopeToken, IsSlug } from '../../platform/http/validation.js';
import type { ClientJwks } from '../clients/client.entity.js';
import type { ClientSecret } from '../clients/client-secret.entity.js';
import { AGENT_STATUSES, AGENT_TYPES, TRUST_LEVELS } from './agent.entity.js';
import type { AgentWithClient } from './agents.service.js';

const AUTH_METHODS = ['client_secret_basic', 'client_secret_post', 'private_key_jwt', 'none'];

export class AgentsQuery extends PageQuery {
  /** Only agents of this status. Without it all but the deactivated. */
  @IsOptional() @IsIn(AGENT_STATUSES)
  status?: 'pending' | 'active' | 'suspended' | 'deactivated';

  /** Only agents of this type. */
  @IsOptional() @IsIn(AGENT_TYPES)
  agent_type?: 'assistant' | 'retrieval' | 'coding' | 'domain_specific' | 'autonomous' | 'supervised';

  /** Only agents of this owner: a person's id, or the e-mail that was given for the owner. */
  @IsOptional() @IsPlainText(254)
  owner?: string;

  /** Only agents whose name, description or id contains this text. */
  @IsOptional() @IsPlainText(200)
  q?: string;
}

export class AgentMetadataDto {
  /**
   * What it is for.
   * @example "Tells people whether to take an umbrella."
   */
  @IsOptional() @IsPlainText(2000)
  description?: string | null;

  /** Whom to write to about it. When it is a member's address, the agent belongs to them. */
  @IsOptional() @IsEmail() @MaxLength(254)
  owner_email?: string;

  /**
   * All it may ever ask for: scopes that exist and that you hold.
   * @example ["weather:read"]
   */
  @IsOptional() @IsArray() @ArrayMaxSize(200) @ArrayUnique() @IsScopeToken({ each: true })
  scopes?: string[];

  /** What it gets when it asks for nothing. Empty: as much of `scopes` as the resource offers. */
  @IsOptional() @IsArray() @ArrayMaxSize(200) @ArrayUnique() @IsScopeToken({ each: true })
  default_scopes?: string[];

  /** What kind of agent it is (OIDC-A). */
  @IsOptional() @IsIn(AGENT_TYPES)
  agent_type?: 'assistant' | 'retrieval' | 'coding' | 'domain_specific' | 'autonomous' | 'supervised';

  /** The model that drives it. */
  @IsOptional() @IsDisplayName(100)
  agent_model?: string | null;

  /** The version of the model or agent. */
  @IsOptional() @IsDisplayName(100)
  agent_version?: string | null;

  /** Who provides or hosts it. */
  @IsOptional() @IsDisplayName(100)
  agent_provider?: string | null;

  /** What it can do; names of your own as `vendor:capability`. */
  @IsOptional() @IsArray() @ArrayMaxSize(50) @ArrayUnique()
  @Matches(/^[A-Za-z0-9][A-Za-z0-9._:/-]{0,99}$/, { each: true, message: 'capabilities must be names of up to 100 letters, digits and . _ : / -' })
  capabilities?: string[];

  /** How far it is trusted. Only somebody who runs the organization may say so. */
  @IsOptional() @IsIn(TRUST_LEVELS)
  trust_level?: 'unverified' | 'experimental' | 'verified';

  /** Notes of your own, up to 16 KiB of JSON. */
  @IsOptional() @IsJsonObject(16_384)
  metadata?: Record<string, unknown>;

  /** Among `client_credentials`, `urn:ietf:params:oauth:grant-type:token-exchange`, `authorization_code` and `refresh_token`. */
  @IsOptional() @IsArray() @ArrayMaxSize(10) @IsString({ each: true }) @MaxLength(100, { each: true })
  grant_types?: string[];

  /** Where browsers are sent back to when people let the agent act for them. */
  @IsOptional() @IsArray() @ArrayMaxSize(20) @IsString({ each: true }) @MaxLength(2048, { each: true })
  redirect_uris?: string[];

  /** How it authenticates: `client_secret_basic`, `client_secret_post`, `private_key_jwt`, or `none`. */
  @IsOptional() @IsIn(AUTH_METHODS)
  token_endpoint_auth_method?: 'client_secret_basic' | 'client_secret_post' | 'private_key_jwt' | 'none';

  /** Public keys (RFC 7517) for `private_key_jwt`. */
  @IsOptional() @IsObject()
  jwks?: ClientJwks | null;

  /** Where the public keys are fetched, instead of `jwks`. */
  @IsOptional() @IsString() @MaxLength(2048)
  jwks_uri?: string | null;
}

export class RegisterAgentDto extends AgentMetadataDto {
  /**
   * Unique in the organization.
   * @example weather-scout
   */
  @IsDisplayName()
  agent_name: string;

  /** Tools that it may call: ids of tools whose required scopes you may hand out. Agents that register themselves get none. */
  @IsOptional() @IsArray() @ArrayMaxSize(100) @ArrayUnique() @IsUUID('all', { each: true })
  tool_ids?: string[];

  /** Lets an agent register itself in the organization that gave it out. Not needed with an access token. */
  @IsOptional() @IsString() @MaxLength(200)
  enrolment_token?: string;

  /** Where anybody may register: the slug of the organization. */
  @IsOptional() @IsSlug()
  organization?: string;
}

export class UpdateAgentDto extends AgentMetadataDto {
  /** Unique in the organization. */
  @IsOptional() @IsDisplayName()
  agent_name?: string;
}

export class ActivateAgentDto {
  /**
   * As registration returned it. Works once, for 24 hours.
   * @example lgt_registration_…
   */
  @IsString() @MaxLength(200)
  registration_token: string;
}

export class CreateAgentSecretDto {
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

export class AgentDto {
  /** The same as its `client_id` and the `sub` of its tokens. */
  id: string;
  /** What it names itself with at the token endpoint. */
  client_id: string;
  organization_id: string;
  /** Unique in the organization, until it is deactivated. */
  agent_name: string;
  /** What it is for. */
  description: string | null;
  /** `pending`: not activated yet, or waiting for its scopes; `suspended`: none of its tokens works until it is resumed; `deactivated`: ended for good. */
  status: 'pending' | 'active' | 'suspended' | 'deactivated';
  /** The member whose agent it is; null when it is the organization's. */
  owner_user_id: string | null;
  /** Whom to write to about it. */
  owner_email: string | null;
  /** What kind of agent it is (OIDC-A). */
  agent_type: 'assistant' | 'retrieval' | 'coding' | 'domain_specific' | 'autonomous' | 'supervised';
  /** The model that drives it. */
  agent_model: string | null;
  agent_version: string | null;
  /** Who provides or hosts it. */
  agent_provider: string | null;
  capabilities: string[];
  /** How far those who run the organization trust it. */
  trust_level: 'unverified' | 'experimental' | 'verified';
  /** Notes of those who manage it. */
  metadata: Record<string, unknown>;
  /** All it may ever ask for. */
  scopes: string[];
  /** What it gets when it asks for nothing. Empty: as much of `scopes` as the resource offers. */
  default_scopes: string[];
  grant_types: string[];
  redirect_uris: string[];
  /** How it authenticates at the token endpoint. */
  token_endpoint_auth_method: 'client_secret_basic' | 'client_secret_post' | 'private_key_jwt' | 'none';
  /** Its public keys (RFC 7517), when it authenticates with them. */
  jwks: ClientJwks | null;
  jwks_uri: string | null;
  activated_at: string | null;
  suspended_at: string | null;
  /** Up to a minute late. */
  last_used_at: string | null;
  created_at: string;
  updated_at: string;

  static of({ agent, client }: AgentWithClient): AgentDto {
    return {
      id: agent.id,
      client_id: agent.clientId,
      organization_id: agent.organizationId,
      agent_name: agent.name,
      description: agent.description,
      status: agent.status,
      owner_user_id: agent.ownerUserId,
      owner_email: agent.ownerEmail,
      agent_type: agent.agentType,
      agent_model: agent.agentModel,
      agent_version: agent.agentVersion,
      agent_provider: agent.agentProvider,
      capabilities: agent.capabilities,
      trust_level: agent.trustLevel,
      metadata: agent.metadata,
      scopes: client.scopes,
      default_scopes: client.defaultScopes,
      grant_types: client.grantTypes,
      redirect_uris: client.redirectUris,
      token_endpoint_auth_method: client.tokenEndpointAuthMethod,
      jwks: client.jwks,
      jwks_uri: client.jwksUri,
      activated_at: agent.activatedAt?.toISOString() ?? null,
      suspended_at: agent.suspendedAt?.toISOString() ?? null,
      last_used_at: client.lastUsedAt?.toISOString() ?? null,
      created_at: agent.createdAt.toISOString(),
      updated_at: agent.updatedAt.toISOString(),
    };
  }
}

export class AgentPageDto {
  data: AgentDto[];
  /** Give it as `cursor` to get the next page; null on the last one. */
  next_cursor: string | null;
}

export class AgentCredentialsDto {
  client_id: string;
  /** Shown this once. Agents that authenticate without a secret have none. */
  client_secret?: string;
  /** Shown this once; `POST /api/agents/activate` takes it within 24 hours. */
  registration_token?: string;
}

export class RegisteredAgentDto {
  agent: AgentDto;
  credentials: AgentCredentialsDto;
}

export class AgentSecretDto {
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

  static of(secret: ClientSecret, at: number): AgentSecretDto {
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

export class AgentSecretListDto {
  data: AgentSecretDto[];
  /** Always null: there is one page. */
  next_cursor: string | null;
}

export class CreatedAgentSecretDto extends AgentSecretDto {
  /** Shown this once. */
  client_secret: string;
}
