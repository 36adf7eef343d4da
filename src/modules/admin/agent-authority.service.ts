import { Injectable } from '@nestjs/common';
import { Config } from '../../platform/config/config.js';
import type { Caller } from '../../platform/http/caller.js';
import type { Page } from '../../platform/http/page.js';
import { AgentsService, type AgentWithClient } from '../agents/agents.service.js';
import { ClientsService } from '../clients/clients.service.js';
import { DelegationDirectory, type StandingDelegation } from '../delegation/delegation-directory.service.js';
import { ToolsService, type AssignedTool } from '../tools/tools.service.js';
import { IssuancePolicies, type Forecast } from '../tokens/issuance-policies.service.js';

/** More delegations than that are not shown at once. */
const DELEGATIONS = 50;

/** What an agent can do, and why. */
export interface Authority {
  readonly tools: readonly AssignedTool[];
  /** What was delegated to it and is alive, the newest first. */
  readonly delegations: Page<StandingDelegation>;
  readonly forecasts: readonly Forecast[];
}

/** Looks up all that an agent's authority comes from. */
@Injectable()
export class AgentAuthority {
  constructor(
    private readonly agents: AgentsService,
    private readonly clients: ClientsService,
    private readonly tools: ToolsService,
    private readonly delegations: DelegationDirectory,
    private readonly policies: IssuancePolicies,
    private readonly config: Config,
  ) {}

  async of(caller: Caller, { agent }: AgentWithClient): Promise<Authority> {
    const [record, client] = [await this.agents.findCached(agent.id), await this.clients.findCached(agent.id)];
    return {
      tools: await this.tools.ofAgent(agent.id),
      delegations: await this.delegations.list(caller, { agent_id: agent.id, active: true, limit: DELEGATIONS }),
      forecasts: record && client ? await this.policies.forecast(record, client, this.config.apiResource) : [],
    };
  }
}
