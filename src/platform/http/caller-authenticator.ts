import type { IncomingHttpHeaders } from 'node:http';
import type { Caller } from './caller.js';

export interface AuthenticatedRequest {
  readonly method: string;
  /** Path and query as received. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
}

/** Establishes who calls from the credentials of a request. The domain provides it; the guard asks it. */
export abstract class CallerAuthenticator {
  /**
   * @returns undefined when the request carries no credentials
   * @throws DomainError `invalid_token`, `invalid_dpop_proof` when it carries bad ones
   */
  abstract authenticate(request: AuthenticatedRequest): Promise<Caller | undefined>;
}
