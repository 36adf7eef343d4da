import { ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn, IsInt, IsString, Matches, Max, MaxLength, Min, MinLength } from 'class-validator';
import { microsAsUsd } from '../../kernel/usd.js';
import { IsOmittable } from '../../platform/http/omittable.js';
import { IsDateTime, IsUsd } from '../../platform/http/validation.js';
import type { Amounts } from '../limits/bounds.js';
import type { CounterState } from '../limits/usage-counters.service.js';
import type { Reservation } from '../limits/usage-meter.service.js';
import { LimitCounterDto } from './limits.dto.js';

const USD = { oneOf: [{ type: 'string', pattern: '^\\d{1,7}(\\.\\d{1,6})?$' }, { type: 'number', format: 'double' }] };
const ACTION = /^[\x21-\x7E]{1,128}$/;

export class UsedDto {
  /** How many requests. */
  @IsOmittable() @IsInt() @Min(0) @Max(1_000_000)
  requests?: number;

  /** What it costs in US dollars, with at most six decimals. */
  @ApiPropertyOptional({ ...USD, description: 'What it costs in US dollars, with at most six decimals.', example: '0.0125' })
  @IsOmittable() @IsUsd()
  cost_usd?: string | number;
}

export class ReportUsageDto extends UsedDto {
  /** What was done: one of the actions that the limits allow, where they name any. */
  @IsOmittable() @Matches(ACTION, { message: 'action must be up to 128 printable ASCII characters without spaces' })
  action?: string;
}

export class ReserveUsageDto extends ReportUsageDto {
  /** The access token that the agent came with. Without it the agent's own, with which this is sent. */
  @IsOmittable() @IsString() @MinLength(1) @MaxLength(16_384)
  token?: string;

  /** After how many seconds it is released by itself. */
  @IsOmittable() @IsInt() @Min(1) @Max(3600)
  expires_in?: number;
}

export class AmountsDto {
  requests: number;
  /** Whole millionths of a US dollar. */
  cost_micros: number;
  /** The same in US dollars. */
  cost_usd: string;

  static of(this: void, { requests, costMicros }: Amounts): AmountsDto {
    return { requests, cost_micros: costMicros, cost_usd: microsAsUsd(costMicros) };
  }
}

export class ReservationDto {
  id: string;
  /** `expired`: released by itself. */
  status: 'reserved' | 'committed' | 'released' | 'expired';
  /** The client of the token, where it is an agent or another client with an id like one. */
  agent_id: string | null;
  token_id: string | null;
  task_id: string | null;
  reserved: AmountsDto;
  /** What was used in the end; null until it is committed. */
  committed: AmountsDto | null;
  created_at: string;
  /** When it is released by itself, if it is neither committed nor released before. Null of what was used at once. */
  expires_at: string | null;
  ended_at: string | null;

  static of(this: void, reservation: Reservation): ReservationDto {
    return {
      id: reservation.id, status: reservation.status, agent_id: reservation.agentId, token_id: reservation.tokenId, task_id: reservation.taskId,
      reserved: AmountsDto.of(reservation.reserved), committed: reservation.committed && AmountsDto.of(reservation.committed),
      created_at: reservation.createdAt.toISOString(), expires_at: reservation.expiresAt?.toISOString() ?? null, ended_at: reservation.endedAt?.toISOString() ?? null,
    };
  }
}

export class ReportedUsageDto extends AmountsDto {
  agent_id: string;
}

export class UsageQuery {
  /** Where it begins; rounded down to a bucket. Without it a day, or 30 of them, before the end. */
  @IsOmittable() @IsDateTime()
  from?: string;

  /** Where it ends; now, when left out. */
  @IsOmittable() @IsDateTime()
  to?: string;

  /** How much one bucket holds, by the clock and the calendar of UTC. */
  @IsOmittable() @IsIn(['hour', 'day'])
  bucket?: 'hour' | 'day';
}

export class UsageBucketDto extends AmountsDto {
  /** Where the bucket begins. */
  start: string;
}

export class AgentUsageDto {
  agent_id: string;
  bucket: 'hour' | 'day';
  /** The earliest first, those without usage among them. What was used below the agent counts as well. */
  buckets: UsageBucketDto[];
  /** The sum of them. */
  total: AmountsDto;
  /** What is taken of the agent's limits now. */
  counters: LimitCounterDto[];

  static of(this: void, { agentId, bucket, buckets, counters }: UsageHistory): AgentUsageDto {
    const total = buckets.reduce((sum, one) => ({ requests: sum.requests + one.requests, costMicros: sum.costMicros + one.costMicros }), { requests: 0, costMicros: 0 });
    return {
      agent_id: agentId, bucket, buckets: buckets.map((one) => ({ start: one.start.toISOString(), ...AmountsDto.of(one) })), total: AmountsDto.of(total),
      counters: counters.map(LimitCounterDto.of),
    };
  }
}

interface UsageBucket extends Amounts {
  readonly start: Date;
}

/** What an agent used over time. */
export interface UsageHistory {
  readonly agentId: string;
  readonly bucket: 'hour' | 'day';
  readonly buckets: readonly UsageBucket[];
  readonly counters: readonly CounterState[];
}
