import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
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

  constructor(private readonly points: number, seconds: number, private readonly mostKeys = MOST_KEYS) {
    this.counts = new RateLimiterMemory({ points, duration: seconds });
    this.windowMs = seconds * 1000;
  }

  /**
   * @param key hexadecimal digest
   * @param points how many there are now, at most those that there ever are; what was counted before counts
   * @throws RateLimiterRes when the points are used up
   */
  async consume(key: string, points = this.points): Promise<RateLimiterRes> {
    this.turnWindow();
    const result = await this.counts.consume(await this.counted(key));
    if (result.isFirstInDuration) this.fresh += 1;
    if (result.consumedPoints > points) throw new RateLimiterRes(0, result.msBeforeNext, result.consumedPoints);
    return result;
  }

  /** Remembers what all nodes together counted, if that is more than is remembered here. */
  async learn(key: string, { consumedPoints, msBeforeNext }: Pick<RateLimiterRes, 'consumedPoints' | 'msBeforeNext'>): Promise<void> {
    const counted = await this.counted(key);
    if (msBeforeNext > 0 && consumedPoints > ((await this.counts.get(counted))?.consumedPoints ?? 0)) await this.counts.set(counted, consumedPoints, msBeforeNext / 1000);
  }

  private async counted(key: string): Promise<string> {
    const isFull = this.fresh + this.older >= this.mostKeys;
    return isFull && await this.counts.get(key) === null ? `shared:${parseInt(key.slice(0, 8), 16) % SHARED_BUCKETS}` : key;
  }

  private turnWindow(): void {
    const age = now() - this.windowStart;
    if (age < this.windowMs) return;
    this.older = age < 2 * this.windowMs ? this.fresh : 0;
    this.fresh = 0;
    this.windowStart = now();
  }
}
