import type { DomainError } from '../../kernel/domain-error.js';
import type { EndpointClass, LimitedParty } from './endpoint-class.js';
import type { ProvenCaller } from './proven-caller.js';

/** A limit that a request ran into. */
export interface ReachedLimit {
  readonly name: string;
  readonly kind: EndpointClass;
  readonly party: LimitedParty;
  /** Whose quota it is: a network, or an id. */
  readonly key: string;
  /** Until there is something left again. Milliseconds. */
  readonly waitMs: number;
  /** Undefined when nobody proved to be anybody. */
  readonly caller?: ProvenCaller;
}

/** Puts on record that requests were refused because there were too many. The domain provides it. */
export abstract class LimitRecorder {
  /** @throws DomainError `audit_unavailable`, `audit_overloaded` when it cannot be recorded; the request then ends with 503 */
  abstract record(reached: ReachedLimit, error: DomainError): Promise<void>;
}
