import type { ServerResponse } from 'node:http';
import { errors } from 'oidc-provider';
import { DomainError } from '../kernel/domain-error.js';
import { isDatabaseUnavailable } from '../platform/database/database-unavailable.js';

/** Domain errors that go by a code of the standards are told by it (RFC 6749 section 5.2, RFC 8707 section 2, RFC 8693 section 2.2.2). */
const STANDARD_CODES = new Set(['access_denied', 'invalid_grant', 'invalid_request', 'invalid_scope', 'invalid_target', 'unauthorized_client']);

/**
 * The one table from our errors to those of OAuth (RFC 6749 section 5.2, and what refines it). REST has its own,
 * `platform/http/problem.filter.ts`.
 */
export function toWireError(error: unknown): unknown {
  if (error instanceof errors.OIDCProviderError) return error;
  if (isDatabaseUnavailable(error)) return unavailable('The database does not answer at the moment.', error);
  if (!(error instanceof DomainError)) return error;
  if (STANDARD_CODES.has(error.code)) return wireError(400, error.code, error.message, error);
  switch (error.kind) {
    case 'unavailable': return unavailable(error.message, error);
    case 'throttled': return wireError(429, 'slow_down', error.message, error);
    case 'unauthenticated': return describe(new errors.InvalidClientAuth({ cause: error }), error.message);
    case 'forbidden': case 'conflict': case 'not_found': return describe(new errors.InvalidGrant({ cause: error }), error.message);
    case 'invalid': case 'too_large': return new errors.InvalidRequest(error.message, undefined, { cause: error });
  }
}

function unavailable(description: string, cause: unknown) {
  return wireError(503, 'temporarily_unavailable', description, cause);
}

function describe(error: Error, description: string) {
  return Object.assign(error, { error_description: description });
}

function wireError(status: number, code: string, description: string, cause: unknown) {
  const error = new errors.OIDCProviderError(status, code);
  return Object.assign(error, { error_description: description, expose: true, cause });
}

/** Did the caller get this because of what they asked, rather than because of us? */
export function isRefusal(error: unknown): boolean {
  return error instanceof errors.OIDCProviderError && error.statusCode < 500;
}

/** Wraps a hook of the library so that what it throws reaches the client as the table says. */
export function onTheWire<Arguments extends unknown[], Result>(hook: (...args: Arguments) => Promise<Result>): (...args: Arguments) => Promise<Result> {
  return async (...args) => {
    try {
      return await hook(...args);
    } catch (error) {
      throw toWireError(error);
    }
  };
}

/** Answers with an error before the library has seen the request. */
export function writeWireError(response: ServerResponse, error: unknown): void {
  const known = toWireError(error);
  const { status, error: code, error_description: description } = known instanceof errors.OIDCProviderError
    ? known : { status: 500, error: 'server_error', error_description: 'The request could not be completed.' };
  const retryAfter = error instanceof DomainError && error.retryAfterSeconds !== undefined ? Math.max(1, Math.ceil(error.retryAfterSeconds)) : status === 503 ? 1 : undefined;
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store', ...(retryAfter !== undefined && { 'retry-after': String(retryAfter) }) });
  response.end(JSON.stringify({ error: code, error_description: description }));
}
