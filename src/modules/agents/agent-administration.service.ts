import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { nowDate } from '../../kernel/clock.js';
import { notifyChanged } from '../../platform/database/notify.js';
import { violatedConstraint } from '../../platform/database/violated-constraint.js';
import type { Caller } from '../../platform/http/caller.js';
import { doneBy, type AuditEvent } from '../audit/audit-event.js';
import { AuditLog } from '../audit/audit-log.service.js';
import { Endings } from '../audit/endings.service.js';
import type { Client } from '../clients/client.entity.js';
import { ClientRegistration, type ClientReach } from '../clients/client-registration.service.js';
import { ScopeCeiling } from '../clients/scope-ceiling.service.js';
import { clientMetadataIn } from './agent-client-metadata.js';
import { AgentOwners } from './agent-owners.service.js';
import { lockAgent } from './agent-rows.js';
import { mayVouch } from './agent-standing.js';
import type { Agent, AgentStatus } from './agent.entity.js';
import type { UpdateAgentDto } from './agents.dto.js';
import { agentDeactivated, agentNameTaken, trustNotYours } from './agents.errors.js';
import { AgentsService, type AgentWithClient } from './agents.service.js';

/** What callers of the API do with agents that exist. An agent and its client always change together. */
@Injectable()
export class AgentAdministration {
  constructor(
    private readonly dataSource: DataSource,
    private readonly agents: AgentsService,
    private readonly owners: AgentOwners,
    private readonly registration: ClientRegistration,
    private readonly ceiling: ScopeCeiling,
    private readonly audit: AuditLog,
    private readonly endings: Endings,
  ) {}

  /**
   * Changes what is given. Giving scopes to an agent that registered itself is how it is approved.
   * @throws DomainError `agent_not_found`, `agent_deactivated`, `agent_name_taken`, `scopes_not_held`, `trust_level_not_yours`, `owner_not_yours`,
   *   `unknown_scope`, `invalid_redirect_uri`, `invalid_client_metadata`
   */
  async update(caller: Caller, id: string, body: UpdateAgentDto): Promise<AgentWithClient> {
    if (body.trust_level && !mayVouch(caller)) throw trustNotYours();
    const ceiling = await this.ceiling.of(caller);
    return this.changing(id, async (manager) => {
      const agent = await lockAgent(manager, caller, id);
      if (agent.status === 'deactivated') throw agentDeactivated();
      const client = await this.lockClient(manager, agent);
      const given = clientMetadataIn(body);
      const reach = reachAfter(body, client);
      const added = reach.scopes.filter((name) => !client.scopes.includes(name));
      ceiling.assertCovers(this.registration.touchesCredentials(given) ? reach.scopes : added);
      await this.registration.assertReachable(manager, agent.organizationId, reach, client);
      const metadata = this.registration.checkChanges(client, given);
      await this.writeAgent(manager, caller, agent, body);
      await this.registration.change(manager, client, { ...metadata, ...reach, name: agent.name });
      await this.record(manager, caller, 'agent.updated', agent, {
        changed: Object.keys(body).sort(), scopes: client.scopes, trust_level: agent.trustLevel, owner_user_id: agent.ownerUserId, redirect_uris: client.redirectUris,
      });
      return { agent, client };
    });
  }

  /**
   * From now on none of its tokens works and it gets no new one, until it is resumed.
   * @throws DomainError `agent_not_found`, `agent_deactivated`
   */
  suspend(caller: Caller, id: string): Promise<AgentWithClient> {
    return this.setStatus(caller, id, 'agent.suspended', () => 'suspended');
  }

  /**
   * An agent that was never activated waits for that again.
   * @throws DomainError `agent_not_found`, `agent_deactivated`
   */
  resume(caller: Caller, id: string): Promise<AgentWithClient> {
    return this.setStatus(caller, id, 'agent.resumed', (agent) => (agent.status !== 'suspended' ? agent.status : agent.activatedAt ? 'active' : 'pending'));
  }

  /**
   * Ends the agent for good and frees its name. Its rows stay, because the ledger speaks of it.
   * @throws DomainError `agent_not_found`
   */
  deactivate(caller: Caller, id: string): Promise<AgentWithClient> {
    return this.setStatus(caller, id, 'agent.deactivated', () => 'deactivated');
  }

  /**
   * The agent, held until the transaction ends, for a kill switch.
   * @throws DomainError `agent_not_found`, `agent_deactivated`
   */
  async hold(manager: EntityManager, caller: Caller, id: string): Promise<Agent> {
    const agent = await lockAgent(manager, caller, id);
    if (agent.status === 'deactivated') throw agentDeactivated();
    return agent;
  }

  /** Suspends an agent that is held. The caller's transaction ends with its own event, after which this node has to `forget` it. */
  async stop(manager: EntityManager, agent: Agent): Promise<void> {
    if (agent.status !== 'suspended') await this.write(manager, agent, 'suspended');
  }

  /** Drops what this node remembers of an agent that was stopped. */
  forget(id: string): void {
    this.agents.invalidate(id);
  }

  private setStatus(caller: Caller, id: string, type: AuditEvent['type'], next: (agent: Agent) => AgentStatus): Promise<AgentWithClient> {
    return this.changing(id, async (manager) => {
      const agent = await lockAgent(manager, caller, id);
      const former = agent.status;
      const status = next(agent);
      if (former === 'deactivated' && type !== 'agent.deactivated') throw agentDeactivated();
      // Of an agent that was not active nothing was alive.
      const ended = former === 'active' && status !== 'active' ? await this.endings.below(manager, { kind: 'agent', id: agent.id, organizationId: agent.organizationId }) : undefined;
      if (former !== status) await this.write(manager, agent, status);
      const client = await this.lockClient(manager, agent);
      if (former !== status) await this.record(manager, caller, type, agent, { former_status: former, ended });
      return { agent, client };
    });
  }

  private async write(manager: EntityManager, agent: Agent, status: AgentStatus): Promise<void> {
    Object.assign(agent, { status, suspendedAt: status === 'suspended' ? nowDate() : null, updatedAt: nowDate() });
    if (status === 'deactivated') Object.assign(agent, { registrationTokenHash: null, registrationTokenExpiresAt: null, passwordHash: null });
    await manager.save(agent);
    await this.registration.setStatus(manager, agent.clientId, status);
    await notifyChanged(manager, 'agent', agent.id);
  }

  private async writeAgent(manager: EntityManager, caller: Caller, agent: Agent, body: UpdateAgentDto): Promise<void> {
    const owner = body.owner_email ? await this.owners.namedBy(manager, caller, body.owner_email) : agent;
    Object.assign(agent, {
      name: body.agent_name ?? agent.name,
      description: orFormer(body.description, agent.description),
      ownerUserId: owner.ownerUserId ?? null,
      ownerEmail: owner.ownerEmail ?? null,
      agentType: body.agent_type ?? agent.agentType,
      agentModel: orFormer(body.agent_model, agent.agentModel),
      agentVersion: orFormer(body.agent_version, agent.agentVersion),
      agentProvider: orFormer(body.agent_provider, agent.agentProvider),
      capabilities: body.capabilities ?? agent.capabilities,
      trustLevel: body.trust_level ?? agent.trustLevel,
      metadata: body.metadata ?? agent.metadata,
      updatedAt: nowDate(),
    });
    try {
      await manager.save(agent);
    } catch (error) {
      if (violatedConstraint(error) === 'agents_name') throw agentNameTaken();
      throw error;
    }
    await notifyChanged(manager, 'agent', agent.id);
  }

  private async lockClient(manager: EntityManager, agent: Agent): Promise<Client> {
    const client = await this.registration.lock(manager, agent.clientId);
    if (!client) throw new TypeError('an agent without its client');
    return client;
  }

  /** Runs in a transaction, then drops what this node remembers; the others are told by the database. */
  private async changing(id: string, change: (manager: EntityManager) => Promise<AgentWithClient>): Promise<AgentWithClient> {
    const changed = await this.dataSource.transaction(change);
    this.agents.invalidate(id);
    return changed;
  }

  private async record(manager: EntityManager, caller: Caller, type: AuditEvent['type'], agent: Agent, details: AuditEvent['details']): Promise<void> {
    await this.audit.recordIn(manager, {
      type, outcome: 'success', organization_id: agent.organizationId, ...doneBy(caller), target: { kind: 'agent', id: agent.id }, details: { name: agent.name, ...details },
    });
  }
}

function reachAfter(body: UpdateAgentDto, client: Client): ClientReach {
  return {
    scopes: body.scopes ?? client.scopes,
    // Fewer scopes are fewer defaults, without having to say so.
    defaultScopes: body.default_scopes ?? client.defaultScopes.filter((name) => body.scopes?.includes(name) ?? true),
    servedResources: client.servedResources,
  };
}

/** Undefined says nothing, null says "none". */
function orFormer<T>(given: T | undefined, former: T): T {
  return given === undefined ? former : given;
}
