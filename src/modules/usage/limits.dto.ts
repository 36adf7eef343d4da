import { ApiPropertyOptional } from '@nestjs/swagger';
import { ArrayMaxSize, ArrayUnique, IsArray, IsIn, IsInt, IsOptional, IsString, Max, MaxLength, Min, MinLength } from 'class-validator';
import { microsAsUsd } from '../../kernel/usd.js';
import { IsOmittable } from '../../platform/http/omittable.js';
import { IsUsd } from '../../platform/http/validation.js';
import { LIMIT_OF, type Bounds, type SubjectKind } from '../limits/bounds.js';
import type { CounterState } from '../limits/usage-counters.service.js';

const USD = { oneOf: [{ type: 'string', pattern: '^\\d{1,7}(\\.\\d{1,6})?$' }, { type: 'number', format: 'double' }] };

/** All that is limited. What it leaves out, or is null, is not; what it names and nobody meters is refused. */
export class SetLimitsDto {
  /** How many requests in an hour of the clock: calls of tools, and what is reserved or reported. */
  @IsOptional() @IsInt() @Min(1) @Max(1_000_000_000)
  requests_per_hour?: number | null;

  /** How many US dollars, with at most six decimals. */
  @ApiPropertyOptional({ ...USD, nullable: true, description: 'How many US dollars, with at most six decimals.', example: '25.00' })
  @IsOptional() @IsUsd(1)
  cost_budget_usd?: string | number | null;

  /** What the budget is for, by the calendar of UTC. Left out: `lifetime` for tasks, else `month`. */
  @IsOmittable() @IsIn(['day', 'month', 'lifetime'])
  cost_period?: 'day' | 'month' | 'lifetime';

  /**
   * Names of the only actions that are allowed: names of tools, `invoke` for all of them, or actions that decisions are asked about.
   * @example ["search_flights", "document.read"]
   */
  @IsOptional() @IsArray() @ArrayMaxSize(200) @ArrayUnique() @IsString({ each: true }) @MinLength(1, { each: true }) @MaxLength(128, { each: true })
  allowed_actions?: string[] | null;
}

export class LimitCounterDto {
  limit: 'requests_per_hour' | 'cost_budget_usd';
  /** What all amounts here are in: whole requests, or whole millionths of a US dollar. */
  unit: 'requests' | 'micro_usd';
  period: 'hour' | 'day' | 'month' | 'lifetime';
  /** Null of a lifetime, as is the next. */
  window_start: string | null;
  /** When it begins anew. */
  resets_at: string | null;
  bound: number;
  used: number;
  /** Taken for what is going on, and not used yet. */
  reserved: number;
  /** Of the bound; 0 also where it was set lower than what is taken. */
  remaining: number;

  static of(this: void, { counter, reserved, committed }: CounterState): LimitCounterDto {
    const { meter, period, start, end, bound } = counter;
    return {
      limit: LIMIT_OF[meter], unit: meter === 'requests' ? 'requests' : 'micro_usd', period, window_start: start?.toISOString() ?? null, resets_at: end?.toISOString() ?? null,
      bound, used: committed, reserved, remaining: Math.max(0, bound - reserved - committed),
    };
  }
}

export class LimitsDto {
  subject: { kind: 'organization' | 'agent' | 'task' | 'delegation'; id: string };
  /** Null: as many as anybody wants, and so with the others. */
  requests_per_hour: number | null;
  cost_budget_usd: string | null;
  cost_period: 'day' | 'month' | 'lifetime' | null;
  allowed_actions: string[] | null;
  /** What is taken of each now. */
  counters: LimitCounterDto[];

  static of(this: void, { kind, id, bounds, counters }: StandingLimits): LimitsDto {
    return {
      subject: { kind, id },
      requests_per_hour: bounds?.requestsPerHour ?? null,
      cost_budget_usd: bounds?.costBudgetMicros == null ? null : microsAsUsd(bounds.costBudgetMicros),
      cost_period: bounds?.costBudgetMicros == null ? null : bounds.costPeriod,
      allowed_actions: bounds?.allowedActions ? [...bounds.allowedActions] : null,
      counters: counters.map(LimitCounterDto.of),
    };
  }
}

/** Somebody's limits, and how much of them is taken. */
export interface StandingLimits {
  readonly kind: SubjectKind;
  readonly id: string;
  readonly bounds?: Bounds;
  readonly counters: readonly CounterState[];
}
