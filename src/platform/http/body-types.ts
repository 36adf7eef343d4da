import { RouteConfig } from '@nestjs/platform-fastify';
import { FORM_OR_JSON } from './problem.js';
import { errorCodes, type FastifyInstance, type FastifyRequest } from 'fastify';
import { bodyNotJson, isAuthzen } from './authzen-binding.js';

interface BodyTypes {
  readonly takesForm?: boolean;
}

/** For a route that a form of one of our own pages is sent to. Every other route takes JSON alone. */
export const TakesForm = () => RouteConfig({ takesForm: true } satisfies BodyTypes);

/**
 * Refuses bodies of other types with 415, although the framework could read them: a form of somebody else's page may be sent
 * here without asking (it needs no preflight), and text would reach validation as if it were a document.
 */
export function takeJsonAlone(server: FastifyInstance): void {
  server.addHook('onRequest', (request, _reply, done) => {
    if (!hasBody(request) || isTaken(request)) done();
    else done(isAuthzen(request) ? bodyNotJson() : refusal(request));
  });
}

function refusal(request: FastifyRequest): Error {
  const error = new errorCodes.FST_ERR_CTP_INVALID_MEDIA_TYPE();
  return takesForm(request) ? Object.assign(error, { code: FORM_OR_JSON }) : error;
}

function takesForm({ routeOptions }: FastifyRequest): boolean {
  return (routeOptions.config as BodyTypes).takesForm === true;
}

function hasBody({ headers }: FastifyRequest): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

function isTaken(request: FastifyRequest): boolean {
  const type = request.headers['content-type']?.split(';', 1)[0]!.trim().toLowerCase();
  return type === 'application/json' || (type === 'application/x-www-form-urlencoded' && takesForm(request));
}
