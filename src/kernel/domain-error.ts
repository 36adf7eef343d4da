import type { JsonValue } from './canonical-json.js';

/**
 * What went wrong, in the domain's own words. Two tables translate these and nothing else leaves the server:
 * `platform/http/problem.filter.ts` (RFC 9457) and `oidc/wire-errors.ts` (RFC 6749 section 5.2).
 */
export type ErrorKind =
  | 'invalid' // the request can never work as it stands
  | 'unauthenticated' // we do not know who asks
  | 'forbidden' // we know, and they may not
  | 'not_found' // it does not exist, or they may not even see it
  | 'conflict' // it clashes with what is there now
  | 'too_large'
  | 'throttled' // too many; see retryAfterSeconds
  | 'unavailable'; // we cannot answer now; see retryAfterSeconds

/** What the audit event of a refusal by the policies says beside the code: which of them decided, and what they were asked, so that it can be asked again. */
export type RefusalRecord = Readonly<Record<'decision' | 'asked', JsonValue>>;

export interface DomainErrorOptions {
  /** Extra members of the public answer, e.g. which fields were wrong. Never secrets. */
  details?: Record<string, unknown>;
  /** For the audit event of the refusal. Never sent. */
  record?: RefusalRecord;
  /** Seconds until trying again is worthwhile. */
  retryAfterSeconds?: number;
  /** The private reason: logged, never sent. */
  cause?: unknown;
}

export class DomainError extends Error {
  readonly details?: Record<string, unknown>;
  readonly record?: RefusalRecord;
  readonly retryAfterSeconds?: number;

  /**
   * @param code stable, snake_case, documented in the error catalogue
   * @param message one clear public sentence
   */
  constructor(readonly kind: ErrorKind, readonly code: string, message: string, options: DomainErrorOptions = {}) {
    super(message, { cause: options.cause });
    this.name = 'DomainError';
    this.details = options.details;
    this.record = options.record;
    this.retryAfterSeconds = options.retryAfterSeconds;
  }
}

/** Text of a caller's own for a sentence: bounded, and free of what could break a line or a log. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > 200 ? `${text.slice(0, 200)}…` : text);
}
