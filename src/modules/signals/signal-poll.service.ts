import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { isId } from '../../kernel/ids.js';
import { uncovered } from '../../kernel/scope-set.js';
import { ChangeFeed } from '../../platform/database/change-feed.js';
import { Lifecycle } from '../../platform/health/lifecycle.js';
import { CallerAuthenticator } from '../../platform/http/caller-authenticator.js';
import type { Caller } from '../../platform/http/caller.js';
import { Metrics } from '../../platform/metrics/metrics.js';
import { SignalQueue, type WaitingSet } from './signal-queue.service.js';
import { SignalRefusals } from './signal-refusals.service.js';
import type { SignalStream } from './signal-stream.entity.js';
import { streamNotPolled } from './signals.errors.js';

/** Tokens in one answer, and what they may weigh together before no further one is added. Bytes. */
const MOST_SETS = 100;
const LARGEST_ANSWER = 1024 * 1024;
/** How many may wait for news on one node; whoever comes then is answered at once. */
const MOST_WAITING = 500;

/** RFC 8936 section 2.2. */
export interface PollRequest {
  readonly maxEvents?: number;
  readonly returnImmediately?: boolean;
  readonly ack?: readonly string[];
  readonly setErrs?: Readonly<Record<string, { readonly err: string; readonly description?: string }>>;
}

/** RFC 8936 section 2.3. */
export interface PollAnswer {
  /** Signed tokens by their `jti`. */
  readonly sets: Readonly<Record<string, string>>;
  readonly moreAvailable: boolean;
}

/** A receiver that waits: one for each stream, since a second one would get the same. */
interface Waiter {
  wake(): void;
}

/**
 * Lets receivers fetch their security event tokens (RFC 8936): first what they acknowledge is dropped, then they get what is left, in
 * order, and again until they acknowledge it. Where there is nothing they wait for it.
 */
@Injectable()
export class SignalPoll {
  /** How long a receiver waits at most: less than what stands between us and it may cut off. Milliseconds. */
  longestWaitMs = 25_000;
  private readonly waiting = new Map<string, Waiter>();

  constructor(
    private readonly dataSource: DataSource,
    private readonly queue: SignalQueue,
    private readonly refusals: SignalRefusals,
    private readonly authenticator: CallerAuthenticator,
    private readonly metrics: Metrics,
    private readonly lifecycle: Lifecycle,
    changes: ChangeFeed,
  ) {
    changes.subscribe((kind, id) => {
      if (kind === '*') for (const waiter of this.waiting.values()) waiter.wake();
      else if (kind === 'signal' || kind === 'signal_stream') this.waiting.get(id)?.wake();
    });
    lifecycle.onShutdown(() => { for (const waiter of this.waiting.values()) waiter.wake(); });
  }

  /** How many receivers wait for news on this node. */
  get waitingCount(): number {
    return this.waiting.size;
  }

  /**
   * @param authorization the header that the caller was authenticated by: whoever waited is asked again
   * @param hasLeft settles when the receiver hung up
   * @throws DomainError `stream_not_polled`
   */
  async poll(caller: Caller, authorization: string, stream: SignalStream, request: PollRequest, hasLeft: Promise<void>): Promise<PollAnswer> {
    if (stream.method !== 'poll') throw streamNotPolled();
    await this.acknowledge(caller, stream, request);
    const limit = Math.min(request.maxEvents ?? MOST_SETS, MOST_SETS);
    if (limit === 0) return { sets: {}, moreAvailable: (await this.queue.next(stream.id, 1)).length > 0 };
    let found = await this.queue.next(stream.id, limit + 1);
    if (found.length === 0 && request.returnImmediately !== true && !this.lifecycle.isShuttingDown && this.waiting.size < MOST_WAITING) {
      await this.news(stream.id, hasLeft);
      // A token that was revoked meanwhile gets nothing any more, and neither does one of a stream that is gone.
      if (await this.mayGoOn(caller, authorization)) found = await this.queue.next(stream.id, limit + 1);
    }
    return this.answerWith(found, limit);
  }

  private async acknowledge(caller: Caller, stream: SignalStream, { ack = [], setErrs = {} }: PollRequest): Promise<void> {
    const taken = await this.queue.take(this.dataSource, stream.id, ack.filter(isId));
    this.metrics.signalSent('taken', taken.length);
    const refused = Object.entries(setErrs).filter(([jti]) => isId(jti)).map(([jti, { err, description }]) => ({ jti: jti.toLowerCase(), code: err, ...(description !== undefined && { description }) }));
    this.metrics.signalSent('refused', await this.refusals.refuse({ kind: caller.kind, id: caller.subject, client_id: caller.clientId }, stream, refused));
  }

  private answerWith(found: readonly WaitingSet[], limit: number): PollAnswer {
    const sets: Record<string, string> = {};
    let [count, bytes] = [0, 0];
    for (const set of found.slice(0, limit)) {
      const signed = this.queue.sign(set);
      bytes += signed.length;
      if (count > 0 && bytes > LARGEST_ANSWER) break;
      sets[set.jti] = signed;
      count += 1;
    }
    return { sets, moreAvailable: found.length > count };
  }

  /** Something was put on the queue, or nothing was for as long as anybody waits. */
  private news(streamId: string, hasLeft: Promise<void>): Promise<void> {
    this.waiting.get(streamId)?.wake();
    return new Promise((resolve) => {
      const waiter: Waiter = {
        wake: () => {
          clearTimeout(timer);
          if (this.waiting.get(streamId) === waiter) this.waiting.delete(streamId);
          resolve();
        },
      };
      const timer = setTimeout(() => waiter.wake(), this.longestWaitMs).unref();
      this.waiting.set(streamId, waiter);
      void hasLeft.then(() => waiter.wake());
    });
  }

  private async mayGoOn({ organizationId, clientId }: Caller, authorization: string): Promise<boolean> {
    const caller = await this.authenticator.authenticateAgain(authorization);
    return caller !== undefined && caller.organizationId === organizationId && caller.clientId === clientId && uncovered(caller.scopes, ['ssf.read']).length === 0;
  }
}
