import { Injectable, type CallHandler, type ExecutionContext, type NestInterceptor } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { catchError, from, mergeMap, throwError, type Observable } from 'rxjs';
import type { Caller } from './caller.js';
import { RefusalRecorder } from './refusal-recorder.js';

/** Puts what validation or a service refuses on record before the answer leaves. The guard records its own refusals. */
@Injectable()
export class RefusalInterceptor implements NestInterceptor {
  constructor(private readonly refusals: RefusalRecorder) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const request = context.switchToHttp().getRequest<FastifyRequest & { user?: Caller }>();
    return next.handle().pipe(catchError((error: unknown) =>
      from(this.refusals.record(request.method, request.routeOptions.url ?? request.url, request.user, error))
        .pipe(mergeMap(() => throwError(() => error)))));
  }
}
