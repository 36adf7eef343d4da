import type { PollRequest } from './signal-poll.service.js';
import { invalidSetErrors } from './signals.errors.js';

const MOST = 1000;
const LONGEST_CODE = 64;

/**
 * What a receiver says of tokens that it does not take: `{"<jti>": {"err": "…", "description": "…"}}` (RFC 8936 section 2.2).
 * @throws DomainError `invalid_set_errors`
 */
export function setErrorsIn(given: object | undefined): NonNullable<PollRequest['setErrs']> {
  const entries = Object.entries(given ?? {}) as [string, unknown][];
  if (entries.length > MOST) throw invalidSetErrors();
  return Object.fromEntries(entries.map(([jti, error]) => {
    if (typeof error !== 'object' || error === null) throw invalidSetErrors();
    const { err, description } = error as Record<string, unknown>;
    if (typeof err !== 'string' || err === '' || err.length > LONGEST_CODE || (description !== undefined && typeof description !== 'string')) throw invalidSetErrors();
    return [jti, { err, ...(description !== undefined && { description }) }];
  }));
}
