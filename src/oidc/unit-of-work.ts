import type { AuditEvent } from '../modules/audit/audit-event.js';
import type { LedgerRow } from '../modules/tokens/token-ledger.service.js';

/**
 * What one token request is about to change. The library's grant handlers consume the code or refresh token, save the next
 * one and then the access token, each on its own; a crash in between would lose the grant. So while a grant runs its
 * writes only gather here, and `AtomicGrants` commits them in one transaction before the response leaves.
 */
export interface UnitOfWork {
  /** For how long a used refresh token is not stolen but sent again. Seconds. */
  readonly replayWindowSeconds: number;
  readonly consumed: { model: string; id: string }[];
  readonly saved: { model: string; id: string; payload: Record<string, unknown>; ttlSeconds: number }[];
  readonly issued: { row?: LedgerRow; event: AuditEvent }[];
}

/** A single-use object that another request had first. */
export class UsedBefore extends Error {}

export function newUnitOfWork(replayWindowSeconds: number): UnitOfWork {
  return { replayWindowSeconds, consumed: [], saved: [], issued: [] };
}
