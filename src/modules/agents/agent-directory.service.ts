import { Injectable } from '@nestjs/common';
import { DataSource, In } from 'typeorm';
import { isId, type AgentId } from '../../kernel/ids.js';
import { MasterKey } from '../../platform/crypto/master-key.js';
import { containing } from '../../platform/database/like-pattern.js';
import type { Caller } from '../../platform/http/caller.js';
import { readPage, type Page } from '../../platform/http/page.js';
import { Client } from '../clients/client.entity.js';
import type { ClientSecret } from '../clients/client-secret.entity.js';
import { ClientSecrets } from '../clients/client-secrets.service.js';
import { Agent } from './agent.entity.js';
import { isWithinReach, limitedToOwner } from './agent-standing.js';
import type { AgentsQuery } from './agents.dto.js';
import { agentNotFound, notAnAgent } from './agents.errors.js';
import type { AgentWithClient } from './agents.service.js';

/** What callers of the API see of agents: those of their organization, and members only their own. */
@Injectable()
export class AgentDirectory {
  private readonly cursorKey: Buffer;

  constructor(private readonly dataSource: DataSource, private readonly secrets: ClientSecrets, masterKey: MasterKey) {
    this.cursorKey = masterKey.derive('list-cursor');
  }

  async list(caller: Caller, query: AgentsQuery): Promise<Page<AgentWithClient>> {
    const agents = this.dataSource.createQueryBuilder(Agent, 'agent').where('agent.organizationId = :organizationId', { organizationId: caller.organizationId });
    const owner = limitedToOwner(caller);
    if (owner !== undefined) agents.andWhere('agent.ownerUserId = :self', { self: owner });
    if (query.status === undefined) agents.andWhere(`agent.status <> 'deactivated'`);
    else agents.andWhere('agent.status = :status', { status: query.status });
    if (query.agent_type !== undefined) agents.andWhere('agent.agentType = :agentType', { agentType: query.agent_type });
    if (query.owner !== undefined) {
      const column = isId(query.owner) ? 'agent.ownerUserId' : 'agent.ownerEmail';
      agents.andWhere(`${column} = :owner`, { owner: query.owner.toLowerCase() });
    }
    if (query.q !== undefined) agents.andWhere('(agent.name ILIKE :pattern OR agent.description ILIKE :pattern OR agent.clientId ILIKE :pattern)', { pattern: containing(query.q) });
    const page = await readPage(agents, 'agent.id', (row) => row.id, query, this.cursorKey);
    const clients = page.data.length === 0 ? [] : await this.dataSource.manager.findBy(Client, { id: In(page.data.map(({ clientId }) => clientId)) });
    const clientOf = new Map(clients.map((client) => [client.id, client]));
    return { data: page.data.map((agent) => ({ agent, client: clientOf.get(agent.clientId)! })), next_cursor: page.next_cursor };
  }

  /** @throws DomainError `agent_not_found` */
  async get(caller: Caller, id: string): Promise<AgentWithClient> {
    return this.find(caller, id);
  }

  /**
   * The agent that the caller's token speaks for.
   * @throws DomainError `not_an_agent`
   */
  async me(caller: Caller): Promise<AgentWithClient> {
    if (caller.kind !== 'agent') throw notAnAgent();
    return this.find(caller, caller.subject);
  }

  /** @throws DomainError `agent_not_found` */
  async listSecrets(caller: Caller, id: string): Promise<ClientSecret[]> {
    return this.secrets.list((await this.get(caller, id)).client.id);
  }

  private async find(caller: Caller, id: string): Promise<AgentWithClient> {
    const agent = isId(id) ? await this.dataSource.manager.findOneBy(Agent, { id: id as AgentId }) : null;
    if (!agent || !isWithinReach(caller, agent)) throw agentNotFound();
    return { agent, client: await this.dataSource.manager.findOneByOrFail(Client, { id: agent.clientId }) };
  }
}
