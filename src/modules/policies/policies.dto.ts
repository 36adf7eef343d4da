import { IsBoolean, IsIn, IsInt, IsOptional, Max, Min } from 'class-validator';
import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsJsonObject } from '../../platform/http/json-object.js';
import { IsOmittable } from '../../platform/http/omittable.js';
import { PageQuery } from '../../platform/http/page.js';
import { IsDisplayName, IsPlainText } from '../../platform/http/validation.js';
import { cedarTextOf, compilePolicy } from './compile-policy.js';
import { LARGEST_RULE } from './policy-rule.js';
import type { InstallationPolicy } from './installation-policies.js';
import type { Policy } from './policy.entity.js';
import type { PolicyVersion } from './policy-version.entity.js';

const RULE = {
  type: 'object', additionalProperties: true,
  description: 'Who may do what, when: `effect` (`allow` or `deny`), `who`, `what` and `when`; or `cedar`, a policy in Cedar, with the types of the `attributes` that it reads.',
  example: { effect: 'allow', who: { agents: ['*'], attributes: { agent_trust_level: 'verified' } }, what: { actions: ['issue'], scopes: ['calendar:read'] } },
} as const;

const EFFECTS = ['allow', 'deny'] as const;

export class PoliciesQuery extends PageQuery {
  /** Only policies whose name or description contains this text. */
  @IsOptional() @IsPlainText(200)
  q?: string;

  /** Only policies that are enabled, or that are not: true or false. */
  @IsOptional() @IsIn(['true', 'false'])
  is_enabled?: string;
}

export class CreatePolicyDto {
  /**
   * Unique in the organization, whatever the case of its letters.
   * @example "Verified agents read calendars"
   */
  @IsDisplayName(200)
  name: string;

  /** What it is for. */
  @IsOptional() @IsPlainText(2000)
  description?: string | null;

  /** Whether it decides from now on. */
  @IsOmittable() @IsBoolean()
  is_enabled?: boolean;

  @ApiProperty(RULE)
  @IsJsonObject(LARGEST_RULE)
  rule: Record<string, unknown>;
}

export class UpdatePolicyDto {
  /** Unique in the organization, whatever the case of its letters. */
  @IsOmittable() @IsDisplayName(200)
  name?: string;

  /** What it is for. */
  @IsOptional() @IsPlainText(2000)
  description?: string | null;

  /** Whether it decides from now on. */
  @IsOmittable() @IsBoolean()
  is_enabled?: boolean;

  @ApiPropertyOptional(RULE)
  @IsOmittable() @IsJsonObject(LARGEST_RULE)
  rule?: Record<string, unknown>;

  /** The version that is changed. When somebody else has changed it since, nothing happens. */
  @IsOmittable() @IsInt() @Min(1) @Max(2_147_483_647)
  version?: number;
}

export class RestorePolicyDto {
  /** Which of its versions the policy becomes like again. */
  @IsInt() @Min(1) @Max(2_147_483_647)
  version: number;
}

export class PolicyDto {
  id: string;
  name: string;
  description: string | null;
  /** One that is not enabled decides nothing. */
  is_enabled: boolean;
  /** Goes up with every change. */
  version: number;
  @ApiProperty({ enum: EFFECTS, nullable: true, description: 'Null when this version of the server cannot read the rule; then it decides nothing, and nothing is allowed.' })
  effect: 'allow' | 'deny' | null;
  @ApiProperty(RULE)
  rule: Record<string, unknown>;
  /** The rule as Cedar. */
  cedar: string;
  created_at: string;
  updated_at: string;

  static of(policy: Policy): PolicyDto {
    const compiled = compilePolicy(policy.rule);
    const isReadable = !('problems' in compiled);
    return {
      id: policy.id, name: policy.name, description: policy.description, is_enabled: policy.isEnabled, version: policy.version,
      effect: isReadable ? compiled.effect : null, rule: policy.rule, cedar: isReadable ? cedarTextOf(compiled) : '',
      created_at: policy.createdAt.toISOString(), updated_at: policy.updatedAt.toISOString(),
    };
  }
}

export class PolicyPageDto {
  data: PolicyDto[];
  /** Give it as `cursor` to get the next page; null on the last one. */
  next_cursor: string | null;
}

export class PolicyVersionDto {
  version: number;
  name: string;
  description: string | null;
  is_enabled: boolean;
  @ApiProperty(RULE)
  rule: Record<string, unknown>;
  /** The subject of who made it so. */
  created_by: string;
  created_at: string;

  static of(version: PolicyVersion): PolicyVersionDto {
    return {
      version: version.version, name: version.name, description: version.description, is_enabled: version.isEnabled, rule: version.rule, created_by: version.createdBy,
      created_at: version.createdAt.toISOString(),
    };
  }
}

export class PolicyVersionPageDto {
  /** The newest first. */
  data: PolicyVersionDto[];
  /** Give it as `cursor` to get the next page; null on the last one. */
  next_cursor: string | null;
}

export class InstallationPolicyDto {
  /** As decisions name it. */
  id: string;
  description: string | null;
  @ApiProperty({ enum: EFFECTS })
  effect: 'allow' | 'deny';
  @ApiProperty(RULE)
  rule: Record<string, unknown>;
  /** The rule as Cedar. */
  cedar: string;

  static of({ id, description, rule, compiled }: InstallationPolicy): InstallationPolicyDto {
    return { id, description: description ?? null, effect: compiled.effect, rule: rule as Record<string, unknown>, cedar: cedarTextOf(compiled) };
  }
}

export class InstallationPoliciesDto {
  /** Those that can concern the organization. */
  data: InstallationPolicyDto[];
  /** The same for the same policies, on every node. */
  version: string;
  /** Whether they are in force. When they could not be used, nothing is allowed until they are put right. */
  is_usable: boolean;
}
