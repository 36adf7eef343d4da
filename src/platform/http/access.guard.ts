import type { ServerResponse } from 'node:http';
import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { uncovered } from '../../kernel/scope-set.js';
import { RequestLimits } from '../limits/request-limits.service.js';
import { ACCESS, type AccessRule } from './access.js';
import { accessUndeclared, insufficientScope, tokenRequired } from './access.errors.js';
import { CallerAuthenticator, type AuthenticatedRequest } from './caller-authenticator.js';
import type { Caller } from './caller.js';
import { RefusalRecorder } from './refusal-recorder.js';
import { noteClient, requestContext } from './request-context.js';

/** Stands before every REST route: finds out who calls, then holds the route's `@Access` rule against them. */
@Injectable()
export class AccessGuard implements CanActivate {
  constructor(
    private readonly reflector: Reflector,
    private readonly authenticator: CallerAuthenticator,
    private readonly refusals: RefusalRecorder,
    private readonly limits: RequestLimits,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const rule = this.reflector.get<AccessRule | undefined>(ACCESS, context.getHandler());
    const request = context.switchToHttp().getRequest<FastifyRequest & { user?: Caller }>();
    if (!rule) throw accessUndeclared(`${request.method} ${request.url}`);
    try {
      request.user = await this.callerOf(request, rule, context.switchToHttp().getResponse<FastifyReply>().raw);
    } catch (error) {
      await this.refusals.record(request.method, request.routeOptions.url ?? request.url, request.user, error);
      throw error;
    }
    return true;
  }

  private async callerOf(request: FastifyRequest & { user?: Caller }, rule: AccessRule, response: ServerResponse): Promise<Caller | undefined> {
    const caller = await this.identify(request, response);
    request.user = caller;
    if (caller) {
      noteClient(caller.clientId);
      await this.admit(caller, response);
    }
    if (rule.kind === 'public') return caller;
    if (!caller) throw tokenRequired();
    if (rule.kind === 'scopes') {
      const missing = uncovered(caller.scopes, rule.scopes);
      if (missing.length > 0) throw insufficientScope(rule.scopes);
    }
    return caller;
  }

  /** A token presented to a public route counts, and a bad one is refused there too: silence would hide a mistake. */
  private async identify({ method, url, headers }: FastifyRequest, response: ServerResponse): Promise<Caller | undefined> {
    const presented: AuthenticatedRequest = { method, path: url, headers };
    let caller: Caller | undefined;
    try {
      caller = await this.authenticator.authenticate(presented);
    } catch (error) {
      await this.admitUnproven(response);
      throw error;
    }
    if (!caller) await this.admitUnproven(response);
    return caller;
  }

  private async admit({ kind, subject, clientId, organizationId }: Caller, response: ServerResponse): Promise<void> {
    const context = requestContext();
    // People's requests are their own, and all others their client's, whoever they act for.
    if (context) await this.limits.admitCaller(context, { kind, id: kind === 'user' ? subject : clientId, organizationId }, response);
  }

  private async admitUnproven(response: ServerResponse): Promise<void> {
    const context = requestContext();
    if (context) await this.limits.admitUnproven(context, response);
  }
}
