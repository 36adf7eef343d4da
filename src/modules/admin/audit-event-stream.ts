import { Readable } from 'node:stream';
import type { FollowFilter, Follower } from '../audit/audit-feed.service.js';
import type { LoggedEvent, LogReach } from '../audit/logged-event.js';
import { AuditLogEventDto } from './audit-search.dto.js';

/** How soon a client comes back that lost its connection. Milliseconds. */
const RETRY_MS = 2000;

/** What several listen to is written once. */
const texts = new WeakMap<LoggedEvent, string>();

/**
 * One client's events as `text/event-stream` (WHATWG HTML section 9.2). When the client reads too slowly, so does it: it takes
 * no more events than it has begun to, and no signs of life either.
 */
export class AuditEventStream extends Readable implements Follower {
  isReady = false;

  /** @param wake told when it takes events again */
  constructor(readonly reach: LogReach, readonly wants: FollowFilter, public position: number, private readonly wake: (stream: AuditEventStream) => void) {
    super();
    // The client has its answer at once, also while nothing happens.
    this.push(`retry: ${RETRY_MS}\n\n`);
  }

  override _read(): void {
    this.isReady = true;
    this.wake(this);
  }

  receive(events: readonly LoggedEvent[]): void {
    this.isReady = false;
    for (const event of events) this.push(textOf(event));
  }

  /** Shows the client, and whatever stands in between, that it is still there. */
  beat(): void {
    if (!this.isReady) return;
    this.isReady = false;
    this.push(': still here\n\n');
  }

  /** Ends it in order where the client reads, and else without. */
  finish(): void {
    if (this.destroyed || this.readableEnded) return;
    if (this.isReady) this.push(null);
    else this.destroy();
    this.isReady = false;
  }
}

function textOf(event: LoggedEvent): string {
  let text = texts.get(event);
  if (text === undefined) texts.set(event, text = `id: ${event.sequence}\nevent: ${event.type}\ndata: ${JSON.stringify(AuditLogEventDto.of(event))}\n\n`);
  return text;
}
