import { ArrayMaxSize, ArrayUnique, IsArray, IsString, Matches, MaxLength } from 'class-validator';
import { IsOmittable } from '../../platform/http/omittable.js';
import { IsDisplayName, IsScopeToken, IsSlug } from '../../platform/http/validation.js';
import type { AgentStatus } from '../agents/agent.entity.js';
import type { AgentCredentials, AgentWithClient } from '../agents/agents.service.js';
import type { DescribedCaller } from './caller-description.service.js';

/** Only to bound the input: what a password must be like is the password policy's business. */
const LONGEST_PASSWORD = 1024;
const LONGEST_SCOPE = 4096;
/** RFC 6749 section 3.3: scope-tokens with single spaces. */
const SCOPE = /^[\x21\x23-\x5B\x5D-\x7E]+( [\x21\x23-\x5B\x5D-\x7E]+)*$/;
const SCOPE_MESSAGE = { message: 'scope must be scope names separated by single spaces' };

export class QuickRegisterDto {
  /**
   * Unique in the organization.
   * @example weather-scout
   */
  @IsDisplayName()
  name: string;

  /** Lets the agent log in by name. Without one it logs in with its API key alone. */
  @IsOmittable() @IsString() @MaxLength(LONGEST_PASSWORD)
  password?: string;

  /**
   * All it may ever ask for: scopes that exist and that you hold. Who registers itself gets them once somebody approves.
   * @example ["weather:read"]
   */
  @IsOmittable() @IsArray() @ArrayMaxSize(200) @ArrayUnique() @IsScopeToken({ each: true })
  scopes?: string[];

  /** Where anybody may register: the slug of the organization, `default` unless named. */
  @IsOmittable() @IsSlug()
  organization?: string;

  /** Lets an agent register itself in the organization that gave it out. Not needed with an access token. */
  @IsOmittable() @IsString() @MaxLength(200)
  enrolment_token?: string;
}

export class QuickRegisteredDto {
  agent_id: string;
  client_id: string;
  name: string;
  status: 'pending' | 'active' | 'suspended' | 'deactivated';
  /** What it may ask for now. */
  scopes: string[];
  /** Its client secret too. Shown this once. */
  api_key?: string;
  /** Of an agent that is still pending: `POST /api/agents/activate` takes it within 24 hours. Shown this once. */
  registration_token?: string;

  static of({ agent, client, credentials }: AgentWithClient & { credentials: AgentCredentials }): QuickRegisteredDto {
    const status: AgentStatus = agent.status;
    return {
      agent_id: agent.id, client_id: client.id, name: agent.name, status, scopes: client.scopes,
      api_key: credentials.client_secret, registration_token: credentials.registration_token,
    };
  }
}

export class LoginDto {
  /**
   * The agent's API key, which is its client secret.
   * @example lgt_client_…
   */
  @IsOmittable() @IsString() @MaxLength(200)
  api_key?: string;

  /** The agent's name, with its password. */
  @IsOmittable() @IsString() @MaxLength(200)
  name?: string;

  @IsOmittable() @IsString() @MaxLength(LONGEST_PASSWORD)
  password?: string;

  /** The slug of the organization in which the name is looked for, `default` unless given. */
  @IsOmittable() @IsSlug()
  organization?: string;

  /** Fewer scopes than the defaults, or others that it may have. Space-separated. */
  @IsOmittable() @MaxLength(LONGEST_SCOPE) @Matches(SCOPE, SCOPE_MESSAGE)
  scope?: string;
}

export class RenewTokenDto {
  /** Fewer scopes than the presented token has. Space-separated. */
  @IsOmittable() @MaxLength(LONGEST_SCOPE) @Matches(SCOPE, SCOPE_MESSAGE)
  scope?: string;
}

export class ChangeOwnPasswordDto {
  @IsString() @MaxLength(LONGEST_PASSWORD)
  current_password: string;

  /** Tokens that the old one got end. */
  @IsString() @MaxLength(LONGEST_PASSWORD)
  new_password: string;
}

export class CallerOrganizationDto {
  id: string;
  slug: string;
  name: string;
}

/** Who the access token of this request speaks for. */
export class CallerDto {
  /** The token's `sub`. */
  subject: string;
  kind: 'user' | 'agent' | 'client';
  client_id: string;
  organization: CallerOrganizationDto;
  /** A person's role in the organization as it is now. */
  role: 'owner' | 'admin' | 'member' | null;
  /** What it may do now. */
  scopes: string[];
  token_id: string;
  expires_at: string;
  /** Who acts for the subject (RFC 8693 section 4.1). */
  act: object | null;

  static of({ caller, organization, expiresAt }: DescribedCaller): CallerDto {
    return {
      subject: caller.subject,
      kind: caller.kind,
      client_id: caller.clientId,
      organization: { id: organization.id, slug: organization.slug, name: organization.name },
      role: caller.role ?? null,
      scopes: [...caller.scopes],
      token_id: caller.tokenId,
      expires_at: expiresAt.toISOString(),
      act: typeof caller.act === 'object' ? caller.act : null,
    };
  }
}
