import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import type { Caller } from '../../platform/http/caller.js';
import { doneBy, type AuditEvent } from '../audit/audit-event.js';
import { AuditLog } from '../audit/audit-log.service.js';
import { ClientRegistration } from '../clients/client-registration.service.js';
import type { ClientSecret } from '../clients/client-secret.entity.js';
import { ClientSecrets, type NewSecret } from '../clients/client-secrets.service.js';
import { ClientsService } from '../clients/clients.service.js';
import { ScopeCeiling } from '../clients/scope-ceiling.service.js';
import { lockAgent } from './agent-rows.js';
import type { Agent } from './agent.entity.js';
import { agentDeactivated } from './agents.errors.js';

/** What callers of the API do with the secrets of agents. */
@Injectable()
export class AgentSecrets {
  constructor(
    private readonly dataSource: DataSource,
    private readonly secrets: ClientSecrets,
    private readonly clients: ClientsService,
    private readonly registration: ClientRegistration,
    private readonly ceiling: ScopeCeiling,
    private readonly audit: AuditLog,
  ) {}

  /**
   * Whoever gets a secret of an agent can be that agent, so its scopes are handed out with it.
   *
   * @returns the secret's row and its text, which cannot be shown again
   * @throws DomainError `agent_not_found`, `agent_deactivated`, `scopes_not_held`, `secrets_not_used`, `secret_expiry_past`, `too_many_secrets`
   */
  async add(caller: Caller, id: string, given: NewSecret): Promise<{ secret: ClientSecret; text: string }> {
    const ceiling = await this.ceiling.of(caller);
    const added = await this.dataSource.transaction(async (manager) => {
      const agent = await lockAgent(manager, caller, id);
      const client = await this.registration.lock(manager, agent.clientId);
      if (!client || agent.status === 'deactivated') throw agentDeactivated();
      ceiling.assertCovers(client.scopes);
      const added = await this.secrets.add(manager, client, given);
      await this.record(manager, caller, 'client.secret_added', agent, { secret_id: added.secret.id, prefix: added.secret.prefix, expires_at: added.secret.expiresAt?.toISOString() });
      return added;
    });
    this.clients.invalidate(id);
    return added;
  }

  /** @throws DomainError `agent_not_found`, `secret_not_found` */
  async retire(caller: Caller, id: string, secretId: string): Promise<void> {
    await this.dataSource.transaction(async (manager) => {
      const agent = await lockAgent(manager, caller, id);
      if (await this.secrets.retire(manager, agent.clientId, secretId)) await this.record(manager, caller, 'client.secret_retired', agent, { secret_id: secretId });
    });
    this.clients.invalidate(id);
  }

  private async record(manager: EntityManager, caller: Caller, type: AuditEvent['type'], agent: Agent, details: AuditEvent['details']): Promise<void> {
    await this.audit.recordIn(manager, {
      type, outcome: 'success', organization_id: agent.organizationId, ...doneBy(caller), target: { kind: 'agent', id: agent.id }, details,
    });
  }
}
