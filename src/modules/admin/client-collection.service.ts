import { Injectable, type OnModuleInit } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { nowDate } from '../../kernel/clock.js';
import { Config } from '../../platform/config/config.js';
import { Background } from '../../platform/database/background.js';
import { notifyChanged } from '../../platform/database/notify.js';
import { Agent } from '../agents/agent.entity.js';
import type { AuditEvent } from '../audit/audit-event.js';
import { AuditLog } from '../audit/audit-log.service.js';
import type { Client } from '../clients/client.entity.js';
import { ClientRegistration } from '../clients/client-registration.service.js';
import { UnusedClients } from './unused-clients.service.js';

const BATCH = 20;

/** Ends applications and agents that were not used for as long as the operator says. None of them has anything alive that could end. */
@Injectable()
export class ClientCollection implements OnModuleInit {
  constructor(
    private readonly background: Background,
    private readonly config: Config,
    private readonly unused: UnusedClients,
    private readonly registration: ClientRegistration,
    private readonly audit: AuditLog,
  ) {}

  onModuleInit(): void {
    const { unusedClientDays: days } = this.config;
    if (days > 0) this.background.every({ name: 'unused clients', everySeconds: 3600, run: (manager) => this.collect(manager, days) });
  }

  /** @returns whether there are more */
  async collect(manager: EntityManager, days: number): Promise<boolean> {
    const clients = await this.unused.some(manager, days, BATCH);
    const events: AuditEvent[] = [];
    for (const client of clients) {
      const event = await this.end(manager, days, client);
      if (event) events.push(event);
    }
    if (events.length > 0) await this.audit.recordIn(manager, ...events);
    return clients.length === BATCH && events.length > 0;
  }

  private async end(manager: EntityManager, days: number, client: Client): Promise<AuditEvent | undefined> {
    // Whoever changes both locks the agent before its client.
    const agent = client.kind === 'agent' ? await manager.createQueryBuilder(Agent, 'agent').setLock('for_no_key_update').where('agent.clientId = :id', { id: client.id }).getOne() : null;
    if (!await this.registration.lock(manager, client.id) || !await this.unused.includes(manager, days, client)) return undefined;
    await this.registration.setStatus(manager, client.id, 'deactivated');
    const known = { outcome: 'success', organization_id: client.organizationId, actor: { kind: 'system' }, reason: 'unused' } as const;
    const details = { name: client.name, unused_since: (client.lastUsedAt ?? client.createdAt).toISOString() };
    if (!agent) return { ...known, type: 'client.deleted', target: { kind: 'client', id: client.id }, details };
    const { status } = agent;
    await manager.save(Object.assign(agent, { status: 'deactivated', registrationTokenHash: null, registrationTokenExpiresAt: null, passwordHash: null, updatedAt: nowDate() }));
    await notifyChanged(manager, 'agent', agent.id);
    return { ...known, type: 'agent.deactivated', target: { kind: 'agent', id: agent.id }, details: { ...details, former_status: status } };
  }
}
