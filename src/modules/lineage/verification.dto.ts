import { ArrayMaxSize, IsArray, IsBoolean, IsInt, IsObject, IsOptional, IsString, IsUUID, Matches, Max, MaxLength, Min, MinLength } from 'class-validator';
import { microsAsUsd } from '../../kernel/usd.js';
import { IsOmittable } from '../../platform/http/omittable.js';
import { IsScopeToken } from '../../platform/http/validation.js';
import type { AllowedCall } from './tool-access.service.js';
import type { VerifiedToken } from './token-verification.service.js';

export class TokenInQuestionDto {
  /** The access token itself, JWT or opaque. */
  @IsString() @MinLength(1) @MaxLength(16_384)
  token: string;
}

export class VerifyTokenDto extends TokenInQuestionDto {
  /** The task that the token has to be of, or one above it. */
  @IsOmittable() @IsUUID()
  expected_task_id?: string;

  /** A live token that this one has to descend from. */
  @IsOmittable() @IsString() @MinLength(1) @MaxLength(16_384)
  ancestor_token?: string;

  /** The same by its `token_id`. */
  @IsOmittable() @IsUUID()
  ancestor_token_id?: string;
}

export class VerifyToolAccessDto extends VerifyTokenDto {
  /**
   * Name of the tool that is about to be called.
   * @example "search_flights"
   */
  @IsString() @Matches(/^[\x21-\x7E]{1,128}$/, { message: 'tool must be up to 128 printable ASCII characters' })
  tool: string;

  /** What it is about to be called with, to be held against its `input_schema`. Left out, it is not checked. */
  @IsOmittable() @IsObject()
  arguments?: object;

  /** Only reserves what the call costs, to be committed or released afterwards. */
  @IsOmittable() @IsBoolean()
  reserve?: boolean;
}

export class CheckTokenAccessDto extends TokenInQuestionDto {
  /** Scopes, all of which the token has to cover. */
  @IsOptional() @IsArray() @ArrayMaxSize(200) @IsScopeToken({ each: true })
  scopes?: string[];

  /** Identifier of the API or MCP server that the token has to be for. */
  @IsOmittable() @IsString() @MinLength(1) @MaxLength(512)
  resource?: string;
}

export class VerifiedTokenDto {
  valid: true;
  token_id: string;
  task_id: string;
  parent_task_id: string | null;
  parent_token_id: string | null;
  root_token_id: string;
  client_id: string;
  subject: { kind: 'user' | 'agent' | 'client'; id: string };
  /** Who acts for the subject (RFC 8693 section 4.1). */
  act: object | null;
  delegation_grant_id: string | null;
  audience: string;
  scopes: string[];
  /** Names of the tools that it is good for. */
  tools: string[];
  expires_at: string;

  static of(this: void, { claims, row }: VerifiedToken): VerifiedTokenDto {
    return {
      valid: true,
      token_id: row.id,
      task_id: row.taskId,
      parent_task_id: row.parentTaskId,
      parent_token_id: row.parentTokenId,
      root_token_id: row.rootTokenId,
      client_id: row.clientId,
      subject: { kind: row.userId !== null ? 'user' : row.agentId !== null ? 'agent' : 'client', id: row.subject },
      act: row.act,
      delegation_grant_id: row.delegationGrantId,
      audience: claims.aud,
      scopes: claims.scope ? claims.scope.split(' ') : [],
      tools: Array.isArray(claims['tools']) ? claims['tools'] as string[] : [],
      expires_at: row.expiresAt.toISOString(),
    };
  }
}

export class AllowedAccessDto {
  allowed: true;
  token_id: string;
  task_id: string;
  client_id: string;
  subject: { kind: 'user' | 'agent' | 'client'; id: string };
  expires_at: string;

  static of(this: void, verified: VerifiedToken): AllowedAccessDto {
    const { token_id, task_id, client_id, subject, expires_at } = VerifiedTokenDto.of(verified);
    return { allowed: true, token_id, task_id, client_id, subject, expires_at };
  }
}

export class AllowedToolCallDto extends AllowedAccessDto {
  tool: { id: string; name: string };
  /** What decided: `id` is in the audit log as well. */
  decision: { id: string; policies: string[] };
  /** What the call costs in US dollars, which counts with one request. */
  cost_usd: string;
  /** What was reserved for it: to be committed or released before it expires. Null where it was used up at once. */
  reservation: { id: string; expires_at: string } | null;

  static ofCall(this: void, { verified, tool, decision, reservation }: AllowedCall): AllowedToolCallDto {
    return {
      ...AllowedAccessDto.of(verified), tool: { id: tool.id, name: tool.name }, decision: { id: decision.id, policies: [...decision.policies] }, cost_usd: microsAsUsd(tool.costMicros),
      reservation: reservation?.expiresAt ? { id: reservation.id, expires_at: reservation.expiresAt.toISOString() } : null,
    };
  }
}

export class TaskTrailDto {
  @IsUUID()
  task_id: string;

  /** How many events. */
  @IsOmittable() @IsInt() @Min(1) @Max(200)
  limit?: number;

  /** `next_cursor` of the page before. */
  @IsOmittable() @IsString() @MaxLength(1024)
  cursor?: string;
}

export class TrailEventDto {
  id: string;
  /** Its place in the audit log. */
  sequence: number;
  time: string;
  type: string;
  outcome: 'success' | 'refused';
  actor: { kind: string; id?: string; client_id?: string };
  act?: unknown;
  subject?: string;
  target?: { kind: string; id: string };
  reason?: string;
  token_id?: string;
  task_id?: string;
  details?: object;
}

export class TaskTrailPageDto {
  data: TrailEventDto[];
  /** Give it as `cursor` to get the next page; null on the last one. */
  next_cursor: string | null;
}

/** As userinfo is for people: the claims of OpenID Connect for Agents, and who the agent acts for. */
export class AgentInfoDto {
  /** For whom it acts: itself, or whoever delegated to it. */
  sub: string;
  agent_id: string;
  client_id: string;
  agent_name: string;
  agent_type: string;
  agent_model?: string;
  agent_version?: string;
  agent_provider?: string;
  agent_instance_id?: string;
  agent_trust_level: string;
  agent_capabilities: string[];
  agent_context_id: string;
  tenant_id: string;
  token_id: string;
  task_id: string;
  parent_task_id?: string;
  scope: string;
  tools?: string[];
  act?: object;
  delegation_grant_id?: string;
  delegator_sub?: string;
  delegation_purpose?: string;
  delegation_constraints?: object;
  delegation_chain?: object[];
}
