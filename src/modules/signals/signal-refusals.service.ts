import { Injectable } from '@nestjs/common';
import type { AuditEvent } from '../audit/audit-event.js';
import { AuditLog } from '../audit/audit-log.service.js';

const LONGEST_CODE = 64;
const LONGEST_DESCRIPTION = 200;

/** A token that a receiver did not take, and why, in its own words. */
export interface RefusedSet {
  readonly jti: string;
  readonly txn: string | undefined;
  readonly code: string;
  readonly description?: string;
}

/** Keeps on record what receivers refused: nobody acts on such an event, and it is not sent again. */
@Injectable()
export class SignalRefusals {
  constructor(private readonly audit: AuditLog) {}

  async record(by: AuditEvent['actor'], stream: { readonly id: string; readonly organizationId: string }, sets: readonly RefusedSet[]): Promise<void> {
    await this.audit.record(...sets.map(({ jti, txn, code, description }): AuditEvent => ({
      type: 'signal.refused', outcome: 'refused', organization_id: stream.organizationId, actor: by, target: { kind: 'signal', id: jti }, reason: code.slice(0, LONGEST_CODE),
      details: { stream_id: stream.id, txn, description: description?.slice(0, LONGEST_DESCRIPTION) },
    })));
  }
}
