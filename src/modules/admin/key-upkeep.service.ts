import { Injectable, type OnModuleInit } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { KeyRing } from '../../platform/crypto/key-ring.service.js';
import { Background } from '../../platform/database/background.js';
import { AuditLog } from '../audit/audit-log.service.js';
import { keyChangeEvents, keyRetiredEvent } from './key-events.js';

/** Replaces signing keys that come of age, and forgets the private part of those that have retired. */
@Injectable()
export class KeyUpkeep implements OnModuleInit {
  constructor(private readonly background: Background, private readonly keyRing: KeyRing, private readonly audit: AuditLog) {}

  onModuleInit(): void {
    this.background.every({ name: 'signing keys', everySeconds: 60, run: (manager) => this.look(manager) });
  }

  /** Other nodes, and this one, take up what changed after the commit. */
  async look(manager: EntityManager): Promise<void> {
    const changes = await this.keyRing.rotateIfDue(manager);
    const erased = await this.keyRing.eraseRetired(manager);
    const events = [...keyChangeEvents(changes), ...erased.map((kid) => keyRetiredEvent(kid))];
    if (events.length > 0) await this.audit.recordIn(manager, ...events);
  }
}
