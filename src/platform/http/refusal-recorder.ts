import type { Caller } from './caller.js';

/** Puts a refusal on record. The domain provides it; the guard and the error filter call it. */
export abstract class RefusalRecorder {
  /** @throws DomainError `audit_unavailable` when the refusal cannot be recorded; the request then ends with 503. */
  abstract record(method: string, route: string, caller: Caller | undefined, error: unknown): Promise<void>;
}
