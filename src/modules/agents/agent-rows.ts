import type { EntityManager } from 'typeorm';
import { isId, type AgentId } from '../../kernel/ids.js';
import type { Caller } from '../../platform/http/caller.js';
import { Agent } from './agent.entity.js';
import { isWithinReach } from './agent-standing.js';
import { agentNotFound } from './agents.errors.js';

/**
 * Holds the agent's row until the transaction ends. Whoever changes both locks the agent before its client.
 * @throws DomainError `agent_not_found` when the caller may not see it
 */
export async function lockAgent(manager: EntityManager, caller: Caller, id: string): Promise<Agent> {
  if (!isId(id)) throw agentNotFound();
  const agent = await manager.createQueryBuilder(Agent, 'agent').setLock('for_no_key_update').where('agent.id = :id', { id: id as AgentId }).getOne();
  if (!agent || !isWithinReach(caller, agent)) throw agentNotFound();
  return agent;
}
