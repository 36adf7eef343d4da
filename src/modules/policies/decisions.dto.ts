import { Type } from 'class-transformer';
import { IsInt, IsObject, IsOptional, IsString, IsUUID, Matches, Max, MaxLength, Min, MinLength, ValidateNested } from 'class-validator';
import { ApiProperty } from '@nestjs/swagger';
import { IsJsonObject } from '../../platform/http/json-object.js';
import { IsOmittable } from '../../platform/http/omittable.js';
import type { DecisionReason, DecisionRequest } from './decision.js';
import type { DecisionRecord } from './decision-record.js';
import type { ExplainedDecision } from './decision-checks.service.js';
import type { PolicyOutcome } from './explanation.js';
import { DIRECTORY } from './installation-policies.js';
import { LARGEST_RULE } from './policy-rule.js';
import type { ChangedDecision, ReplayBasis, Simulation } from './policy-simulation.service.js';

/** Of the attributes of one thing, as JSON. Bytes. */
const LARGEST_ATTRIBUTES = 16 * 1024;
const SEEN = { message: '$property must hold no control characters' };
const REASONS: readonly DecisionReason[] = ['allowed', 'denied_by_policy', 'not_allowed', 'policy_error', 'policies_unavailable'];

export class EntityDto {
  /**
   * `agent`, `user`, `client`, `scope`, `tool`, `resource`, or any other word.
   * @example agent
   */
  @IsString() @MinLength(1) @MaxLength(512) @Matches(/^\P{Cc}+$/u, SEEN)
  type: string;

  /** @example 0199f3a1-7c1e-7b1c-9d3e-5a2f6b8c0d1e */
  @IsString() @MinLength(1) @MaxLength(512) @Matches(/^\P{Cc}+$/u, SEEN)
  id: string;

  /** What is known of it. What the server itself knows counts instead of what is said here. */
  @IsOmittable() @IsJsonObject(LARGEST_ATTRIBUTES)
  attributes?: Record<string, unknown>;
}

export class CheckPoliciesDto {
  /** Who. */
  @IsObject() @ValidateNested() @Type(() => EntityDto)
  subject: EntityDto;

  /**
   * Does what: `issue`, `delegate`, `invoke`, or any other word.
   * @example issue
   */
  @IsString() @MinLength(1) @MaxLength(512) @Matches(/^\P{Cc}+$/u, SEEN)
  action: string;

  /** What is known of the action. */
  @IsOmittable() @IsJsonObject(LARGEST_ATTRIBUTES)
  action_attributes?: Record<string, unknown>;

  /** To what. */
  @IsObject() @ValidateNested() @Type(() => EntityDto)
  resource: EntityDto;

  /** In which circumstances: `time` (now, when left out), `ip`, `launch_reason`, `delegation_depth`, and whatever else policies read. */
  @IsOmittable() @IsJsonObject(LARGEST_ATTRIBUTES)
  context?: Record<string, unknown>;

  static toRequest({ subject, action, action_attributes: actionAttributes, resource, context }: CheckPoliciesDto): Omit<DecisionRequest, 'organizationId'> {
    return { subject, action, ...(actionAttributes && { actionAttributes }), resource, ...(context && { context }) };
  }
}

export class DecisionDto {
  /** As the audit log names it. */
  id: string;
  is_allowed: boolean;
  @ApiProperty({ enum: REASONS })
  reason: DecisionReason;
  /** Ids of the policies that decided: those that allow, those that deny, or those that could not be evaluated. */
  policies: string[];
  /** Of the set of policies that decided. */
  version: string;
}

export class ConditionOutcomeDto {
  /**
   * Which part of the rule.
   * @example when.all.0
   */
  path: string;
  holds: boolean;
  /** What it reads and was not there, or not as what it is compared as. Then it counts against whoever asks. */
  missing: string[];
}

export class PolicyOutcomeDto {
  id: string;
  name: string;
  @ApiProperty({ enum: ['organization', 'installation'] })
  source: 'organization' | 'installation';
  @ApiProperty({ enum: ['allow', 'deny'] })
  effect: 'allow' | 'deny';
  @ApiProperty({ enum: ['applies', 'does_not_apply', 'error'] })
  outcome: 'applies' | 'does_not_apply' | 'error';
  /** Why it could not be evaluated. */
  error: string | null;
  /** None for policies in Cedar. */
  conditions: ConditionOutcomeDto[];

  static of({ policy, outcome, error, conditions }: PolicyOutcome): PolicyOutcomeDto {
    return {
      id: policy.id, name: policy.name, source: policy.id.startsWith(DIRECTORY) ? 'installation' : 'organization', effect: policy.compiled.effect, outcome, error: error ?? null,
      conditions: conditions.map(({ path, holds, missing }) => ({ path, holds, missing: [...missing] })),
    };
  }
}

export class PolicyCheckDto {
  decision: DecisionDto;
  /** What each policy made of it that may concern the request. */
  policies: PolicyOutcomeDto[];
  /** How many policies there are that the request does not concern. */
  unconcerned: number;

  static of({ decision: { id, isAllowed, reason, policies: deciding, version }, policies, unconcerned }: ExplainedDecision): PolicyCheckDto {
    return { decision: { id, is_allowed: isAllowed, reason, policies: [...deciding], version }, policies: policies.map(PolicyOutcomeDto.of), unconcerned };
  }
}

const RULE = { type: 'object', additionalProperties: true, description: 'As in a policy.' } as const;

export class AddedPolicyDto {
  @ApiProperty(RULE)
  @IsJsonObject(LARGEST_RULE)
  rule: Record<string, unknown>;
}

export class ReplacedPolicyDto {
  /** Whose rule is another one. */
  @IsUUID()
  policy_id: string;

  @ApiProperty(RULE)
  @IsJsonObject(LARGEST_RULE)
  rule: Record<string, unknown>;
}

export class RemovedPolicyDto {
  /** Which is no more. */
  @IsUUID()
  policy_id: string;
}

export class SimulatePoliciesDto {
  /** A policy that there is not yet. */
  @IsOmittable() @IsObject() @ValidateNested() @Type(() => AddedPolicyDto)
  add?: AddedPolicyDto;

  /** Another rule for one that there is. */
  @IsOmittable() @IsObject() @ValidateNested() @Type(() => ReplacedPolicyDto)
  replace?: ReplacedPolicyDto;

  /** One less. */
  @IsOmittable() @IsObject() @ValidateNested() @Type(() => RemovedPolicyDto)
  remove?: RemovedPolicyDto;

  /** How many events that came of a decision are looked at, the newest first; 200 when left out. */
  @IsOptional() @IsInt() @Min(1) @Max(1000)
  limit?: number;
}

export class DecidedEntityDto {
  type: string;
  id: string;
}

export class DecidedEventDto {
  /** As the audit log names it. */
  id: string;
  /** Its place in the audit log. */
  sequence: number;
  /** @example token.issued */
  type: string;
}

export class RecordedDecisionDto {
  /** As the audit log names it. */
  id: string;
  /** Whether it was allowed. */
  is_allowed: boolean;
  @ApiProperty({ enum: REASONS, nullable: true, description: 'Null where the event does not keep it.' })
  reason: DecisionReason | null;
  /** Ids of the policies that decided about all that the event tells of. */
  policies: string[];
  /** Of the set of policies that was asked; null where the event does not keep it. */
  version: string | null;
}

export class ChangedDecisionDto {
  /** When it was decided. */
  decided_at: string;
  /** What came of it. */
  event: DecidedEventDto;
  /** The decision that is on record. */
  decision: RecordedDecisionDto;
  @ApiProperty({
    enum: ['recorded', 'present_attributes'],
    description: '`recorded`: made again just as it was asked. `present_attributes`: made again with what the event says and the attributes that the subject has now.',
  })
  replayed_with: ReplayBasis;
  subject: DecidedEntityDto;
  action: string;
  resource: DecidedEntityDto;
  /** What the policies in force say of the same request. */
  is_allowed_now: boolean;
  /** What they would say with the draft. */
  would_be_allowed: boolean;
  @ApiProperty({ enum: REASONS })
  reason: DecisionReason;
  /** Ids of the policies that would decide; `draft` is the one that is not there yet. */
  policies: string[];

  static of({ event, basis, request: { subject, action, resource }, wasAllowed, present, drafted }: ChangedDecision): ChangedDecisionDto {
    const { id, reason = null, policies, version = null } = event.decision as DecisionRecord;
    return {
      decided_at: event.time, event: { id: event.id, sequence: event.sequence, type: event.type },
      decision: { id, is_allowed: wasAllowed, reason: reason as DecisionReason | null, policies: [...policies], version }, replayed_with: basis,
      subject: { type: subject.type, id: subject.id }, action, resource: { type: resource.type, id: resource.id },
      is_allowed_now: present.isAllowed, would_be_allowed: drafted.isAllowed, reason: drafted.reason, policies: [...drafted.policies],
    };
  }
}

export class SimulationDto {
  /** How many events had their decisions made again. */
  replayed: number;
  /** How many do not say what they were decided by, and had not. */
  skipped: number;
  /** What the draft would change, the newest first, one for each scope or tool: a thousand at most. */
  changes: ChangedDecisionDto[];
  /** How many more it would change. */
  unlisted: number;
  /** How many of the events were not reached, the oldest: those before them came of ten thousand decisions. */
  left_out: number;

  static of({ replayed, skipped, changes, unlisted, leftOut }: Simulation): SimulationDto {
    return { replayed, skipped, changes: changes.map(ChangedDecisionDto.of), unlisted, left_out: leftOut };
  }
}
