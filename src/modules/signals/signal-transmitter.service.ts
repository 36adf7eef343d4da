import { setImmediate as nextTurn } from 'node:timers/promises';
import { Injectable, Logger, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { ChangeFeed } from '../../platform/database/change-feed.js';
import { Sparingly } from '../../platform/logging/sparingly.js';
import { SignalPush } from './signal-push.service.js';
import { SignalReader } from './signal-reader.service.js';

/** How often the log is asked for news while there are streams, and how often for streams while there are none. */
const LOOK_EVERY_MS = 250;
const IDLE_MS = 2000;
/** How often what failed before is looked for. What is new wakes us. */
const RETRY_EVERY_MS = 1000;

/**
 * Keeps signals moving: from the audit log to the queues, and from there to those who want them pushed. Every node does both, and
 * the database decides who is at work. An event is on its way a quarter of a second after it was recorded, at the latest.
 */
@Injectable()
export class SignalTransmitter implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger(SignalTransmitter.name);
  private readonly outages = new Sparingly(60_000);
  private loop?: Promise<void>;
  private endPause: () => void = () => undefined;
  private isWoken = false;
  private isClosed = false;

  constructor(private readonly reader: SignalReader, private readonly push: SignalPush, changes: ChangeFeed) {
    changes.subscribe((kind) => {
      if (kind === 'signal' || kind === 'signal_stream' || kind === '*') this.wake();
    });
  }

  onApplicationBootstrap(): void {
    this.loop = this.run();
  }

  /** Lets what is under way arrive, while the database is still there. */
  async beforeApplicationShutdown(): Promise<void> {
    this.isClosed = true;
    this.endPause();
    await Promise.all([this.loop, this.push.close()]);
  }

  private wake(): void {
    this.isWoken = true;
    this.endPause();
  }

  private async run(): Promise<void> {
    let lookedForRetries = -Infinity;
    while (!this.isClosed) {
      let rest = IDLE_MS;
      try {
        const isWoken = this.isWoken;
        this.isWoken = false;
        const { hasStreams, isBehind } = await this.reader.state();
        if (hasStreams) {
          rest = LOOK_EVERY_MS;
          // The embedded database answers without giving requests and timers a chance in between.
          if (isBehind) while (!this.isClosed && await this.reader.readOn()) await nextTurn();
          if (isWoken || performance.now() - lookedForRetries >= RETRY_EVERY_MS) {
            lookedForRetries = performance.now();
            await this.push.deliverDue();
          }
        }
      } catch (error) {
        rest = IDLE_MS;
        if (this.outages.admit() !== undefined) this.logger.warn(`security events are held up, and will be sent when the database answers: ${String(error)}`);
      }
      if (!this.isWoken && !this.isClosed) await this.pause(rest);
      else await nextTurn();
    }
  }

  private pause(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, milliseconds).unref();
      this.endPause = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
