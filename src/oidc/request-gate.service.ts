import type { IncomingMessage, ServerResponse } from 'node:http';
import { Injectable } from '@nestjs/common';
import { KnownDevices } from '../modules/users/known-devices.service.js';
import { Config } from '../platform/config/config.js';
import { toProblem } from '../platform/http/problem.js';
import { writeProblem } from '../platform/http/problem.filter.js';
import type { RequestContext } from '../platform/http/request-context.js';
import { STRICT_TRANSPORT } from '../platform/http/security-headers.js';
import { endpointClass } from '../platform/limits/endpoint-class.js';
import { serverBusy } from '../platform/limits/rate-limits.errors.js';
import { RequestLimits } from '../platform/limits/request-limits.service.js';
import { newNonce, pageHeaders } from './pages/page-headers.js';
import { Pages } from './pages/pages.js';
import { PROTOCOL_ROUTES, type ProtocolTarget } from './protocol-routes.js';
import { writeWireError } from './wire-errors.js';

/** Behind these the fast path takes a client's secret, or refuses. */
const CHEAP_PROOF = new Set<string>([PROTOCOL_ROUTES.token, PROTOCOL_ROUTES.introspection]);
/**
 * Requests that a node answers at the same time, those among them that wait for news. It is as many as it takes to be busy several
 * times over; with each one more everybody would wait for longer, and nothing be done sooner.
 */
const MOST_AT_ONCE = 1000;
/** What the access guard stands before, or there is nothing. */
const GUARDED = /^\/(api|access)\/(?!docs|openapi)/;

/**
 * Refuses at once what is more than a node can answer. Counts every other request for its source before anything else is done with
 * it, and answers those of a source that has nothing left.
 * Three kinds of those go on, because somebody in there may be able to prove cheaply that they are not the one to be kept out:
 * a token or introspection request (by a client's secret), a REST request with an access token, and pages for a browser
 * with which somebody signed in before, which then counts for itself. Whoever looks at the first two refuses what proves nothing.
 */
@Injectable()
export class RequestGate {
  private underWay = 0;

  constructor(
    private readonly limits: RequestLimits,
    private readonly devices: KnownDevices,
    private readonly pages: Pages,
    private readonly config: Config,
  ) {}

  /** Does the request go on? Otherwise it is answered. */
  admit(request: IncomingMessage, response: ServerResponse, context: RequestContext, target: ProtocolTarget | undefined): boolean {
    const path = target?.path ?? pathOf(request);
    const kind = endpointClass(request.method!, path);
    if (kind === undefined) return true;
    if (!this.begin(response)) {
      context.endpointClass = kind;
      this.answer(request, response, context, target, serverBusy());
      return false;
    }
    const isAdmitted = this.limits.admitSource(context, kind) || this.mayProveItself(request, context, target, path);
    if (isAdmitted && kind === 'pages') this.limits.tellSource(context, response);
    if (!isAdmitted) void this.refuse(request, response, context, target).catch(() => { response.destroy(); });
    return isAdmitted;
  }

  private begin(response: ServerResponse): boolean {
    if (this.underWay >= MOST_AT_ONCE) return false;
    this.underWay += 1;
    response.once('close', () => { this.underWay -= 1; });
    return true;
  }

  /** Answers a request whose source has nothing left. */
  async refuse(request: IncomingMessage, response: ServerResponse, context: RequestContext, target: Pick<ProtocolTarget, 'isBackChannel'> | undefined): Promise<void> {
    this.limits.tellSource(context, response);
    const error = await this.limits.sourceRefusal(context).catch((unrecorded: unknown) => unrecorded);
    this.answer(request, response, context, target, error);
  }

  private answer(request: IncomingMessage, response: ServerResponse, context: RequestContext, target: Pick<ProtocolTarget, 'isBackChannel'> | undefined, error: unknown): void {
    if (target?.isBackChannel) {
      writeWireError(response, error);
      return;
    }
    if (this.config.issuerScheme === 'https') response.setHeader('strict-transport-security', STRICT_TRANSPORT);
    const answer = toProblem(error, context.requestId, this.config.issuer);
    if (context.endpointClass === 'pages') {
      const nonce = newNonce();
      const { status, code, detail } = answer.body;
      const html = this.pages.error(nonce, { title: 'This cannot go on now', message: status === 429 ? 'Too many requests came from where you are. Try again in a moment.' : detail, code, requestId: context.requestId });
      response.writeHead(status, { ...answer.headers, ...pageHeaders(nonce), 'content-length': Buffer.byteLength(html) });
      response.end(request.method === 'HEAD' ? undefined : html);
    } else if (pathOf(request).startsWith('/access/')) {
      response.writeHead(answer.body.status, { ...answer.headers, 'content-type': 'text/plain; charset=utf-8' });
      response.end(answer.body.detail);
    } else writeProblem(response, answer);
  }

  private mayProveItself({ method, headers }: IncomingMessage, context: RequestContext, target: ProtocolTarget | undefined, path: string): boolean {
    if (context.endpointClass === 'pages') {
      const accountId = this.devices.lastPerson(headers.cookie);
      return accountId !== undefined && this.limits.admitSource(context, 'pages', `device:${accountId}`);
    }
    if (target) return method === 'POST' && CHEAP_PROOF.has(path);
    return headers.authorization !== undefined && GUARDED.test(path);
  }
}

function pathOf({ url = '/' }: IncomingMessage): string {
  const query = url.indexOf('?');
  return query === -1 ? url : url.slice(0, query);
}
