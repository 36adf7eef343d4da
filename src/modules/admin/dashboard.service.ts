import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { now, nowDate } from '../../kernel/clock.js';
import { KeyRing, type KeyDescription } from '../../platform/crypto/key-ring.service.js';
import type { Caller } from '../../platform/http/caller.js';
import { AuditStatistics, type Count, type CountInPeriod } from '../audit/audit-statistics.service.js';
import { Checkpoints } from '../audit/checkpoints.service.js';
import type { LogReach } from '../audit/logged-event.js';
import { delegationIsDead } from '../delegation/delegation-liveness.js';
import { reachOf } from './audit-reading.service.js';
import { Budgets, type Budget } from './budgets.service.js';

const HOUR_MS = 3600 * 1000;
const DAY_MS = 24 * HOUR_MS;
/** Up to so many days are shown by the hour. */
const DAYS_BY_HOUR = 2;
const SHOWN = 20;

export interface AgentCount extends Count {
  /** Null when the organization has no such agent. */
  readonly agentName: string | null;
}

/** What is, and what happened since `from`. */
export interface Dashboard {
  readonly from: Date;
  readonly step: 'hour' | 'day';
  readonly agents: readonly Count[];
  readonly clients: readonly Count[];
  readonly people: readonly Count[];
  readonly activeDelegations: number;
  readonly tokens: readonly CountInPeriod[];
  readonly refusals: readonly CountInPeriod[];
  readonly topRefusals: readonly Count[];
  readonly topAgents: readonly AgentCount[];
  readonly refusedAgents: readonly AgentCount[];
  readonly budgets: readonly Budget[];
  readonly keys: readonly KeyDescription[];
  readonly log: { readonly written: number; readonly signed: number };
}

/** The organization, or the whole installation, at a glance. */
@Injectable()
export class Dashboards {
  constructor(
    private readonly dataSource: DataSource,
    private readonly statistics: AuditStatistics,
    private readonly checkpoints: Checkpoints,
    private readonly keyRing: KeyRing,
    private readonly budgets: Budgets,
  ) {}

  /**
   * @param days how many, up to now; the first one counts from its beginning
   * @throws DomainError `platform_administrator_required`
   */
  async of(caller: Caller, days: number, organization?: 'all'): Promise<Dashboard> {
    const reach = reachOf(caller, organization);
    const step = days <= DAYS_BY_HOUR ? 'hour' : 'day';
    const unit = step === 'hour' ? HOUR_MS : DAY_MS;
    const from = new Date(Math.floor((now() - days * DAY_MS) / unit) * unit);
    // Agents are counted by the day: what is earlier on the first of them counts as well.
    const fromDay = new Date(Math.floor(from.getTime() / DAY_MS) * DAY_MS);
    const [agents, clients, people] = [
      await this.byStatus(reach, 'SELECT status FROM agents WHERE organization_id = $1', 'SELECT status FROM agents'),
      await this.byStatus(reach, `SELECT status FROM clients WHERE kind = 'application' AND organization_id = $1`, `SELECT status FROM clients WHERE kind = 'application'`),
      await this.byStatus(reach, 'SELECT u.status FROM memberships m JOIN users u ON u.id = m.user_id WHERE m.organization_id = $1', 'SELECT status FROM users'),
    ];
    return {
      from, step, agents, clients, people,
      activeDelegations: await this.activeDelegations(reach),
      tokens: await this.statistics.overTime(reach, 'tokens', from, step),
      refusals: await this.statistics.overTime(reach, 'refusals', from, step),
      topRefusals: await this.statistics.most(reach, 'refusals', from, SHOWN),
      topAgents: await this.named(reach, await this.statistics.most(reach, 'agents', fromDay, SHOWN)),
      refusedAgents: await this.named(reach, await this.statistics.most(reach, 'refused_agents', fromDay, SHOWN)),
      budgets: await this.budgets.fullest(reach, SHOWN),
      keys: this.keyRing.describe(),
      log: await this.checkpoints.coverage(),
    };
  }

  private async byStatus(reach: LogReach, own: string, all: string): Promise<Count[]> {
    return this.dataSource.query<Count[]>(
      `SELECT status AS name, count(*)::int AS count FROM (${reach === 'all' ? all : own}) AS those GROUP BY status ORDER BY status`, reach === 'all' ? [] : [reach.organizationId]);
  }

  private async activeDelegations(reach: LogReach): Promise<number> {
    const [row] = await this.dataSource.query<[{ count: number }]>(
      `SELECT count(*)::int AS count FROM delegation_grants d WHERE ${reach === 'all' ? '' : 'd.organization_id = $2 AND'} NOT coalesce(${delegationIsDead('d', '$1')}, false)`,
      [nowDate(), ...(reach === 'all' ? [] : [reach.organizationId])]);
    return row.count;
  }

  private async named(reach: LogReach, counts: readonly Count[]): Promise<AgentCount[]> {
    const rows = await this.dataSource.query<{ id: string; name: string }[]>(
      `SELECT id, name FROM agents WHERE id::text = ANY ($1) ${reach === 'all' ? '' : 'AND organization_id = $2'}`,
      [counts.map(({ name }) => name), ...(reach === 'all' ? [] : [reach.organizationId])]);
    const names = new Map(rows.map(({ id, name }) => [id, name]));
    return counts.map((count) => ({ ...count, agentName: names.get(count.name) ?? null }));
  }
}
