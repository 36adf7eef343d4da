import { Injectable, Logger, type BeforeApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { elapsed } from '../../kernel/clock.js';
import { AuditLog } from './audit-log.service.js';
import type { AuditEvent } from './audit-event.js';

/** For so long refusals of one kind are counted together. Milliseconds. */
const WINDOW_MS = 60_000;
const LOOK_EVERY_MS = 5_000;
/** Kinds of refusals told apart at the same time. */
const MOST_KINDS = 1_000;

interface Tally {
  readonly event: AuditEvent;
  readonly endsAt: number;
  /** Ends when the first is on record. */
  readonly isBegun: Promise<void>;
  /** Refusals after the first. */
  count: number;
}

/**
 * Puts refusals on record that anybody can have as many of as they like. The first of a kind is an event at once, before it is
 * answered; those that follow within a minute are counted, and one event says how many there were. Where a thousand kinds are
 * counted already, as when very many addresses ask at the same time, further ones are counted together. So the log grows by a
 * bounded number of events a minute, and no refusal is missing from it.
 */
@Injectable()
export class RefusalTally implements OnModuleInit, BeforeApplicationShutdown {
  private readonly logger = new Logger(RefusalTally.name);
  private readonly tallies = new Map<string, Tally>();
  private timer?: NodeJS.Timeout;

  constructor(private readonly audit: AuditLog) {}

  onModuleInit(): void {
    this.timer = setInterval(() => { void this.settle(elapsed()); }, LOOK_EVERY_MS).unref();
  }

  async beforeApplicationShutdown(): Promise<void> {
    clearInterval(this.timer);
    await this.settle(Infinity);
  }

  /**
   * @param kind what is counted together, of one type of event
   * @param event the first of its kind; `details.count` is added to the one that stands for the others
   * @throws DomainError `audit_unavailable`, `audit_overloaded`
   */
  async record(kind: string, event: AuditEvent): Promise<void> {
    const key = `${event.type} ${kind}`;
    const isCrowded = !this.tallies.has(key) && this.tallies.size >= MOST_KINDS;
    const name = isCrowded ? event.type : key;
    let tally = this.tallies.get(name);
    if (tally) tally.count += 1;
    else {
      const first = isCrowded ? withoutParties(event) : event;
      this.tallies.set(name, tally = { event: first, endsAt: elapsed() + WINDOW_MS, isBegun: this.audit.record(first), count: 0 });
    }
    try {
      // Those that come while the first is being written wait for it as well: what cannot be recorded is not refused but unavailable.
      await tally.isBegun;
    } catch (error) {
      if (this.tallies.get(name) === tally) this.tallies.delete(name);
      throw error;
    }
  }

  /** Ends the windows that are over at a time, as `elapsed` tells it. What cannot be written now is written later. */
  async settle(at: number): Promise<void> {
    const ended = [...this.tallies].filter(([, { endsAt }]) => endsAt <= at);
    await Promise.all(ended.map(async ([key, tally]) => {
      const { event, count } = tally;
      try {
        if (count > 0) await this.audit.record(Object.assign({}, event, { details: Object.assign({}, event.details, { count }) }));
        tally.count -= count;
        if (tally.count === 0) this.tallies.delete(key);
      } catch (error) {
        this.logger.warn(`${count} refusals could not be recorded yet: ${String(error)}`);
      }
    }));
  }
}

/** What is said of very many, none of them known. */
function withoutParties({ target: _target, details, actor: _actor, ...event }: AuditEvent): AuditEvent {
  const { source: _source, account: _account, ...rest } = details ?? {};
  return Object.assign(event, { organization_id: null, actor: { kind: 'anonymous' as const }, details: rest });
}
