import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { AuditEvent } from './audit-event.js';

@Injectable()
export class AuditLog {
  /** Records facts that stand alone (refusals, sign-ins), through the group-commit writer. Resolves when they are durable. */
  async record(..._events: AuditEvent[]): Promise<void> {}

  /** Records facts inside the caller's transaction. Call it last: it takes the head lock until that transaction ends. */
  async recordIn(_manager: EntityManager, ..._events: AuditEvent[]): Promise<void> {}
}
