import { applyDecorators } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import { ApiResponse } from '@nestjs/swagger';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { DomainError } from '../../kernel/domain-error.js';
import type { ProblemAnswer } from './problem.js';

/**
 * The HTTPS binding of OpenID AuthZEN Authorization API 1.0, where it differs from our own API: whoever enforces decisions names
 * the request and gets the name back, a body that is not JSON is a bad request, and what goes wrong is told in a sentence.
 */
interface AuthzenRoute {
  readonly isAuthzen?: boolean;
}

/** For routes of AuthZEN. Those that need a token say so with `isGuarded`, for the description of the API. */
export function AuthzenBinding({ isGuarded = true } = {}): MethodDecorator {
  const sentence = (status: number | 'default', description: string) => ApiResponse({ status, description, content: { 'text/plain': { schema: { type: 'string' } } } });
  const refusals = isGuarded ? [sentence(400, 'The request is not valid.'), sentence(401, 'No access token, or one that is not valid here or no longer.'), sentence(403, 'The access token lacks decisions:evaluate.')] : [];
  return applyDecorators(RouteConfig({ isAuthzen: true } satisfies AuthzenRoute), ...refusals, sentence('default', 'Anything else that went wrong.'));
}

export function isAuthzen({ routeOptions }: Pick<FastifyRequest, 'routeOptions'>): boolean {
  return (routeOptions?.config as AuthzenRoute | undefined)?.isAuthzen === true;
}

export const bodyNotJson = () =>
  new DomainError('invalid', 'body_not_json', 'The body must be JSON, with the Content-Type application/json.');

/** Any text, says the standard; what no header should carry back is not among it, and neither is a page of it. */
const ECHOED = /^[\x20-\x7E]{1,256}$/;

/**
 * Gives the name of a request back that its sender gave it. Only in the answer: logs and the audit log go by our own, which no
 * two requests share.
 */
export function echoRequestIds(server: FastifyInstance): void {
  server.addHook('onSend', (request, reply, payload, done) => {
    const given = request.headers['x-request-id'];
    if (isAuthzen(request) && typeof given === 'string' && ECHOED.test(given)) reply.header('x-request-id', given);
    done(null, payload);
  });
}

/** An error as the standard has it: the status, and a sentence. */
export function writeSentence(reply: FastifyReply, { body, headers }: ProblemAnswer): void {
  void reply.code(body.status).headers({ ...headers, 'content-type': 'text/plain; charset=utf-8' }).send(body.detail);
}
