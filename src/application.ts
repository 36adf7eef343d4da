import 'reflect-metadata';
import type { RequestListener, Server } from 'node:http';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { apiDescription } from './api-description.js';
import { AppModule } from './app.module.js';
import { dispatchingServer, type DispatchParts } from './oidc/dispatch.js';
import { InteractionErrors } from './oidc/interactions/interaction-errors.service.js';
import { ProtocolServer } from './oidc/protocol-server.service.js';
import { RequestGate } from './oidc/request-gate.service.js';
import type { Config } from './platform/config/config.js';
import { configureHttp, fastifyOptions, serverOptions } from './platform/http/configure-http.js';
import { openRequest } from './platform/http/open-request.js';
import { ProblemFilter } from './platform/http/problem.filter.js';
import { RequestObserver } from './platform/http/request-observer.js';
import { RouteTable } from './platform/http/route-table.js';
import { createValidationPipe } from './platform/http/validation.pipe.js';
import type { Log } from './platform/logging/log.js';
import { NestLog } from './platform/logging/nest-log.js';

/**
 * The whole server, ready to listen: `await app.listen(port, host)`. Databases are open, migrated and prepared when this
 * resolves. The caller closes it.
 *
 * @throws DomainError when the installation cannot be used, with one sentence that says what to do
 */
export async function createApplication(config: Config, log: Log): Promise<NestFastifyApplication> {
  // Filled in below, when the application is there; nobody listens before.
  const parts = {} as DispatchParts;
  const adapter = new FastifyAdapter({
    ...fastifyOptions,
    serverFactory: (rest: RequestListener) => Object.assign(dispatchingServer(parts, rest), serverOptions) as Server,
  });
  const app = await NestFactory.create<NestFastifyApplication>(AppModule.forRoot(config, log), adapter, { logger: new NestLog(log), abortOnError: false });
  app.useGlobalPipes(createValidationPipe());
  app.useGlobalFilters(new ProblemFilter(config, log, app.get(RouteTable), app.get(InteractionErrors)));
  configureHttp(app, apiDescription(config));
  const observer = app.get(RequestObserver);
  const gate = app.get(RequestGate);
  const protocol = app.get(ProtocolServer);
  Object.assign(parts, {
    config,
    openRequest: (request, response) => {
      const context = openRequest(request, response, config);
      observer.observe(request, response, context);
      return context;
    },
    admit: (request, response, context, target) => gate.admit(request, response, context, target),
    protocol: (request, response) => protocol.handle(request, response),
  } satisfies DispatchParts);
  await app.init();
  return app;
}
