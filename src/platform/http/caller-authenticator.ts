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

  /**
   * Who calls with these credentials now, of a request that was authenticated when it began and is still being answered. Proof of
   * possession was given then.
   *
   * @param authorization its header
   * @returns undefined when they are no longer good
   */
  abstract authenticateAgain(authorization: string): Promise<Caller | undefined>;
}
