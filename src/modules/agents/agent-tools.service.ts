import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import type { Caller } from '../../platform/http/caller.js';
import { doneBy } from '../audit/audit-event.js';
import { AuditLog } from '../audit/audit-log.service.js';
import { ScopeCeiling } from '../clients/scope-ceiling.service.js';
import { ToolAssignments } from '../tools/tool-assignments.service.js';
import type { Tool } from '../tools/tool.entity.js';
import { AgentDirectory } from './agent-directory.service.js';
import { lockAgent } from './agent-rows.js';
import type { Agent } from './agent.entity.js';
import { agentDeactivated } from './agents.errors.js';

/** Which tools an agent has. Whoever manages the agent gives them, and only those whose permissions they could hand out. */
@Injectable()
export class AgentTools {
  constructor(
    private readonly dataSource: DataSource,
    private readonly agents: AgentDirectory,
    private readonly assignments: ToolAssignments,
    private readonly ceiling: ScopeCeiling,
    private readonly audit: AuditLog,
  ) {}

  /** @throws DomainError `agent_not_found` */
  async list(caller: Caller, id: string): Promise<Tool[]> {
    return this.assignments.list((await this.agents.get(caller, id)).agent.id);
  }

  /**
   * Gives the agent a tool; one that it has already stays.
   * @throws DomainError `agent_not_found`, `agent_deactivated`, `tool_not_found`, `scopes_not_held`, `too_many_tools`
   */
  async assign(caller: Caller, id: string, toolId: string): Promise<Tool> {
    const ceiling = await this.ceiling.of(caller);
    return this.changing(caller, id, async (manager, agent) => {
      if (agent.status === 'deactivated') throw agentDeactivated();
      const tool = await this.assignments.one(manager, agent.organizationId, toolId);
      ceiling.assertCovers(tool.permissionsRequired);
      const [added] = await this.assignments.assign(manager, agent.id, [tool]);
      if (added) await this.record(manager, caller, 'agent.tool_assigned', agent, tool);
      return tool;
    });
  }

  /** @throws DomainError `agent_not_found`, `tool_not_found`, `tool_not_assigned` */
  async remove(caller: Caller, id: string, toolId: string): Promise<void> {
    await this.changing(caller, id, async (manager, agent) => {
      const tool = await this.assignments.one(manager, agent.organizationId, toolId);
      await this.assignments.remove(manager, agent.id, tool);
      await this.record(manager, caller, 'agent.tool_removed', agent, tool);
    });
  }

  /** Runs in a transaction that holds the agent's row, then drops what this node remembers; the others are told by the database. */
  private async changing<T>(caller: Caller, id: string, change: (manager: EntityManager, agent: Agent) => Promise<T>): Promise<T> {
    const { agentId, result } = await this.dataSource.transaction(async (manager) => {
      const agent = await lockAgent(manager, caller, id);
      return { agentId: agent.id, result: await change(manager, agent) };
    });
    this.assignments.invalidate(agentId);
    return result;
  }

  private async record(manager: EntityManager, caller: Caller, type: 'agent.tool_assigned' | 'agent.tool_removed', agent: Agent, tool: Tool): Promise<void> {
    await this.audit.recordIn(manager, {
      type, outcome: 'success', organization_id: agent.organizationId, ...doneBy(caller), target: { kind: 'agent', id: agent.id },
      details: { name: agent.name, tool_id: tool.id, tool: tool.name },
    });
  }
}
