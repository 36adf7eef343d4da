import { RateLimiterMemory } from 'rate-limiter-flexible';
import { now } from '../../kernel/clock.js';

const MOST_KEYS = 100_000;
const SHARED_BUCKETS = 1024;

/**
 * Counts in this process's memory, of which it takes a bounded part: once very many keys are counted at the same time, which
 * only a flood of made-up ones does, new keys share buckets. They are then limited together, and never not at all.
 */
export class LocalLimiter {
  private readonly counts: RateLimiterMemory;
  private readonly windowMs: number;
  private windowStart = now();
  /** Keys first seen in this window and in the one before: no fewer than are alive. */
  private fresh = 0;
  private older = 0;

  constructor(points: number, seconds: number, private readonly mostKeys = MOST_KEYS) {
    this.counts = new RateLimiterMemory({ points, duration: seconds });
    this.windowMs = seconds * 1000;
  }

  /**
   * @param key hexadecimal digest
   * @throws RateLimiterRes when the points are used up
   */
  async consume(key: string): Promise<void> {
    this.turnWindow();
    const isFull = this.fresh + this.older >= this.mostKeys;
    const counted = isFull && await this.counts.get(key) === null ? `shared:${parseInt(key.slice(0, 8), 16) % SHARED_BUCKETS}` : key;
    const { isFirstInDuration } = await this.counts.consume(counted);
    if (isFirstInDuration) this.fresh += 1;
  }

  private turnWindow(): void {
    const age = now() - this.windowStart;
    if (age < this.windowMs) return;
    this.older = age < 2 * this.windowMs ? this.fresh : 0;
    this.fresh = 0;
    this.windowStart = now();
  }
}
