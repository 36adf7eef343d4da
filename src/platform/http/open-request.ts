import type { IncomingMessage, ServerResponse } from 'node:http';
import { newId, type Id } from '../../kernel/ids.js';
import type { Config } from '../config/config.js';
import type { RequestContext } from './request-context.js';
import { sourceAddress } from './source-address.js';

const REQUEST_ID_HEADER = 'x-request-id';
/** Wide enough for UUIDs and the ids that common proxies make; narrow enough for a log line and a header. */
const SANE_REQUEST_ID = /^[A-Za-z0-9_.:=/+-]{8,128}$/;
const LONGEST_USER_AGENT = 300;

/**
 * Establishes what is known of a request before anything is done with it, and names it in the answer's `x-request-id`.
 * A name that is already there is kept only when a trusted proxy stands in front, which then vouches for it.
 */
export function openRequest(request: IncomingMessage, response: ServerResponse, config: Pick<Config, 'trustedProxies'>): RequestContext {
  const given = config.trustedProxies > 0 ? request.headers[REQUEST_ID_HEADER] : undefined;
  const requestId = typeof given === 'string' && SANE_REQUEST_ID.test(given) ? given : newId<Id<'request'>>();
  response.setHeader(REQUEST_ID_HEADER, requestId);
  return {
    requestId,
    ip: sourceAddress(request, config.trustedProxies),
    userAgent: request.headers['user-agent']?.slice(0, LONGEST_USER_AGENT),
  };
}

/** The name of the request that this response answers, wherever the code stands. */
export function requestIdOf(response: Pick<ServerResponse, 'getHeader'>): string | undefined {
  const id = response.getHeader(REQUEST_ID_HEADER);
  return typeof id === 'string' ? id : undefined;
}
