import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { DomainError } from '../../kernel/domain-error.js';
import type { Config } from '../config/config.js';
import { sourceAddress } from '../http/source-address.js';
import type { Metrics } from './metrics.js';

/** Headers that a proxy leaves on what it passes on. */
const PROXY_TRACES = ['x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'forwarded', 'x-real-ip', 'via'] as const;

const metricsNotExposed = () =>
  new DomainError('forbidden', 'metrics_not_exposed', 'Metrics are read on this machine alone; LEGATE_METRICS_TOKEN opens them to whoever holds that token.');

const metricsTokenRequired = () =>
  new DomainError('unauthenticated', 'metrics_token_required', 'Send the metrics token as a Bearer token in the Authorization header.');

/**
 * `GET /metrics`, for machines that watch this one. With LEGATE_METRICS_TOKEN set, whoever sends it as a Bearer token; without
 * it, only a caller on this machine that did not come through a proxy.
 *
 * It is a route of the framework below Nest, because the access guard takes any Bearer token for an access token.
 */
export function serveMetrics(server: FastifyInstance, config: Pick<Config, 'metricsToken' | 'trustedProxies'>, metrics: Metrics): void {
  server.get('/metrics', async (request, reply) => {
    if (config.metricsToken === undefined) {
      if (!isFromThisMachine(request.raw, config.trustedProxies)) throw metricsNotExposed();
    } else if (!isSame(request.headers.authorization ?? '', `Bearer ${config.metricsToken}`)) throw metricsTokenRequired();
    return reply.header('content-type', metrics.contentType).send(await metrics.render());
  });
}

function isFromThisMachine(request: IncomingMessage, trustedProxies: number): boolean {
  const isLoopback = (address: string) => address === '::1' || address.startsWith('127.');
  return isLoopback(sourceAddress(request, 0)) && isLoopback(sourceAddress(request, trustedProxies)) && PROXY_TRACES.every((header) => request.headers[header] === undefined);
}

/** Compares in constant time, whatever the lengths. */
function isSame(given: string, wanted: string): boolean {
  return timingSafeEqual(createHash('sha256').update(given).digest(), createHash('sha256').update(wanted).digest());
}
