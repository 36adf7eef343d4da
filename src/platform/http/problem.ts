import { STATUS_CODES } from 'node:http';
import { HttpException } from '@nestjs/common';
import { DomainError, type ErrorKind } from '../../kernel/domain-error.js';
import { isDatabaseUnavailable } from '../database/database-unavailable.js';
import type { Challenge } from './access.errors.js';
import { DPOP_ALGORITHMS } from './dpop-algorithms.js';

/** Problem details (RFC 9457) with a stable `code`; further members as the error gives them. */
export interface Problem {
  readonly type: 'about:blank';
  /** The status in words, as RFC 9457 section 4.2.1 asks for `about:blank`. */
  readonly title: string;
  readonly status: number;
  /** One sentence for people. */
  readonly detail: string;
  /** For programs: stable, snake_case, documented in the error catalogue. */
  readonly code: string;
  /** The request's id, as in the `x-request-id` header. */
  readonly instance?: string;
  /** What is wrong with which field. */
  readonly errors?: readonly FieldProblem[];
  readonly [member: string]: unknown;
}

export interface FieldProblem {
  /** Path of the field, `scopes.0` for the first of a list. */
  readonly field: string;
  readonly message: string;
}

export interface ProblemAnswer {
  readonly body: Problem;
  readonly headers: Readonly<Record<string, string>>;
  /** Whose doing it was: the caller's, something we depend on, or a defect. */
  readonly fault: 'caller' | 'dependency' | 'defect';
}

export const STATUS_OF_KIND: Readonly<Record<ErrorKind, number>> = {
  invalid: 400, unauthenticated: 401, forbidden: 403, not_found: 404, conflict: 409, too_large: 413, throttled: 429, unavailable: 503,
};
const DEFAULT_RETRY_AFTER_SECONDS = 5;

/** Our own code, in place of the framework's, for a body that is neither of two. */
export const FORM_OR_JSON = 'FORM_OR_JSON';

/** What the framework refuses before our code sees it, by its own code where it has one, else by status. */
export const FRAMEWORK_PROBLEMS: Readonly<Record<string, readonly [code: string, detail: string]>> = {
  FST_ERR_CTP_INVALID_JSON_BODY: ['invalid_json', 'The body is not valid JSON.'],
  FST_ERR_CTP_EMPTY_JSON_BODY: ['empty_body', 'The body is empty, but its Content-Type says that it is JSON.'],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: ['invalid_content_length', 'The body is not as long as its Content-Length says.'],
  ECONNRESET: ['request_aborted', 'The connection ended before the whole request had arrived.'],
  [FORM_OR_JSON]: ['unsupported_media_type', 'The body must be JSON or a form, with the Content-Type application/json or application/x-www-form-urlencoded.'],
  FST_ERR_BAD_URL: ['invalid_path', 'The path is not validly percent-encoded.'],
  400: ['invalid_request', 'The request cannot be understood.'],
  404: ['route_not_found', 'There is nothing at this address.'],
  405: ['method_not_allowed', 'This address does not take this method.'],
  408: ['request_timeout', 'The request took too long to arrive.'],
  413: ['body_too_large', 'The body is larger than this server takes.'],
  414: ['path_too_long', 'The path, or a part of it, is longer than this server takes.'],
  415: ['unsupported_media_type', 'The body must be JSON, with the Content-Type application/json.'],
};

/** What is nobody's fault who asked. */
export const OWN_PROBLEMS = {
  database: { code: 'database_unavailable', status: 503, detail: 'The database does not answer at the moment; try again shortly.' },
  defect: { code: 'internal_error', status: 500, detail: 'Something went wrong on our side; quote the id of this request when you report it.' },
} as const;

/**
 * The one table from errors to problem details: nothing else leaves the REST API. OAuth has its own, `oidc/wire-errors.ts`.
 *
 * @param requestId named in the answer, so that people can quote it
 * @param realm the issuer, for `WWW-Authenticate`
 */
export function toProblem(error: unknown, requestId: string | undefined, realm: string): ProblemAnswer {
  if (error instanceof DomainError) return domainProblem(error, requestId, realm);
  // Asked first: a caller who hangs up in the middle of a request leaves the same system error as a database that does.
  const status = error instanceof HttpException ? error.getStatus() : statusOfFrameworkError(error);
  if (status !== undefined && status >= 400 && status < 500) return frameworkProblem(error as Error, status, requestId, realm);
  if (isDatabaseUnavailable(error)) {
    const { status: unavailable, code, detail } = OWN_PROBLEMS.database;
    return answer(unavailable, code, detail, requestId, 'dependency', { 'retry-after': String(DEFAULT_RETRY_AFTER_SECONDS) });
  }
  const { defect } = OWN_PROBLEMS;
  return answer(defect.status, defect.code, defect.detail, requestId, 'defect');
}

function domainProblem(error: DomainError, requestId: string | undefined, realm: string): ProblemAnswer {
  const status = STATUS_OF_KIND[error.kind];
  const { challenge, ...members } = error.details ?? {};
  const headers: Record<string, string> = {};
  if (error.kind === 'throttled' || error.kind === 'unavailable' || error.retryAfterSeconds !== undefined) {
    headers['retry-after'] = String(Math.max(1, Math.ceil(error.retryAfterSeconds ?? DEFAULT_RETRY_AFTER_SECONDS)));
  }
  // RFC 9110 section 15.5.2: every 401 names a scheme, also where none was tried.
  if (error.kind === 'unauthenticated' || challenge) headers['www-authenticate'] = renderChallenge(challenge as Challenge | undefined, error.message, realm);
  return answer(status, error.code, error.message, requestId, error.kind === 'unavailable' ? 'dependency' : 'caller', headers, members);
}

/** RFC 6750 section 3; for DPoP, RFC 9449 section 7.1. */
function renderChallenge(challenge: Challenge | undefined, description: string, realm: string): string {
  const parameters = [`realm="${quoted(realm)}"`];
  if (challenge?.error) parameters.push(`error="${quoted(challenge.error)}"`, `error_description="${quoted(description)}"`);
  if (challenge?.scope) parameters.push(`scope="${quoted(challenge.scope)}"`);
  if (challenge?.scheme === 'DPoP') parameters.push(`algs="${DPOP_ALGORITHMS.join(' ')}"`);
  return `${challenge?.scheme ?? 'Bearer'} ${parameters.join(', ')}`;
}

/** What RFC 6750 allows in these parameters: printable ASCII without quotes and backslashes. */
function quoted(text: string): string {
  return text.replace(/["\\]/g, "'").replace(/[^\x20-\x7e]/g, '?');
}

function statusOfFrameworkError(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('statusCode' in error)) return undefined;
  return typeof error.statusCode === 'number' ? error.statusCode : undefined;
}

function frameworkProblem(error: Error, status: number, requestId: string | undefined, realm: string): ProblemAnswer {
  const own = (error as { code?: unknown }).code ?? (error.cause as { code?: unknown } | undefined)?.code;
  const known = (typeof own === 'string' ? FRAMEWORK_PROBLEMS[own] : undefined) ?? FRAMEWORK_PROBLEMS[String(status)];
  const [code, detail] = known ?? [`http_${status}`, `${STATUS_CODES[status] ?? 'The request was refused'}.`];
  return answer(status, code, detail, requestId, 'caller', status === 401 ? { 'www-authenticate': renderChallenge(undefined, detail, realm) } : {});
}

function answer(
  status: number, code: string, detail: string, requestId: string | undefined, fault: ProblemAnswer['fault'],
  headers: Readonly<Record<string, string>> = {}, members: Readonly<Record<string, unknown>> = {},
): ProblemAnswer {
  return {
    body: { ...members, type: 'about:blank', title: STATUS_CODES[status] ?? 'Error', status, detail, code, ...(requestId === undefined ? {} : { instance: requestId }) },
    headers: { 'content-type': 'application/problem+json', 'cache-control': 'no-store', ...headers },
    fault,
  };
}
