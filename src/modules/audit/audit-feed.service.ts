import { setImmediate as nextTurn } from 'node:timers/promises';
import { Injectable, Logger, type BeforeApplicationShutdown } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Sparingly } from '../../platform/logging/sparingly.js';
import { conditionsOf, Values, within, writtenAs, type AuditFilter } from './audit-filter.js';
import { names } from './audit-mentions.js';
import { loggedEvent, type LoggedEvent, type LogReach, type LogRow } from './logged-event.js';

/** How often the log is asked for news while somebody follows it. */
const POLL_MS = 500;
/** How long it is left alone when it did not answer. */
const OUTAGE_MS = 2000;
/** How many events are handed on at once, and so held in memory for a follower that takes no more. */
const PAGE = 200;
/** How many events are looked through at once for somebody who is behind and wants few of them. */
const LOOKED_THROUGH = 5000;
const ONE_WARNING_PER_MS = 60_000;

const FOLLOWED_PARTIES = ['actor', 'agent', 'task'] as const;

export type FollowFilter = Pick<AuditFilter, 'types' | 'outcome' | typeof FOLLOWED_PARTIES[number]>;

/** Somebody who is sent each event of the log that they want, once, in its order. */
export interface Follower {
  readonly reach: LogReach;
  readonly wants: FollowFilter;
  /** The number of the first event that they have not been asked about. The feed moves it on. */
  position: number;
  /** Whether they take more at the moment. */
  readonly isReady: boolean;
  receive(events: readonly LoggedEvent[]): void;
}

/**
 * Hands the log on to those who follow it. While there are any, one loop asks for news about twice a second and reads them once for
 * all who are up to date. Whoever takes nothing for a while falls behind, costs nothing meanwhile, and is read to separately, from
 * where they stopped, until they have caught up. Events are committed in the order of their numbers: behind one that is there,
 * none appears.
 */
@Injectable()
export class AuditFeed implements BeforeApplicationShutdown {
  private readonly logger = new Logger(AuditFeed.name);
  private readonly outages = new Sparingly(ONE_WARNING_PER_MS);
  private readonly followers = new Set<Follower>();
  /** The number of the first event that those who are up to date have not been asked about. */
  private position?: number;
  private loop?: Promise<void>;
  private endPause: () => void = () => undefined;
  private isClosed = false;

  constructor(private readonly dataSource: DataSource) {}

  /** The number that the next event will have. */
  async end(): Promise<number> {
    const [head] = await this.dataSource.query<{ size: string }[]>(`SELECT size FROM audit_heads WHERE log = 'main'`);
    return Number(head!.size);
  }

  follow(follower: Follower): void {
    if (this.isClosed) return;
    this.followers.add(follower);
    this.loop ??= this.run();
    this.endPause();
  }

  unfollow(follower: Follower): void {
    this.followers.delete(follower);
    if (this.followers.size === 0) this.endPause();
  }

  /** Tells that a follower takes events again. */
  resume({ position }: Follower): void {
    if (this.position !== undefined && position < this.position) this.endPause();
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.isClosed = true;
    this.endPause();
    await this.loop;
  }

  private async run(): Promise<void> {
    this.position = undefined;
    while (this.followers.size > 0 && !this.isClosed) {
      let rest = POLL_MS;
      try {
        await this.handOn(await this.end());
        if (await this.readToThoseBehind()) rest = 0;
      } catch (error) {
        rest = OUTAGE_MS;
        if (this.outages.admit() !== undefined) this.logger.warn(`the audit log cannot be read to those who follow it, and will be tried again: ${String(error)}`);
      }
      // The embedded database answers without giving requests and timers a chance in between.
      if (rest === 0) await nextTurn();
      else await this.pause(rest);
    }
    // At once: whoever follows from now on begins another one.
    this.loop = undefined;
  }

  /** What is new goes to whoever is up to date and takes it. */
  private async handOn(end: number): Promise<void> {
    let position = this.position ?? end;
    const takers = () => [...this.followers].filter((follower) => follower.isReady && follower.position >= position);
    while (position < end && takers().length > 0) {
      const next = Math.min(end, position + PAGE);
      const rows = await this.dataSource.query<LogRow[]>('SELECT sequence, body FROM audit_events WHERE sequence >= $1 AND sequence < $2 ORDER BY sequence', [position, next]);
      const events = rows.map(loggedEvent);
      for (const taker of takers()) give(taker, events, next);
      position = next;
    }
    this.position = end;
  }

  /** One page for each of those who are behind and take it. Answers whether any of them is still behind. */
  private async readToThoseBehind(): Promise<boolean> {
    const end = this.position!;
    const isBehind = ({ isReady, position }: Follower) => isReady && position < end;
    for (const follower of [...this.followers].filter(isBehind)) {
      const { reach, wants, position } = follower;
      const next = Math.min(end, position + LOOKED_THROUGH);
      const values = new Values();
      const conditions = [
        `e.sequence >= ${values.add(position)} AND e.sequence < ${values.add(next)} AND ${within(reach, values)}`,
        conditionsOf({ types: wants.types, outcome: wants.outcome }, values),
        ...FOLLOWED_PARTIES.map((party) => (wants[party] === undefined ? undefined : `e.body LIKE ANY (${values.add(writtenAs(wants[party]))})`)),
      ].filter((one) => one !== undefined);
      const rows = await this.dataSource.query<LogRow[]>(`SELECT e.sequence, e.body FROM audit_events e WHERE ${conditions.join(' AND ')} ORDER BY e.sequence LIMIT ${PAGE}`, values.list);
      const events = rows.map(loggedEvent);
      if (this.followers.has(follower)) give(follower, events, rows.length < PAGE ? next : events.at(-1)!.sequence + 1);
    }
    return [...this.followers].some(isBehind);
  }

  private pause(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      this.endPause = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/** @param next the number of the first event that is not among these, nor left out from between them */
function give(follower: Follower, events: readonly LoggedEvent[], next: number): void {
  const wanted = events.filter((event) => event.sequence >= follower.position && isFor(follower, event));
  follower.position = Math.max(follower.position, next);
  if (wanted.length > 0) follower.receive(wanted);
}

function isFor({ reach, wants }: Follower, event: LoggedEvent): boolean {
  if (reach !== 'all' && event.organization_id !== reach.organizationId) return false;
  if (wants.types && !wants.types.includes(event.type)) return false;
  if (wants.outcome !== undefined && event.outcome !== wants.outcome) return false;
  return FOLLOWED_PARTIES.every((party) => wants[party] === undefined || names(event, party, wants[party]));
}
