import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { AuditEvent } from '../audit/audit-event.js';
import { AuditLog } from '../audit/audit-log.service.js';
import { SignalQueue } from './signal-queue.service.js';

const LONGEST_CODE = 64;
const LONGEST_DESCRIPTION = 200;

/** A token that a receiver did not take, and why, in its own words. */
export interface RefusedSet {
  readonly jti: string;
  readonly code: string;
  readonly description?: string;
}

/** What receivers refuse is not sent again, and is on record instead: nobody acts on such an event. */
@Injectable()
export class SignalRefusals {
  constructor(private readonly dataSource: DataSource, private readonly queue: SignalQueue, private readonly audit: AuditLog) {}

  /** @returns how many of them were waiting */
  async refuse(by: AuditEvent['actor'], stream: { readonly id: string; readonly organizationId: string }, sets: readonly RefusedSet[]): Promise<number> {
    if (sets.length === 0) return 0;
    return this.dataSource.transaction(async (manager) => {
      const taken = await this.queue.take(manager, stream.id, sets.map(({ jti }) => jti));
      if (taken.length === 0) return 0;
      const said = new Map(sets.map((set) => [set.jti, set]));
      await this.audit.recordIn(manager, ...taken.map(({ jti, txn }): AuditEvent => ({
        type: 'signal.refused', outcome: 'refused', organization_id: stream.organizationId, actor: by, target: { kind: 'signal', id: jti }, reason: said.get(jti)!.code.slice(0, LONGEST_CODE),
        details: { stream_id: stream.id, txn, description: said.get(jti)!.description?.slice(0, LONGEST_DESCRIPTION) },
      })));
      return taken.length;
    });
  }
}
