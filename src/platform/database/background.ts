import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { Injectable, Logger, type BeforeApplicationShutdown } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { Sparingly } from '../logging/sparingly.js';

/** Work that repeats for as long as the server runs. */
export interface Chore {
  /** Unique among chores: nodes agree by it on who is at work. */
  readonly name: string;
  readonly everySeconds: number;
  /**
   * Whether there is anything to do, for work that is looked for every second or more often: one cheap question, outside of any
   * transaction. Without it there may always be.
   */
  readonly isDue?: (reader: Pick<EntityManager, 'query'>) => Promise<boolean>;
  /**
   * The work, or a batch of it that nobody has to wait for, in one transaction of its own: use nothing but its manager, since the
   * embedded database has no second connection. Answer true when there is more of it; the next batch then follows.
   */
  readonly run: (manager: EntityManager) => Promise<boolean | void>;
  /** How long it rests between batches, as a multiple of what the batch took: for work that never ends while the server is busy. */
  readonly rest?: number;
}

/** First half of the advisory locks' names: "lbkg" in ASCII. The other half is the chore's. */
const LOCKS = 0x6c626b67;
/** How long a turn goes on with one batch after the other, and how soon the next turn comes when that was not enough. */
const LONGEST_TURN_MS = 10_000;
const SOON_MS = 500;
/** Timers of a node, and of nodes that started together, must not all fire at once: intervals vary by this much either way. */
const JITTER = 0.1;
/** Some chores come every second: while the database is away, one warning of each in this time is enough. */
const ONE_WARNING_PER_MS = 60_000;

/**
 * Runs chores now and then, each on one node at a time: whoever gets the advisory lock does it, everybody else has it done.
 * A chore that fails is logged and tried again when its turn comes; it never takes the server down, and never keeps it up.
 */
@Injectable()
export class Background implements BeforeApplicationShutdown {
  private readonly logger = new Logger(Background.name);
  private readonly timers = new Map<string, NodeJS.Timeout>();
  private readonly warnings = new Map<string, Sparingly>();
  private readonly running = new Set<Promise<void>>();
  private isClosed = false;

  constructor(private readonly dataSource: DataSource) {}

  /** Begins with a chore, for the first time within one interval. */
  every(chore: Chore): void {
    if (this.timers.has(chore.name)) throw new TypeError(`there is a chore ${chore.name} already`);
    this.warnings.set(chore.name, new Sparingly(ONE_WARNING_PER_MS));
    this.wait(chore, Math.random() * chore.everySeconds * 1000);
  }

  /** Starts nothing more and waits for what is under way, while the database is still there. */
  async beforeApplicationShutdown(): Promise<void> {
    this.isClosed = true;
    for (const timer of this.timers.values()) clearTimeout(timer);
    await Promise.all(this.running);
  }

  private wait(chore: Chore, milliseconds: number): void {
    if (this.isClosed) return;
    this.timers.set(chore.name, setTimeout(() => {
      const turn = this.turn(chore).finally(() => this.running.delete(turn));
      this.running.add(turn);
    }, milliseconds).unref());
  }

  private async turn(chore: Chore): Promise<void> {
    const deadline = performance.now() + LONGEST_TURN_MS;
    let hasMore = false;
    try {
      if (!(await chore.isDue?.(this.dataSource.manager) ?? true)) return this.wait(chore, interval(chore));
      do {
        const begun = performance.now();
        hasMore = await this.dataSource.transaction((manager) => this.runAlone(chore, manager));
        // The embedded database answers without giving requests and timers a chance in between.
        await (hasMore && chore.rest ? sleep((performance.now() - begun) * chore.rest) : nextTurn());
      } while (hasMore && !this.isClosed && performance.now() < deadline);
    } catch (error) {
      hasMore = false;
      if (this.warnings.get(chore.name)!.admit() !== undefined) this.logger.warn(`the background work "${chore.name}" failed and will be tried again: ${String(error)}`);
    }
    this.wait(chore, hasMore ? SOON_MS : interval(chore));
  }

  private async runAlone({ name, run }: Chore, manager: EntityManager): Promise<boolean> {
    const [answer] = await manager.query<[{ locked: boolean }]>('SELECT pg_try_advisory_xact_lock($1, hashtext($2)) AS locked', [LOCKS, name]);
    return answer.locked && await run(manager) === true;
  }
}

/** Milliseconds. */
function interval({ everySeconds }: Chore): number {
  return everySeconds * 1000 * (1 + JITTER * (2 * Math.random() - 1));
}
