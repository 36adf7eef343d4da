import { Injectable, type OnModuleInit } from '@nestjs/common';
import { now } from '../../kernel/clock.js';
import { Config } from '../../platform/config/config.js';
import { Background } from '../../platform/database/background.js';
import { purge, PURGE_BATCH } from '../../platform/database/purge.js';
import { UsageMeter } from './usage-meter.service.js';

const DAY_MS = 24 * 3600 * 1000;
/** How long an idempotency key gets the same answer after what it was sent for has ended. */
const KEPT_MS = DAY_MS;
/** How long a counter is kept after its window, for those who look at it then. */
const COUNTER_KEPT_MS = 7 * DAY_MS;
const EXPIRY_BATCH = 200;

/** Releases what was reserved and never committed, and deletes what is over. */
@Injectable()
export class UsageUpkeep implements OnModuleInit {
  constructor(private readonly background: Background, private readonly meter: UsageMeter, private readonly config: Config) {}

  onModuleInit(): void {
    this.background.every({
      name: 'expired reservations', everySeconds: 5, run: async (manager) => await this.meter.expire(manager, EXPIRY_BATCH) === EXPIRY_BATCH,
    });
    this.purging('ended reservations', 'usage_reservations', 'ended_at <= $1', KEPT_MS);
    // What is still reserved in an old window is given back to it.
    this.purging('old usage counters', 'usage_counters', 'window_end <= $1 AND reserved = 0', COUNTER_KEPT_MS);
    this.purging('old usage history', 'usage_history', 'hour <= $1', this.config.usageHistoryDays * DAY_MS);
  }

  private purging(name: string, table: string, condition: string, keptMs: number): void {
    this.background.every({ name, everySeconds: 600, run: async (manager) => await purge(manager, table, condition, new Date(now() - keptMs), PURGE_BATCH) === PURGE_BATCH });
  }
}
