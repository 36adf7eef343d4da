import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyRequest } from 'fastify';
import { uncovered } from '../../kernel/scope-set.js';
import { ACCESS, type AccessRule } from './access.js';
import { accessUndeclared, insufficientScope, tokenRequired } from './access.errors.js';
import { CallerAuthenticator, type AuthenticatedRequest } from './caller-authenticator.js';
import type { Caller } from './caller.js';
import { RefusalRecorder } from './refusal-recorder.js';
import { noteClient } from './request-context.js';

/** Stands before every REST route: finds out who calls, then holds the route's `@Access` rule against them. */
@Injectable()
export class AccessGuard implements CanActivate {
  constructor(
    private readonly reflector: Reflector,
    private readonly authenticator: CallerAuthenticator,
    private readonly refusals: RefusalRecorder,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const rule = this.reflector.get<AccessRule | undefined>(ACCESS, context.getHandler());
    const request = context.switchToHttp().getRequest<FastifyRequest & { user?: Caller }>();
    if (!rule) throw accessUndeclared(`${request.method} ${request.url}`);
    try {
      request.user = await this.callerOf(request, rule);
    } catch (error) {
      await this.refusals.record(request.method, request.routeOptions.url ?? request.url, request.user, error);
      throw error;
    }
    return true;
  }

  private async callerOf(request: FastifyRequest & { user?: Caller }, rule: AccessRule): Promise<Caller | undefined> {
    const presented: AuthenticatedRequest = { method: request.method, path: request.url, headers: request.headers };
    // A token presented to a public route counts, and a bad one is refused there too: silence would hide a mistake.
    const caller = await this.authenticator.authenticate(presented);
    request.user = caller;
    if (caller) noteClient(caller.clientId);
    if (rule.kind === 'public') return caller;
    if (!caller) throw tokenRequired();
    if (rule.kind === 'scopes') {
      const missing = uncovered(caller.scopes, rule.scopes);
      if (missing.length > 0) throw insufficientScope(rule.scopes);
    }
    return caller;
  }
}
