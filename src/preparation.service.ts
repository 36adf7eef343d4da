import { Injectable, type OnModuleInit } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { AuditLog } from './modules/audit/audit-log.service.js';
import type { AuditEvent } from './modules/audit/audit-event.js';
import { FirstStartService, type FirstStart } from './modules/admin/first-start.service.js';
import { ClientsService } from './modules/clients/clients.service.js';
import { ResourcesService } from './modules/resources/resources.service.js';
import { ScopesService } from './modules/scopes/scopes.service.js';
import { KeyRing } from './platform/crypto/key-ring.service.js';

/**
 * What every start sees to before the first request, in this order: what the server itself brings along (its scopes, its
 * API, its own clients), signing keys, and an installation that nobody has set up yet.
 */
@Injectable()
export class Preparation implements OnModuleInit {
  /** What the start-up lines have to say about it. */
  firstStart: FirstStart = { notices: [] };

  constructor(
    private readonly dataSource: DataSource,
    private readonly scopes: ScopesService,
    private readonly resources: ResourcesService,
    private readonly clients: ClientsService,
    private readonly keyRing: KeyRing,
    private readonly beginning: FirstStartService,
    private readonly audit: AuditLog,
  ) {}

  async onModuleInit(): Promise<void> {
    await this.dataSource.transaction(async (manager) => {
      await this.scopes.ensureBuiltIns(manager);
      await this.resources.ensureBuiltIns(manager);
      await this.clients.ensureFirstParty(manager);
    });
    await this.keyRing.initialize((manager, changes) => this.audit.recordIn(manager, ...changes.map(({ algorithm, kid }): AuditEvent => ({
      type: 'key.created', outcome: 'success', organization_id: null, actor: { kind: 'system' }, target: { kind: 'signing_key', id: kid }, details: { algorithm },
    }))));
    this.firstStart = await this.beginning.begin();
  }
}
