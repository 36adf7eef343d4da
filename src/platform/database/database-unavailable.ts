import { QueryRunnerAlreadyReleasedError, QueryRunnerProviderAlreadyReleasedError } from 'typeorm';

/**
 * SQLSTATE classes that say the server cannot serve now: connection exceptions, a transaction that was rolled back for the
 * sake of another, too little of something, being shut down, being a standby.
 */
const PASSING_STATES = /^(08|25006|25P03|40|53|55P03|57014|57P0|58)/;
const PASSING_SYSTEM_CODES = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH']);
/** node-postgres says these in words alone. */
const PASSING_MESSAGES = /timeout exceeded when trying to connect|Connection terminated|pool after calling end|connection is closed|not queryable/i;
/** The connection of a transaction was lost between two of its statements, and TypeORM has let go of it. */
const LOST_BETWEEN_STATEMENTS = [QueryRunnerAlreadyReleasedError, QueryRunnerProviderAlreadyReleasedError];

/** Does this error, or what it wraps, mean that the database cannot be asked at the moment? Then the answer is 503, not 500. */
export function isDatabaseUnavailable(error: unknown): boolean {
  for (let current = error; current instanceof Error; current = current.cause ?? (current as { driverError?: unknown }).driverError) {
    const { code } = current as { code?: unknown };
    if (typeof code === 'string' && (PASSING_STATES.test(code) || PASSING_SYSTEM_CODES.has(code))) return true;
    if (PASSING_MESSAGES.test(current.message)) return true;
    if (LOST_BETWEEN_STATEMENTS.some((kind) => current instanceof kind)) return true;
    if (current instanceof AggregateError && current.errors.some(isDatabaseUnavailable)) return true;
  }
  return false;
}
