import type { IncomingMessage } from 'node:http';
import Provider from 'oidc-provider';
import type { AuditEvent } from '../modules/audit/audit-event.js';
import type { DecisionFacts } from '../modules/tokens/token-record.js';
import type { AccessTokenClaims } from '../modules/tokens/token-verifier.service.js';
import type { UnitOfWork } from './unit-of-work.js';

/** What our code keeps on one protocol request, reachable from the library's hooks. */
export interface RequestState {
  /** Writes of a grant in flight. */
  work?: UnitOfWork;
  /** The task of the tokens that this request issues. */
  taskId?: string;
  /** What the policies said of the access token that this request issues. */
  decision?: DecisionFacts;
  /** Did the agent that the person let act prove that it is there, with this request or when the refresh token was issued? */
  isActorProven?: boolean;
  /** An access token that was presented and verified as ours, and the one-request handle it goes by inside the library. */
  presented?: { readonly handle: string; readonly claims: AccessTokenClaims };
  /** RFC 7009 with our extension: mark what descends from the token as ended too. */
  revokeChildren?: boolean;
  /** Something else the library told of, for the record. */
  fact?: AuditEvent;
  /** What the library refused, for the record. */
  refusal?: { readonly event: string; readonly error: Error };
}

/** Kept on the request itself: a WeakMap with an entry for every request is work for each garbage collection. */
const STATE = Symbol('request state');

export function stateOf(request: IncomingMessage & { [STATE]?: RequestState }): RequestState {
  return request[STATE] ??= {};
}

/** The state of the request being served; undefined outside of one. */
export function currentState(): RequestState | undefined {
  return Provider.ctx && stateOf(Provider.ctx.req);
}
