import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { now } from '../../kernel/clock.js';
import type { Caller } from '../../platform/http/caller.js';
import { AgentDirectory } from '../agents/agent-directory.service.js';
import type { AgentWithClient } from '../agents/agents.service.js';
import { AuditSearch } from '../audit/audit-search.service.js';
import { AuditStatistics, type CountInPeriod } from '../audit/audit-statistics.service.js';
import { Endings, type EndedCounts } from '../audit/endings.service.js';
import type { LoggedEvent } from '../audit/logged-event.js';
import type { ClientSecret } from '../clients/client-secret.entity.js';
import { AgentAuthority, type Authority } from './agent-authority.service.js';

const DAY_MS = 24 * 3600 * 1000;
/** So many days of tokens and refusals are counted. */
const DAYS = 30;
const EVENTS = 20;

export interface AgentOwner {
  readonly userId: string | null;
  readonly name: string | null;
  readonly email: string | null;
  readonly status: string | null;
  readonly organizationName: string;
  readonly organizationStatus: 'active' | 'suspended';
}

export interface AgentReport extends AgentWithClient, Authority {
  readonly secrets: readonly ClientSecret[];
  readonly owner: AgentOwner;
  readonly events: readonly LoggedEvent[];
  readonly tokensByDay: readonly CountInPeriod[];
  readonly refusalsByDay: readonly CountInPeriod[];
  /** What is alive and would end with it. */
  readonly wouldEnd: EndedCounts;
}

/** All that there is to know of one agent: the answers to what anybody asks who has to decide about it. */
@Injectable()
export class AgentReports {
  constructor(
    private readonly dataSource: DataSource,
    private readonly directory: AgentDirectory,
    private readonly authority: AgentAuthority,
    private readonly search: AuditSearch,
    private readonly statistics: AuditStatistics,
    private readonly endings: Endings,
  ) {}

  /** @throws DomainError `agent_not_found` */
  async of(caller: Caller, id: string): Promise<AgentReport> {
    const found = await this.directory.get(caller, id);
    const { agent } = found;
    const reach = { organizationId: agent.organizationId };
    const from = new Date(Math.floor((now() - DAYS * DAY_MS) / DAY_MS) * DAY_MS);
    return {
      ...found,
      ...await this.authority.of(caller, found),
      secrets: await this.directory.listSecrets(caller, id),
      owner: await this.ownerOf(found),
      events: (await this.search.list(reach, { agent: agent.id }, { limit: EVENTS })).data,
      tokensByDay: await this.statistics.overTime(reach, 'agents', from, 'day', agent.id),
      refusalsByDay: await this.statistics.overTime(reach, 'refused_agents', from, 'day', agent.id),
      wouldEnd: await this.endings.below(this.dataSource.manager, { kind: 'agent', id: agent.id, organizationId: agent.organizationId }),
    };
  }

  private async ownerOf({ agent }: AgentWithClient): Promise<AgentOwner> {
    const [row] = await this.dataSource.query<[Omit<AgentOwner, 'userId'>]>(
      `SELECT u.name, coalesce(u.email, $2) AS email, u.status, o.name AS "organizationName", o.status AS "organizationStatus"
       FROM organizations o LEFT JOIN users u ON u.id = $3 WHERE o.id = $1`, [agent.organizationId, agent.ownerEmail, agent.ownerUserId]);
    return { userId: agent.ownerUserId, ...row };
  }
}
