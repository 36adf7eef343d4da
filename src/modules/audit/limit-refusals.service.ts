import { Injectable } from '@nestjs/common';
import type { DomainError } from '../../kernel/domain-error.js';
import { LimitRecorder, type ReachedLimit } from '../../platform/limits/limit-recorder.js';
import { AuditLog } from './audit-log.service.js';
import { RefusalTally } from './refusal-tally.service.js';

/** Puts requests on record that were refused because there were too many. */
@Injectable()
export class LimitRefusals extends LimitRecorder {
  constructor(private readonly audit: AuditLog, private readonly tally: RefusalTally) {
    super();
  }

  async record({ name, kind, party, key, caller }: ReachedLimit, error: DomainError): Promise<void> {
    await this.tally.record(`${name} ${key}`, {
      type: 'request.limited', outcome: 'refused', organization_id: caller?.organizationId ?? null,
      actor: caller ? { kind: caller.kind, id: caller.id } : { kind: 'anonymous' },
      reason: error.code,
      details: { class: kind, limit: party, source: party === 'source' ? key : undefined },
    });
    this.audit.noteRecorded(error);
  }
}
