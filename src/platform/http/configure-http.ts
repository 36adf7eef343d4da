import type { ServerOptions } from 'node:http';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyServerOptions } from 'fastify';
import { Config } from '../config/config.js';
import { Metrics } from '../metrics/metrics.js';
import { serveMetrics } from '../metrics/metrics-endpoint.js';
import { echoRequestIds } from './authzen-binding.js';
import { takeJsonAlone } from './body-types.js';
import { DOCUMENTATION_PATH } from './documentation-page.js';
import { requestIdOf } from './open-request.js';
import { serveOpenApi, type OpenApiOptions } from './openapi.js';
import { toProblem } from './problem.js';
import { writeProblem } from './problem.filter.js';
import { RouteTable } from './route-table.js';
import { documentationHeaders, securityHeaders } from './security-headers.js';

/** Largest body the REST API takes: every document it knows is far smaller. Bytes. */
export const BODY_LIMIT = 64 * 1024;

/** How long a connection may take, so that slow ones cannot hold the server; milliseconds. */
export const serverOptions: ServerOptions = {
  headersTimeout: 15_000,
  requestTimeout: 30_000,
  // Longer than common load balancers keep theirs (60 s): the side that closes first must not be the one that is still asked.
  keepAliveTimeout: 72_000,
};

/** Options of the Fastify instance. The proxy headers are ours to judge (`sourceAddress`), so Fastify believes none. */
export const fastifyOptions: FastifyServerOptions = {
  bodyLimit: BODY_LIMIT,
  trustProxy: false,
  requestIdHeader: false,
  routerOptions: { maxParamLength: 256 },
  // Refused by the router, before any hook or handler: the path cannot be read.
  frameworkErrors: (error, _request, reply) => {
    reply.raw.setHeader('x-content-type-options', 'nosniff');
    writeProblem(reply.raw, toProblem(error, requestIdOf(reply.raw), ''), reply);
  },
};

/**
 * Gives the REST application what all its routes share besides guard, validation and error filter: the bodies they take,
 * security headers, metrics, and the description of the API. Call it after `NestFactory.create` and before `init`, since it watches the routes being made.
 */
export function configureHttp(app: NestFastifyApplication, openApi?: OpenApiOptions): void {
  const config = app.get(Config);
  const server = app.getHttpAdapter().getInstance();
  const routes = app.get(RouteTable);
  server.addHook('onRoute', ({ method, url }) => routes.add(method, url));
  server.addHook('onRequest', (request, reply, done) => {
    const path = request.url.split('?', 1)[0]!;
    // Signing in from the page leads back to the issuer's name, which a page that was opened under another one could not follow.
    if (path === DOCUMENTATION_PATH && request.headers.host?.toLowerCase() !== config.issuerHost) {
      void reply.redirect(`${config.issuer}${DOCUMENTATION_PATH}`);
      return;
    }
    if (path === DOCUMENTATION_PATH || path.startsWith(`${DOCUMENTATION_PATH}/`)) void reply.headers(documentationHeaders(path, config));
    // Answers may hold tokens and personal data: nobody keeps them (RFC 6749 section 5.1).
    else void reply.header('cache-control', 'no-store');
    done();
  });
  takeJsonAlone(server);
  echoRequestIds(server);
  app.useSecurityHeaders(securityHeaders(config));
  serveMetrics(server, config, app.get(Metrics));
  serveOpenApi(app, config, openApi);
}
