import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { now, nowDate } from '../../kernel/clock.js';
import { Config } from '../../platform/config/config.js';
import type { LogReach } from '../audit/logged-event.js';
import { delegationIsDead } from '../delegation/delegation-liveness.js';
import { crossedThresholds, windowAt, type CostPeriod } from '../limits/bounds.js';

/** What somebody may spend, and how much of it is taken. Amounts are whole millionths of a US dollar. */
export interface Budget {
  readonly kind: 'organization' | 'agent' | 'delegation';
  readonly id: string;
  readonly organizationId: string;
  /** Whose budget it is, or whose delegation. Null of an organization. */
  readonly agentId: string | null;
  readonly agentName: string | null;
  readonly period: CostPeriod;
  /** Null of a lifetime. */
  readonly end: Date | null;
  readonly bound: number;
  readonly used: number;
  readonly reserved: number;
  /** The highest of `LEGATE_LIMIT_ALERTS` that is reached, in per cent. */
  readonly threshold: number | null;
}

interface BudgetRow {
  readonly kind: Budget['kind'];
  readonly id: string;
  readonly organization_id: string;
  readonly agent_id: string | null;
  readonly agent_name: string | null;
  readonly period: CostPeriod;
  readonly bound: string;
  readonly used: string;
  readonly reserved: string;
}

/** What there is to spend: by organizations, agents and live delegations. */
@Injectable()
export class Budgets {
  constructor(private readonly dataSource: DataSource, private readonly config: Config) {}

  /** Those of which most is taken, by share, the fullest first. The budget of one's own organization is always among them. */
  async fullest(reach: LogReach, limit: number): Promise<Budget[]> {
    const at = now();
    const startOf = (period: CostPeriod) => windowAt(period, at).start?.toISOString() ?? '';
    const rows = await this.dataSource.query<BudgetRow[]>(budgets(reach), [nowDate(), startOf('day'), startOf('month'), limit, ...(reach === 'all' ? [] : [reach.organizationId])]);
    return rows.map((row): Budget => {
      const [bound, used, reserved] = [Number(row.bound), Number(row.used), Number(row.reserved)];
      return {
        kind: row.kind, id: row.id, organizationId: row.organization_id, agentId: row.agent_id, agentName: row.agent_name, period: row.period, end: windowAt(row.period, at).end, bound, used, reserved,
        threshold: crossedThresholds(used + reserved, bound, 0, this.config.limitAlerts).at(-1) ?? null,
      };
    }).toSorted((a, b) => shareOf(b) - shareOf(a));
  }
}

/** How much of it is taken: 1 is all, and more where the limit was set lower afterwards. */
export function shareOf({ bound, used, reserved }: Budget): number {
  return (used + reserved) / bound;
}

/** $1 the present moment, $2 and $3 the beginnings of this day and month as counters name them, $4 how many, $5 the organization. */
function budgets(reach: LogReach): string {
  const own = (table: string) => (reach === 'all' ? '' : `AND ${table}.organization_id = $5`);
  return `WITH budgets AS (
      SELECT l.subject_kind AS kind, l.subject_id AS id, l.organization_id, a.id AS agent_id, a.name AS agent_name, l.cost_period AS period, l.cost_budget_micros AS bound
      FROM subject_limits l LEFT JOIN agents a ON l.subject_kind = 'agent' AND a.id = l.subject_id
      WHERE l.cost_budget_micros IS NOT NULL AND (l.subject_kind = 'organization' OR a.status <> 'deactivated') ${own('l')}
      UNION ALL
      SELECT 'delegation', d.id, d.organization_id, a.id, a.name, 'lifetime', d.cost_budget_micros
      FROM delegation_grants d JOIN agents a ON a.id = d.agent_id
      WHERE d.cost_budget_micros IS NOT NULL AND NOT coalesce(${delegationIsDead('d', '$1')}, false) ${own('d')}
    ), standing AS (
      SELECT b.*, coalesce(c.committed, 0) AS used, coalesce(c.reserved, 0) AS reserved
      FROM budgets b LEFT JOIN usage_counters c ON c.key = b.kind || ':' || b.id || ':cost:' || b.period || ':' || CASE b.period WHEN 'day' THEN $2 WHEN 'month' THEN $3 ELSE '' END
    )
    SELECT * FROM standing ORDER BY ${reach === 'all' ? '' : `kind = 'organization' DESC,`} (used + reserved)::numeric / bound DESC, kind, id LIMIT $4`;
}
