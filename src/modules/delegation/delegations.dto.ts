import { ApiPropertyOptional } from '@nestjs/swagger';
import { Transform, Type } from 'class-transformer';
import { ArrayMaxSize, ArrayMinSize, ArrayUnique, IsArray, IsBoolean, IsInt, IsObject, IsOptional, IsString, IsUUID, Max, MaxLength, Min, MinLength, ValidateNested } from 'class-validator';
import { microsAsUsd } from '../../kernel/usd.js';
import { PageQuery } from '../../platform/http/page.js';
import { IsDateTime, IsPlainText, IsScopeToken, IsUsd } from '../../platform/http/validation.js';
import type { Authority } from './authority.js';
import { IsAuthorizationDetails } from './authorization-details.js';
import { DELEGATION_ORIGINS, type DelegationGrant } from './delegation-grant.entity.js';

export class DelegationConstraintsDto {
  /**
   * Identifiers of the APIs and MCP servers where it works. Without it, wherever the scopes are offered.
   * @example ["https://calendar.example.com/api"]
   */
  @IsOptional() @IsArray() @ArrayMaxSize(50) @ArrayUnique() @IsString({ each: true }) @MaxLength(512, { each: true })
  resources?: string[];

  /** Nothing is issued for it before this moment. */
  @IsOptional() @IsDateTime()
  not_before?: string;

  /** How long a token issued for it lives at the most, in seconds. */
  @IsOptional() @IsInt() @Min(10) @Max(86_400)
  max_token_ttl?: number;

  /** How many calls may be made by it, and by what is below it, in an hour. */
  @IsOptional() @IsInt() @Min(1) @Max(1_000_000_000)
  requests_per_hour?: number;

  /** What may be spent by it, and by what is below it, in US dollars. */
  @ApiPropertyOptional({ oneOf: [{ type: 'string', pattern: '^\\d{1,7}(\\.\\d{1,6})?$' }, { type: 'number', format: 'double' }], description: 'What may be spent by it, and by what is below it, in US dollars.', example: '2.50' })
  @IsOptional() @IsUsd(1)
  cost_budget_usd?: string | number;

  /** Names of the only actions that it allows: names of tools, or actions that decisions are asked about. */
  @IsOptional() @IsArray() @ArrayMaxSize(200) @ArrayUnique() @IsString({ each: true }) @MinLength(1, { each: true }) @MaxLength(128, { each: true })
  allowed_actions?: string[];
}

export class DelegatedAuthorityDto {
  /** Names of the tools that it may use. Without it, whichever the agent has. */
  @IsOptional() @IsArray() @ArrayMaxSize(200) @ArrayUnique() @IsString({ each: true }) @MaxLength(128, { each: true })
  tools?: string[];

  /** What it may do in detail (RFC 9396). */
  @IsOptional() @IsAuthorizationDetails()
  authorization_details?: Authority['authorizationDetails'][number][];

  /** Where, when and for how long. */
  @IsOptional() @IsObject() @ValidateNested() @Type(() => DelegationConstraintsDto)
  constraints?: DelegationConstraintsDto;

  /**
   * What it is for, in one sentence.
   * @example "Book the trip to Lisbon."
   */
  @IsOptional() @IsPlainText(500)
  purpose?: string;

  /** How many further delegations may follow one another below this one. */
  @IsOptional() @IsInt() @Min(0) @Max(20)
  max_depth?: number;

  /** How many tokens may be issued for it and for what is below it. */
  @IsOptional() @IsInt() @Min(1) @Max(1_000_000)
  max_uses?: number;

  /** When it ends by itself. */
  @IsOptional() @IsDateTime()
  expires_at?: string;
}

export class CreateDelegationDto extends DelegatedAuthorityDto {
  /** The agent that is to act: its `client_id`. */
  @IsUUID()
  agent_id: string;

  /** For whom it acts: a person or an agent of the organization. Without it you; for others only if you run the organization, and that is on record. */
  @IsOptional() @IsUUID()
  principal_id?: string;

  /**
   * What the agent may ask for.
   * @example ["weather:read"]
   */
  @IsArray() @ArrayMinSize(1) @ArrayMaxSize(200) @ArrayUnique() @IsScopeToken({ each: true })
  scopes: string[];
}

export class DelegateOnwardsDto extends DelegatedAuthorityDto {
  /** The agent that is to act: its `client_id`. */
  @IsUUID()
  agent_id: string;

  /** What it may ask for. Without it, whatever you hold by the delegation. */
  @IsOptional() @IsArray() @ArrayMinSize(1) @ArrayMaxSize(200) @ArrayUnique() @IsScopeToken({ each: true })
  scopes?: string[];
}

export class DelegationsQuery extends PageQuery {
  /** Only delegations made by this person or agent, or that go back to them. */
  @IsOptional() @IsUUID()
  principal_id?: string;

  /** Only delegations made to this agent. */
  @IsOptional() @IsUUID()
  agent_id?: string;

  /** Only those that are alive, or only those that are over. */
  @IsOptional() @Transform(({ value }) => (value === 'true' ? true : value === 'false' ? false : value)) @IsBoolean()
  active?: boolean;
}

export class DelegationDto {
  id: string;
  /** How it came about: made by the principal, by an administrator for them, by agreeing on the consent page, or by an agent that hands on. */
  origin: (typeof DELEGATION_ORIGINS)[number];
  principal: { kind: 'user' | 'agent'; id: string };
  /** For whom the agent acts in the end. */
  subject: { kind: 'user' | 'agent'; id: string };
  agent_id: string;
  parent_grant_id: string | null;
  scopes: string[];
  tools: string[] | null;
  authorization_details: { type: string }[];
  constraints: {
    resources: string[] | null; not_before: string | null; max_token_ttl: number | null; requests_per_hour: number | null; cost_budget_usd: string | null; allowed_actions: string[] | null;
  };
  purpose: string | null;
  max_depth: number;
  max_uses: number | null;
  /** How many tokens were issued for it; counted only where there is a limit. */
  uses: number;
  /** Whether it, and all that it stands on, is alive. */
  is_active: boolean;
  created_at: string;
  expires_at: string | null;
  revoked_at: string | null;

  static of(this: void, { grant, isActive }: { grant: DelegationGrant; isActive: boolean }): DelegationDto {
    return {
      id: grant.id,
      origin: grant.origin,
      principal: { kind: grant.principalKind, id: grant.principalId },
      subject: { kind: grant.subjectKind, id: grant.subjectId },
      agent_id: grant.agentId,
      parent_grant_id: grant.parentGrantId,
      scopes: grant.scopes,
      tools: grant.tools,
      authorization_details: grant.authorizationDetails,
      constraints: {
        resources: grant.resources, not_before: grant.notBefore?.toISOString() ?? null, max_token_ttl: grant.maxTokenTtl,
        requests_per_hour: grant.requestsPerHour, cost_budget_usd: grant.costBudgetMicros === null ? null : microsAsUsd(grant.costBudgetMicros), allowed_actions: grant.allowedActions,
      },
      purpose: grant.purpose,
      max_depth: grant.maxDepth,
      max_uses: grant.maxUses,
      uses: grant.uses,
      is_active: isActive,
      created_at: grant.createdAt.toISOString(),
      expires_at: grant.expiresAt?.toISOString() ?? null,
      revoked_at: grant.revokedAt?.toISOString() ?? null,
    };
  }
}

export class DelegationPageDto {
  data: DelegationDto[];
  /** Give it as `cursor` to get the next page; null on the last one. */
  next_cursor: string | null;
}

export class DelegationChainDto {
  /** From the topmost delegation down to this one. */
  path: DelegationDto[];
  /** Everything handed on below it, level by level, as far as you may see. */
  descendants: DelegationDto[];
  /** Whether there are more below than are listed. */
  is_truncated: boolean;
}
