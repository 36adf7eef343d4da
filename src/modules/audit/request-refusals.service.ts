import { HttpException, Injectable } from '@nestjs/common';
import { DomainError } from '../../kernel/domain-error.js';
import type { Caller } from '../../platform/http/caller.js';
import { RefusalRecorder } from '../../platform/http/refusal-recorder.js';
import type { AuditEventType } from './audit-event.js';
import { AuditLog } from './audit-log.service.js';

/** Puts refused REST requests on record: who was turned away from what, and why. */
@Injectable()
export class RequestRefusals extends RefusalRecorder {
  constructor(private readonly audit: AuditLog) {
    super();
  }

  async record(method: string, route: string, caller: Caller | undefined, error: unknown): Promise<void> {
    const refusal = refusalOf(error);
    if (!refusal || this.audit.hasRecorded(error)) return;
    await this.audit.record({
      type: refusal.type,
      outcome: 'refused',
      organization_id: caller?.organizationId ?? null,
      actor: caller ? { kind: caller.kind, id: caller.subject, client_id: caller.clientId } : { kind: 'anonymous' },
      subject: caller?.subject,
      target: { kind: 'route', id: `${method} ${route}` },
      reason: refusal.reason,
      token_id: caller?.tokenId,
      details: error instanceof DomainError ? error.record : undefined,
    });
  }
}

/** What went wrong on our side is no refusal: it is logged, not recorded. */
function refusalOf(error: unknown): { type: AuditEventType; reason: string } | undefined {
  if (error instanceof DomainError) {
    if (error.kind === 'unavailable') return undefined;
    const isAccess = error.kind === 'unauthenticated' || error.kind === 'forbidden';
    return { type: isAccess ? 'access.refused' : 'request.refused', reason: error.code };
  }
  if (error instanceof HttpException && error.getStatus() < 500) return { type: 'request.refused', reason: `http_${error.getStatus()}` };
  return undefined;
}
