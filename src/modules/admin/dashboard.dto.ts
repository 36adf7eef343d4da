import { Type } from 'class-transformer';
import { IsIn, IsInt, Max, Min } from 'class-validator';
import { ApiProperty } from '@nestjs/swagger';
import { IsOmittable } from '../../platform/http/omittable.js';
import type { Count, CountInPeriod } from '../audit/audit-statistics.service.js';
import { shareOf, type Budget } from './budgets.service.js';
import type { AgentCount, Dashboard } from './dashboard.service.js';
import { SigningKeyDto } from './keys.dto.js';

export class DashboardQuery {
  /** How many days up to now are summed up. Up to two are shown by the hour, more by the day (UTC). */
  @IsOmittable() @Type(() => Number) @IsInt() @Min(1) @Max(366)
  days?: number;

  /** `all`: the whole installation, for platform administrators. Without it your organization. */
  @IsOmittable() @IsIn(['all'])
  organization?: 'all';
}

const COUNTS = { type: 'object', additionalProperties: { type: 'integer' } } as const;

export class CountsOverTimeDto {
  /** The beginning of the hour or day. */
  time: string;
  /** How many by what the series is of; what there was none of is left out. */
  @ApiProperty(COUNTS)
  counts: Record<string, number>;
}

export class CountSeriesDto {
  total: number;
  /** The earliest first; hours and days in which there was none are left out. */
  over_time: CountsOverTimeDto[];

  static of(this: void, counts: readonly CountInPeriod[]): CountSeriesDto {
    const byTime = new Map<string, Record<string, number>>();
    for (const { period, name, count } of counts) {
      const time = period.toISOString();
      byTime.set(time, { ...byTime.get(time), [name]: count });
    }
    return { total: sumOf(counts), over_time: [...byTime].map(([time, byName]) => ({ time, counts: byName })) };
  }
}

export class ReasonCountDto {
  reason: string;
  count: number;
}

export class RefusalsDto extends CountSeriesDto {
  /** The most frequent ones, the most frequent first. */
  by_reason: ReasonCountDto[];
}

export class AgentCountDto {
  agent_id: string;
  /** Null when there is no such agent in the organization. */
  agent_name: string | null;
  count: number;

  static of(this: void, { name, agentName, count }: AgentCount): AgentCountDto {
    return { agent_id: name, agent_name: agentName, count };
  }
}

export class BudgetDto {
  subject: { kind: 'organization' | 'agent' | 'delegation'; id: string };
  organization_id: string;
  /** The agent whose budget it is, or who holds the delegation. Null of an organization, as is its name. */
  agent_id: string | null;
  agent_name: string | null;
  /** What all amounts here are in: whole millionths of a US dollar. */
  unit: 'micro_usd';
  period: 'day' | 'month' | 'lifetime';
  /** When it begins anew. Null of a lifetime. */
  resets_at: string | null;
  bound: number;
  used: number;
  /** Taken for what is going on, and not used yet. */
  reserved: number;
  /** Of the bound; 0 also where it was set lower than what is taken. */
  remaining: number;
  /** How much is used and reserved: 1 is all, and more where the bound was set lower than what is taken. */
  share: number;
  /** The highest threshold (`LEGATE_LIMIT_ALERTS`) that is reached, in per cent. Null below all of them. */
  threshold: number | null;

  static of(this: void, budget: Budget): BudgetDto {
    const { kind, id, organizationId, agentId, agentName, period, end, bound, used, reserved, threshold } = budget;
    return {
      subject: { kind, id }, organization_id: organizationId, agent_id: agentId, agent_name: agentName, unit: 'micro_usd', period, resets_at: end?.toISOString() ?? null,
      bound, used, reserved, remaining: Math.max(0, bound - used - reserved), share: shareOf(budget), threshold,
    };
  }
}

export class LogCoverageDto {
  /** Events of the whole installation. */
  written: number;
  /** How many of them the last signed checkpoint covers. */
  signed: number;
}

export class DashboardDto {
  /** What is summed up happened since. */
  from: string;
  step: 'hour' | 'day';
  /** Agents by status. */
  @ApiProperty(COUNTS)
  agents: Record<string, number>;
  /** Applications by status. */
  @ApiProperty(COUNTS)
  clients: Record<string, number>;
  /** Members by status. */
  @ApiProperty(COUNTS)
  people: Record<string, number>;
  active_delegations: number;
  /** Tokens that were issued, by grant. */
  tokens: CountSeriesDto;
  /** What was refused, by reason. */
  refusals: RefusalsDto;
  /** The agents that got most tokens, counted by whole days. */
  top_agents: AgentCountDto[];
  /** The agents that were refused most, counted by whole days. */
  refused_agents: AgentCountDto[];
  /** What your organization, its agents and live delegations may spend, up to 20: the fullest first, so those that reached a threshold before the others. */
  budgets: BudgetDto[];
  /** The signing keys of the installation. */
  signing_keys: SigningKeyDto[];
  audit_log: LogCoverageDto;

  static of(dashboard: Dashboard): DashboardDto {
    return {
      from: dashboard.from.toISOString(),
      step: dashboard.step,
      agents: byName(dashboard.agents),
      clients: byName(dashboard.clients),
      people: byName(dashboard.people),
      active_delegations: dashboard.activeDelegations,
      tokens: CountSeriesDto.of(dashboard.tokens),
      refusals: { ...CountSeriesDto.of(dashboard.refusals), by_reason: dashboard.topRefusals.map(({ name, count }) => ({ reason: name, count })) },
      top_agents: dashboard.topAgents.map(AgentCountDto.of),
      refused_agents: dashboard.refusedAgents.map(AgentCountDto.of),
      budgets: dashboard.budgets.map(BudgetDto.of),
      signing_keys: dashboard.keys.map(SigningKeyDto.of),
      audit_log: dashboard.log,
    };
  }
}

function byName(counts: readonly Count[]): Record<string, number> {
  return Object.fromEntries(counts.map(({ name, count }) => [name, count]));
}

function sumOf(counts: readonly Count[]): number {
  return counts.reduce((sum, { count }) => sum + count, 0);
}
