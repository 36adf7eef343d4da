import { AsyncLocalStorage } from 'node:async_hooks';
import type { EndpointClass } from '../limits/endpoint-class.js';

/** What is known of the request being served, wherever the code stands. */
export interface RequestContext {
  readonly requestId: string;
  /** Address of the peer, or as a trusted proxy reports it. */
  readonly ip: string;
  readonly userAgent?: string;
  /** The client that asks, as soon as it is known: for the access log. */
  clientId?: string;
  /** The kind of endpoint, for its limits; undefined where there are none. */
  endpointClass?: EndpointClass;
  /** Under which its source is counted. */
  sourceKey?: string;
  /** Its source has nothing left: only proof of who asks helps. */
  isSourceSpent?: boolean;
  /** It counts for who proved to make it, and no more for its source. */
  isCharged?: boolean;
}

const storage = new AsyncLocalStorage<RequestContext>();

export function runWithRequestContext<T>(context: RequestContext, run: () => T): T {
  return storage.run(context, run);
}

export function requestContext(): RequestContext | undefined {
  return storage.getStore();
}

/** Notes which client asks, once it has been authenticated. */
export function noteClient(clientId: string): void {
  const context = storage.getStore();
  if (context) context.clientId = clientId;
}
