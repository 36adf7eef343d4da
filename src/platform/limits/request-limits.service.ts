import type { ServerResponse } from 'node:http';
import { Injectable } from '@nestjs/common';
import type { DomainError } from '../../kernel/domain-error.js';
import type { RequestContext } from '../http/request-context.js';
import { sourceNetwork } from '../http/source-network.js';
import { Metrics } from '../metrics/metrics.js';
import type { EndpointClass } from './endpoint-class.js';
import { tellLimits, type CountedFor } from './limit-headers.js';
import { LimitRecorder, type ReachedLimit } from './limit-recorder.js';
import type { ProvenCaller } from './proven-caller.js';
import type { RateLimit } from './rate-limit.js';
import { tooManyRequests } from './rate-limits.errors.js';
import { RateLimits } from './rate-limits.service.js';

/** These classes are for those who prove nothing; what others do there is under other limits. */
const CLASS_OF_CALLERS: Readonly<Partial<Record<EndpointClass, EndpointClass>>> = { pages: 'read', registration: 'write' };
/** Answers of these classes tell of their limits only when less than this part of a quota is left: they are most of what is answered. */
const TOLD_WHEN_SCARCE: ReadonlySet<EndpointClass> = new Set<EndpointClass>(['token', 'verification']);
const SCARCE = 1 / 4;

/**
 * The limits of a request. It counts for its source before anything is done with it. Once it is proven who makes it, it counts for
 * them and their organization instead: then nobody who shares an address with them can use up what is theirs. A source that has
 * nothing left is still heard by those who look at cheap proof, and by nobody else.
 */
@Injectable()
export class RequestLimits {
  constructor(private readonly limits: RateLimits, private readonly recorder: LimitRecorder, private readonly metrics: Metrics) {}

  /**
   * Counts a request for its source. Answers false when that has nothing left.
   *
   * @param key in place of the network, where the source is known better
   */
  admitSource(context: RequestContext, kind: EndpointClass, key: string = networkOf(context.ip)): boolean {
    context.endpointClass = kind;
    context.sourceKey = key;
    const limit = this.limits.of(kind, 'source');
    context.isSourceSpent = limit !== undefined && limit.take(key) > 0;
    return !context.isSourceSpent;
  }

  /** Tells whoever proves nothing how much is left for their source. */
  tellSource({ endpointClass: kind, sourceKey: key }: RequestContext, response: ServerResponse): void {
    const limit = kind && this.limits.of(kind, 'source');
    if (limit && (!TOLD_WHEN_SCARCE.has(kind) || isScarce(limit, key!))) tellLimits(response, [[limit, key!]]);
  }

  /**
   * Has a request count for those who proved to make it, and no more for its source. Further proof changes nothing.
   *
   * @returns the limit that it ran into; undefined when it may go on
   */
  charge(context: RequestContext, caller: ProvenCaller, response?: ServerResponse): ReachedLimit | undefined {
    if (context.endpointClass === undefined || context.isCharged) return undefined;
    context.isCharged = true;
    if (!context.isSourceSpent) this.limits.of(context.endpointClass, 'source')?.giveBack(context.sourceKey!);
    context.isSourceSpent = false;
    const kind = CLASS_OF_CALLERS[context.endpointClass] ?? context.endpointClass;
    const { id, organizationId } = caller;
    const party = caller.kind === 'user' ? 'user' : 'client';
    const own = this.limits.of(kind, party);
    const shared = organizationId === null ? undefined : this.limits.of(kind, 'organization');
    const waitMs = own?.take(id) ?? 0;
    const waitWithOthersMs = waitMs > 0 ? 0 : shared?.take(organizationId!) ?? 0;
    // What is refused counts for nobody.
    if (waitWithOthersMs > 0) own?.giveBack(id);
    if (response && (!TOLD_WHEN_SCARCE.has(kind) || isScarce(own, id) || isScarce(shared, organizationId!))) tellLimits(response, counted(own, id, shared, organizationId!));
    if (waitMs > 0) return { name: own!.name, kind, party, key: id, waitMs, caller };
    return waitWithOthersMs > 0 ? { name: shared!.name, kind, party: 'organization', key: organizationId!, waitMs: waitWithOthersMs, caller } : undefined;
  }

  /** The same, of a request that ends when it ran into a limit. @throws DomainError `too_many_requests`, `audit_unavailable` */
  async admitCaller(context: RequestContext, caller: ProvenCaller, response?: ServerResponse): Promise<void> {
    const reached = this.charge(context, caller, response);
    if (reached) throw await this.refusalOf(reached);
  }

  /** Ends a request that proves nothing, when its source has nothing left. @throws DomainError `too_many_requests`, `audit_unavailable` */
  async admitUnproven(context: RequestContext, response: ServerResponse): Promise<void> {
    this.tellSource(context, response);
    if (context.isSourceSpent) throw await this.sourceRefusal(context);
  }

  /** The answer to a request whose source has nothing left, once it is on record. @throws DomainError `audit_unavailable` */
  sourceRefusal({ endpointClass: kind, sourceKey: key }: RequestContext): Promise<DomainError> {
    const limit = this.limits.of(kind!, 'source')!;
    return this.refusalOf({ name: limit.name, kind: kind!, party: 'source', key: key!, waitMs: limit.waitFor(key!) });
  }

  /** The answer to a request that ran into a limit, once it is on record. @throws DomainError `audit_unavailable` */
  async refusalOf(reached: ReachedLimit): Promise<DomainError> {
    this.metrics.requestLimited(reached.kind, reached.party);
    const error = tooManyRequests(reached.name, Math.max(1, Math.ceil(reached.waitMs / 1000)));
    await this.recorder.record(reached, error);
    return error;
  }
}

function isScarce(limit: RateLimit | undefined, key: string): boolean {
  return limit !== undefined && limit.remaining(key) < limit.granted * SCARCE;
}

function counted(own: RateLimit | undefined, id: string, shared: RateLimit | undefined, organizationId: string): CountedFor[] {
  return [...(own ? [[own, id] as const] : []), ...(shared ? [[shared, organizationId] as const] : [])];
}

/** Asked for every request, and IPv6 takes a parser. */
const networks = new Map<string, string>();
const MOST_NETWORKS = 10_000;

function networkOf(address: string): string {
  if (!address.includes(':')) return address;
  let network = networks.get(address);
  if (network === undefined) {
    if (networks.size >= MOST_NETWORKS) networks.clear();
    networks.set(address, network = sourceNetwork(address));
  }
  return network;
}
