import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { nowDate } from '../../kernel/clock.js';
import { isId } from '../../kernel/ids.js';
import { notifyChanged } from '../../platform/database/notify.js';
import { hasBounds, type BoundedSubject, type Bounds, type CostPeriod, type SubjectKind } from './bounds.js';

/** Who answers for a use: everybody whose limits it counts against, as far as one has to say so. What is above a delegation or task is found. */
export interface StandsBehind {
  readonly organizationId: string;
  /** Clients that are no agents may be among them. */
  readonly agentIds: readonly string[];
  readonly delegationIds: readonly string[];
  readonly taskIds: readonly string[];
}

/** Limits of a delegation are part of the delegation. */
export type LimitedKind = Exclude<SubjectKind, 'delegation'>;

interface LimitsRow {
  readonly subject_kind: SubjectKind;
  readonly subject_id: string;
  readonly requests_per_hour: number | null;
  readonly cost_budget_micros: string | null;
  readonly cost_period: CostPeriod;
  readonly allowed_actions: string[] | null;
}

const COLUMNS = 'subject_kind, subject_id, requests_per_hour, cost_budget_micros, cost_period, allowed_actions';

/** $1 the organization, $2 agents, $3 delegations, $4 tasks. */
const BEHIND = `
  WITH chain AS (SELECT DISTINCT unnest(ancestors || id) AS id FROM delegation_grants WHERE organization_id = $1 AND id = ANY ($3::uuid[])),
    around AS (SELECT unnest($4::uuid[]) AS id UNION SELECT unnest(ancestors) FROM tasks WHERE organization_id = $1 AND id = ANY ($4::uuid[]))
  SELECT ${COLUMNS} FROM subject_limits
  WHERE organization_id = $1 AND (subject_kind = 'organization' OR (subject_kind = 'agent' AND subject_id = ANY ($2::uuid[])) OR (subject_kind = 'task' AND subject_id IN (SELECT id FROM around)))
  UNION ALL
  SELECT 'delegation', id, requests_per_hour, cost_budget_micros, 'lifetime', allowed_actions FROM chain JOIN delegation_grants USING (id)
  WHERE requests_per_hour IS NOT NULL OR cost_budget_micros IS NOT NULL OR allowed_actions IS NOT NULL`;

/** Which limits there are. Nothing here is recorded: the caller's transaction ends with its own event. */
@Injectable()
export class Limits {
  constructor(private readonly dataSource: DataSource) {}

  async find(kind: LimitedKind, id: string, executor: Pick<EntityManager, 'query'> = this.dataSource): Promise<Bounds | undefined> {
    const [row] = await executor.query<LimitsRow[]>(`SELECT ${COLUMNS} FROM subject_limits WHERE subject_kind = $1 AND subject_id = $2`, [kind, id]);
    return row && boundedSubject(row).bounds;
  }

  /** Everybody with limits who stands behind a use. */
  async behind({ organizationId, agentIds, delegationIds, taskIds }: StandsBehind, executor: Pick<EntityManager, 'query'> = this.dataSource): Promise<BoundedSubject[]> {
    return (await executor.query<LimitsRow[]>(BEHIND, [organizationId, agentIds.filter(isId), delegationIds, taskIds])).map(boundedSubject);
  }

  /** In place of those that there were. What is counted already goes on counting. */
  async set(manager: EntityManager, organizationId: string, kind: LimitedKind, id: string, bounds: Bounds): Promise<void> {
    if (hasBounds(bounds)) {
      await manager.query(
        `INSERT INTO subject_limits (${COLUMNS}, organization_id, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        ON CONFLICT (subject_kind, subject_id) DO UPDATE SET requests_per_hour = excluded.requests_per_hour, cost_budget_micros = excluded.cost_budget_micros,
          cost_period = excluded.cost_period, allowed_actions = excluded.allowed_actions, updated_at = excluded.updated_at`,
        [kind, id, bounds.requestsPerHour, bounds.costBudgetMicros, bounds.costPeriod, bounds.allowedActions, organizationId, nowDate()]);
    } else {
      await manager.query('DELETE FROM subject_limits WHERE subject_kind = $1 AND subject_id = $2', [kind, id]);
    }
    await notifyChanged(manager, 'limits', id);
  }
}

function boundedSubject(row: LimitsRow): BoundedSubject {
  return {
    kind: row.subject_kind, id: row.subject_id,
    bounds: {
      requestsPerHour: row.requests_per_hour, costBudgetMicros: row.cost_budget_micros === null ? null : Number(row.cost_budget_micros), costPeriod: row.cost_period,
      allowedActions: row.allowed_actions,
    },
  };
}
