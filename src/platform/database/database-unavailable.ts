/** SQLSTATE classes that say the server cannot serve now: connection exceptions, too little of something, being shut down. */
const PASSING_STATES = /^(08|53|57P0|57014|55P03|58)/;
const PASSING_SYSTEM_CODES = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH']);
/** node-postgres says these in words alone. */
const PASSING_MESSAGES = /timeout exceeded when trying to connect|Query read timeout|Connection terminated|pool after calling end|connection is closed|not queryable/i;

/** Does this error, or what it wraps, mean that the database cannot be asked at the moment? Then the answer is 503, not 500. */
export function isDatabaseUnavailable(error: unknown): boolean {
  for (let current = error; current instanceof Error; current = current.cause ?? (current as { driverError?: unknown }).driverError) {
    const { code } = current as { code?: unknown };
    if (typeof code === 'string' && (PASSING_STATES.test(code) || PASSING_SYSTEM_CODES.has(code))) return true;
    if (PASSING_MESSAGES.test(current.message)) return true;
    if (current instanceof AggregateError && current.errors.some(isDatabaseUnavailable)) return true;
  }
  return false;
}
