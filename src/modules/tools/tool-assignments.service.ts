import { Injectable } from '@nestjs/common';
import { DataSource, In, type EntityManager } from 'typeorm';
import { isId, type AgentId, type OrganizationId } from '../../kernel/ids.js';
import { notifyChanged } from '../../platform/database/notify.js';
import { AgentTool, Tool, type ToolId } from './tool.entity.js';
import { toolNotAssigned, toolNotFound, tooManyTools, unknownTools } from './tools.errors.js';
import { ToolsService } from './tools.service.js';

/** Tokens name the tools that they are good for, so there are not too many to name. */
const MOST_TOOLS = 200;

/**
 * Which agent has which tools. Whether somebody may give them is for the caller to judge, and the caller's transaction, which holds
 * the agent's row, ends with its own event.
 */
@Injectable()
export class ToolAssignments {
  constructor(private readonly dataSource: DataSource, private readonly tools: ToolsService) {}

  /** Those of the agent, active or not, by name. Not for use inside a transaction. */
  async list(agentId: AgentId): Promise<Tool[]> {
    return this.dataSource.createQueryBuilder(Tool, 'tool').innerJoin(AgentTool, 'given', 'given.toolId = tool.id')
      .where('given.agentId = :agentId', { agentId }).orderBy('tool.name').getMany();
  }

  /**
   * The tools of an organization that somebody is about to give to an agent. They stay until the transaction ends.
   * @throws DomainError `unknown_tool`
   */
  async named(manager: EntityManager, organizationId: OrganizationId, ids: readonly string[]): Promise<Tool[]> {
    const known = ids.filter(isId);
    const found = known.length === 0 ? [] : await manager.createQueryBuilder(Tool, 'tool').setLock('for_key_share')
      .where({ organizationId, id: In(known) }).orderBy('tool.id').getMany();
    const missing = ids.filter((id) => !found.some((tool) => tool.id === id.toLowerCase()));
    if (missing.length > 0) throw unknownTools(missing);
    return found;
  }

  /** @throws DomainError `tool_not_found` */
  async one(manager: EntityManager, organizationId: OrganizationId, id: string): Promise<Tool> {
    const [tool] = isId(id) ? await this.named(manager, organizationId, [id]).catch(() => []) : [];
    if (!tool) throw toolNotFound();
    return tool;
  }

  /**
   * Gives tools to an agent of the same organization; answers those that it did not have yet.
   * @throws DomainError `too_many_tools`
   */
  async assign(manager: EntityManager, agentId: AgentId, tools: readonly Tool[]): Promise<Tool[]> {
    if (tools.length === 0) return [];
    const { raw } = await manager.createQueryBuilder().insert().into(AgentTool).values(tools.map(({ id }) => ({ agentId, toolId: id }))).orIgnore().returning('tool_id').execute();
    const isNew = new Set((raw as { tool_id: ToolId }[]).map(({ tool_id: id }) => id));
    if (isNew.size === 0) return [];
    if (await manager.countBy(AgentTool, { agentId }) > MOST_TOOLS) throw tooManyTools(MOST_TOOLS);
    await notifyChanged(manager, 'agent_tools', agentId);
    return tools.filter(({ id }) => isNew.has(id));
  }

  /** @throws DomainError `tool_not_assigned` */
  async remove(manager: EntityManager, agentId: AgentId, tool: Tool): Promise<void> {
    const { affected } = await manager.delete(AgentTool, { agentId, toolId: tool.id });
    if (affected !== 1) throw toolNotAssigned();
    await notifyChanged(manager, 'agent_tools', agentId);
  }

  /** Drops what this node remembers of the agent, after the transaction. */
  invalidate(agentId: AgentId): void {
    this.tools.invalidateAgent(agentId);
  }
}
