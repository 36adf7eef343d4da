import type { ServerResponse } from 'node:http';
import { Catch, NotFoundException, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Config } from '../config/config.js';
import { Log } from '../logging/log.js';
import { Sparingly } from '../logging/sparingly.js';
import { isAuthzen, writeSentence } from './authzen-binding.js';
import type { ErrorPages } from './error-pages.js';
import { requestIdOf } from './open-request.js';
import { toProblem, type ProblemAnswer } from './problem.js';
import { RouteTable } from './route-table.js';

const ONE_WARNING_PER_MS = 10_000;

/**
 * Answers every error of the REST API with problem details, and with a page where people are. Defects are logged with their stack and never described to the
 * caller; what we depend on is logged sparingly, since while it is down every request says so.
 */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  private readonly outages = new Sparingly(ONE_WARNING_PER_MS);

  constructor(private readonly config: Config, private readonly log: Log, private readonly routes: RouteTable, private readonly pages?: ErrorPages) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const response = host.switchToHttp().getResponse<FastifyReply | ServerResponse>();
    const request = host.switchToHttp().getRequest<FastifyRequest>();
    const [raw, reply] = 'raw' in response ? [response.raw, response] : [response];
    const requestId = requestIdOf(raw);
    const answer = this.answerTo(error, request, requestId);
    this.record(error, answer, requestId);
    const page = reply && this.pages?.pageFor(pathOf(request), answer.body);
    if (raw.headersSent) raw.destroy();
    else if (page) void reply.code(answer.body.status).headers({ ...answer.headers, ...page.headers }).send(page.html);
    else if (reply && isAuthzen(request)) writeSentence(reply, answer);
    else writeProblem(raw, answer, reply);
  }

  private answerTo(error: unknown, request: FastifyRequest, requestId: string | undefined): ProblemAnswer {
    const answer = toProblem(error, requestId, this.config.issuer);
    if (!(error instanceof NotFoundException)) return answer;
    const methods = this.routes.methodsAt(pathOf(request));
    if (methods.length === 0) return answer;
    return {
      ...answer,
      body: { ...answer.body, title: 'Method Not Allowed', status: 405, code: 'method_not_allowed', detail: `This address takes ${methods.join(', ')}.` },
      headers: { ...answer.headers, allow: methods.join(', ') },
    };
  }

  private record(error: unknown, { body, fault }: ProblemAnswer, requestId: string | undefined): void {
    if (fault === 'defect') this.log.error({ err: error, request_id: requestId }, 'a request failed because of a defect');
    else if (fault === 'dependency') {
      const unsaid = this.outages.admit();
      if (unsaid !== undefined) this.log.warn({ err: error, error_code: body.code, request_id: requestId, more_since_last: unsaid }, 'requests are refused because something is not available');
    } else this.log.debug({ err: error, error_code: body.code, request_id: requestId }, 'a request was refused');
  }
}

function pathOf({ url }: FastifyRequest): string {
  return url.split('?', 1)[0]!;
}

/**
 * Sends problem details: through the reply of the framework, or, where no framework is involved, directly.
 */
export function writeProblem(response: ServerResponse, { body, headers }: ProblemAnswer, reply?: FastifyReply): void {
  const text = JSON.stringify(body);
  if (reply) {
    // Of text the framework would say that it is UTF-8, which this media type, being JSON, has no parameter for.
    void reply.code(body.status).headers({ ...headers }).send(Buffer.from(text));
    return;
  }
  response.writeHead(body.status, { ...headers, 'content-length': Buffer.byteLength(text) });
  response.end(response.req.method === 'HEAD' ? undefined : text);
}
