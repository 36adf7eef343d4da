import type { IncomingMessage, ServerResponse } from 'node:http';
import { Injectable } from '@nestjs/common';
import { Config } from '../config/config.js';
import { Log } from '../logging/log.js';
import { Metrics } from '../metrics/metrics.js';
import type { RequestContext } from './request-context.js';
import { routeClass } from './route-class.js';

const LONGEST_PATH = 256;
/** A sign-in under way: its name in the address is also its cookie. */
const SIGN_IN = /^(\/api\/oauth\/(?:interaction|authorize)\/)[^/]+/i;
/** What a client that hung up before the answer is recorded with; nginx's number for it. */
const CLIENT_CLOSED_REQUEST = 499;

/**
 * The access log and the request metrics, for protocol and REST alike: one line and one observation for each request, when
 * its answer has ended. The line says method, path (without its query, and without what a cookie says as well), status,
 * milliseconds, source and, when known, the client: at info, or at warn when the server failed.
 */
@Injectable()
export class RequestObserver {
  constructor(private readonly config: Config, private readonly log: Log, private readonly metrics: Metrics) {}

  /** Call it once for each request, before anything answers it. */
  observe(request: IncomingMessage, response: ServerResponse, context: RequestContext): void {
    const started = performance.now();
    const { method = '', url = '/' } = request;
    const query = url.indexOf('?');
    const path = query < 0 ? url : url.slice(0, query);
    response.once('close', () => {
      const milliseconds = performance.now() - started;
      // A stream of events has no end but that somebody hangs up, and takes as long as they care to listen.
      const isStream = String(response.getHeader('content-type')).startsWith('text/event-stream');
      const status = response.writableFinished || isStream ? response.statusCode : CLIENT_CLOSED_REQUEST;
      const route = routeClass(path);
      if (!isStream) this.metrics.requestAnswered(route, method, status, milliseconds / 1000);
      this.write(route, method, path, status, milliseconds, context);
    });
  }

  private write(route: string, method: string, path: string, status: number, milliseconds: number, context: RequestContext): void {
    const { accessLog } = this.config;
    if (accessLog === 'off' || (accessLog === 'errors' && status < 400)) return;
    const level = levelOf(route, status);
    if (!this.log.isLevelEnabled(level)) return;
    this.log.flat(level, {
      method, path: shown(path), status,
      duration_ms: Math.round(milliseconds * 10) / 10, source: context.ip, request_id: context.requestId, client_id: context.clientId,
    }, 'request');
  }
}

function shown(path: string): string {
  const safe = path.replace(SIGN_IN, '$1…');
  return safe.length > LONGEST_PATH ? `${safe.slice(0, LONGEST_PATH)}…` : safe;
}

function levelOf(route: string, status: number): 'warn' | 'info' | 'debug' {
  if (status >= 500) return 'warn';
  // A probe every few seconds that finds all well is no news.
  return route === 'probe' && status < 400 ? 'debug' : 'info';
}
