import type { AgentId, OrganizationId, UserId } from '../../kernel/ids.js';
import type { AgentStatus } from './agent.entity.js';

/** What tokens say of an agent (OIDC-A 1.0 section 2). */
export interface AgentProfile {
  readonly type: string;
  readonly model?: string;
  readonly version?: string;
  readonly provider?: string;
  readonly trustLevel: string;
  readonly capabilities: readonly string[];
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
}

/** To be followed by a condition on `a` (the agent) or `o` (its organization). */
export const AGENT_RECORD_QUERY = `
  SELECT a.id, a.organization_id, a.name, a.status, a.owner_user_id, a.agent_type, a.agent_model, a.agent_version, a.agent_provider,
    a.trust_level, a.capabilities, a.password_hash, o.status AS organization_status
  FROM agents a JOIN organizations o ON o.id = a.organization_id`;

export interface AgentRecordRow {
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
    }),
  });
}
