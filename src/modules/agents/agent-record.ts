import type { AgentId, OrganizationId, UserId } from '../../kernel/ids.js';
import { hasBounds, type Bounds, type CostPeriod } from '../limits/bounds.js';
import type { AgentStatus } from './agent.entity.js';

/** What tokens say of an agent (OIDC-A 1.0 section 2). */
export interface AgentProfile {
  readonly type: string;
  readonly model?: string;
  readonly version?: string;
  readonly provider?: string;
  readonly trustLevel: string;
  readonly capabilities: readonly string[];
  /** What it may use, where that is limited. */
  readonly limits?: Bounds;
}

/** An agent as the protocol needs it: plain, never changed, shared by all requests. */
export interface AgentRecord {
  /** Also its client's id. */
  readonly id: AgentId;
  readonly organizationId: OrganizationId;
  readonly name: string;
  /** As it stands: an agent of a suspended organization is suspended. */
  readonly status: AgentStatus;
  readonly ownerUserId?: UserId;
  readonly profile: AgentProfile;
  /** Is it limited itself, or its organization? */
  readonly isLimited: boolean;
  readonly organizationLimits?: Bounds;
  /** Is any task of its organization limited? */
  readonly hasLimitedTasks: boolean;
}

/** To be followed by a condition on `a` (the agent) or `o` (its organization). */
export const AGENT_RECORD_QUERY = `
  SELECT a.id, a.organization_id, a.name, a.status, a.owner_user_id, a.agent_type, a.agent_model, a.agent_version, a.agent_provider,
    a.trust_level, a.capabilities, a.password_hash, o.status AS organization_status,
    l.requests_per_hour, l.cost_budget_micros, l.cost_period, l.allowed_actions, to_json(ol) AS organization_limits,
    EXISTS (SELECT FROM subject_limits tl WHERE tl.organization_id = o.id AND tl.subject_kind = 'task') AS has_limited_tasks
  FROM agents a JOIN organizations o ON o.id = a.organization_id
  LEFT JOIN subject_limits l ON l.subject_kind = 'agent' AND l.subject_id = a.id
  LEFT JOIN subject_limits ol ON ol.subject_kind = 'organization' AND ol.subject_id = o.id`;

interface BoundsColumns {
  requests_per_hour: number | null;
  /** As text where the driver reads it, as a number where it is in JSON: a budget is below 2 to the 53rd. */
  cost_budget_micros: string | number | null;
  cost_period: CostPeriod | null;
  allowed_actions: string[] | null;
}

export interface AgentRecordRow extends BoundsColumns {
  organization_limits: BoundsColumns | null;
  has_limited_tasks: boolean;
  id: AgentId;
  organization_id: OrganizationId;
  organization_status: 'active' | 'suspended';
  name: string;
  status: AgentStatus;
  owner_user_id: UserId | null;
  agent_type: string;
  agent_model: string | null;
  agent_version: string | null;
  agent_provider: string | null;
  trust_level: string;
  capabilities: string[];
  password_hash: string | null;
}

export function agentRecord(row: AgentRecordRow): AgentRecord {
  const [limits, organizationLimits] = [boundsOf(row), row.organization_limits ? boundsOf(row.organization_limits) : undefined];
  const isOrganizationSuspended = row.organization_status === 'suspended' && row.status === 'active';
  return Object.freeze({
    id: row.id,
    organizationId: row.organization_id,
    name: row.name,
    status: isOrganizationSuspended ? 'suspended' : row.status,
    ownerUserId: row.owner_user_id ?? undefined,
    profile: Object.freeze({
      type: row.agent_type,
      model: row.agent_model ?? undefined,
      version: row.agent_version ?? undefined,
      provider: row.agent_provider ?? undefined,
      trustLevel: row.trust_level,
      capabilities: row.capabilities,
      limits,
    }),
    isLimited: limits !== undefined || organizationLimits !== undefined,
    organizationLimits,
    hasLimitedTasks: row.has_limited_tasks,
  });
}

function boundsOf({ requests_per_hour: requestsPerHour, cost_budget_micros: costBudget, cost_period: costPeriod, allowed_actions: allowedActions }: BoundsColumns): Bounds | undefined {
  const bounds = { requestsPerHour, costBudgetMicros: costBudget === null ? null : Number(costBudget), costPeriod: costPeriod ?? 'lifetime', allowedActions };
  return hasBounds(bounds) ? Object.freeze(bounds) : undefined;
}
