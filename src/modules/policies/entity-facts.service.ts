import { Injectable } from '@nestjs/common';
import { nowDate } from '../../kernel/clock.js';
import type { OrganizationId } from '../../kernel/ids.js';
import { AgentsService } from '../agents/agents.service.js';
import { ClientsService } from '../clients/clients.service.js';
import { OrganizationsService } from '../organizations/organizations.service.js';
import { UsersService } from '../users/users.service.js';
import type { Attributes, DecisionEntity, DecisionRequest } from './decision.js';

/**
 * What the server knows of agents, people and clients of an organization, under the names that policies use. Who asks for a
 * decision may add what the server does not know, but not contradict what it does.
 */
@Injectable()
export class EntityFacts {
  constructor(
    private readonly organizations: OrganizationsService,
    private readonly users: UsersService,
    private readonly clients: ClientsService,
    private readonly agents: AgentsService,
  ) {}

  /** The entity with all that is known of it. Not for use inside a transaction. */
  async complete(organizationId: OrganizationId, entity: DecisionEntity): Promise<DecisionEntity> {
    const known = await this.of(organizationId, entity);
    return known ? { ...entity, attributes: { ...entity.attributes, ...known } } : entity;
  }

  /** The request with what is known of those concerned, and with its time, so that it can be decided again. */
  async completeRequest(organizationId: OrganizationId, asked: Omit<DecisionRequest, 'organizationId'>): Promise<DecisionRequest> {
    const subject = await this.complete(organizationId, asked.subject);
    const resource = await this.complete(organizationId, asked.resource);
    return { ...asked, organizationId, subject, resource, context: { ...asked.context, time: asked.context?.['time'] ?? nowDate().toISOString() } };
  }

  private of(organizationId: OrganizationId, { type, id }: DecisionEntity): Promise<Attributes | undefined> {
    switch (type) {
      case 'agent': return this.ofAgent(organizationId, id);
      case 'user': return this.ofUser(organizationId, id);
      case 'client': return this.ofClient(organizationId, id);
      default: return Promise.resolve(undefined);
    }
  }

  private async ofAgent(organizationId: OrganizationId, id: string): Promise<Attributes | undefined> {
    const [agent, client] = [await this.agents.findCached(id), await this.clients.findCached(id)];
    if (agent?.organizationId !== organizationId) return undefined;
    return {
      status: agent.status, agent_type: agent.profile.type, agent_model: agent.profile.model, agent_provider: agent.profile.provider, agent_trust_level: agent.profile.trustLevel,
      capabilities: agent.profile.capabilities, owner: agent.ownerUserId, assigned_scopes: [...client?.scopes ?? []],
    };
  }

  private async ofUser(organizationId: OrganizationId, id: string): Promise<Attributes | undefined> {
    const role = await this.organizations.roleOf(id, organizationId);
    const user = role && await this.users.findById(id);
    return user && { status: user.status, role, roles: [role] };
  }

  private async ofClient(organizationId: OrganizationId, id: string): Promise<Attributes | undefined> {
    const client = await this.clients.findCached(id);
    if (!client || client.organizationId !== organizationId || client.kind === 'agent') return undefined;
    return { status: client.status, assigned_scopes: [...client.scopes] };
  }
}
