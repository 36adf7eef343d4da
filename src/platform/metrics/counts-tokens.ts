import { applyDecorators, Injectable, UseInterceptors, type CallHandler, type ExecutionContext, type NestInterceptor } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyRequest } from 'fastify';
import { tap, type Observable } from 'rxjs';
import { toProblem } from '../http/problem.js';
import { Metrics, type TokenGrant } from './metrics.js';

/** Under which grant a request counts, from its body as it was sent: what is refused because of its body counts too. */
type GrantOf = (body: unknown) => TokenGrant;

const Grant = Reflector.createDecorator<TokenGrant | GrantOf>();

@Injectable()
class TokenCounting implements NestInterceptor {
  constructor(private readonly reflector: Reflector, private readonly metrics: Metrics) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const grant = this.reflector.get(Grant, context.getHandler());
    const name = typeof grant === 'function' ? grant(context.switchToHttp().getRequest<FastifyRequest>().body) : grant;
    return next.handle().pipe(tap({
      next: () => this.metrics.tokenDecided(name, 'issued'),
      error: (error: unknown) => this.metrics.tokenDecided(name, toProblem(error, undefined, '').fault === 'caller' ? 'refused' : 'failed'),
    }));
  }
}

/**
 * For routes of the REST API that hand out tokens: counts what they decide, as `oidc/token-metrics.ts` counts for the token
 * endpoint. Whom the access guard turns away has not asked for a token yet.
 */
export const CountsTokens = (grant: TokenGrant | GrantOf) => applyDecorators(Grant(grant), UseInterceptors(TokenCounting));
