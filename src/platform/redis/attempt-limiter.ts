import { createHash } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';
import { LocalLimiter } from './local-limiter.js';
import { REDIS, type Redis } from './redis.token.js';

export interface Attempt {
  readonly allowed: boolean;
  /** How long until there are points again; 0 when allowed. */
  readonly retryAfterSeconds: number;
}

interface Limiter {
  consume(key: string): Promise<unknown>;
}

/**
 * Limits how often something is tried: so many points in so many seconds, for each key. Nodes share their counts through Redis.
 * Where none is configured, this node counts alone; while the one configured does not answer, it counts alone and grants half,
 * since other nodes do the same. It never grants without counting.
 */
@Injectable()
export class AttemptLimiter {
  /** By points and seconds. Both come from constants of the code, so these stay few. */
  private readonly limiters = new Map<string, Limiter>();

  constructor(@Inject(REDIS) private readonly redis: Redis) {}

  /**
   * Counts one attempt.
   *
   * @param key what is limited, e.g. `sign-in:network:203.0.113.7`; only its digest is stored
   * @param points attempts allowed in a window
   * @param seconds length of the window, which begins with the first attempt
   */
  async consume(key: string, points: number, seconds: number): Promise<Attempt> {
    const name = createHash('sha256').update(key).digest('hex').slice(0, 32);
    if (this.redis?.isReady) {
      try {
        return await take(this.shared(points, seconds), name);
      } catch {
        // The connection has said so in the log; what follows is the answer to it.
      }
    }
    return take(this.local(this.redis ? Math.max(1, Math.floor(points / 2)) : points, seconds), name);
  }

  private local(points: number, seconds: number): Limiter {
    return this.kept(`local:${points}:${seconds}`, () => new LocalLimiter(points, seconds));
  }

  private shared(points: number, seconds: number): Limiter {
    const redis = this.redis!;
    return this.kept(`shared:${points}:${seconds}`, () => new RateLimiterRedis({
      // The library calls nothing else to count an attempt; asking through the connection bounds the wait.
      storeClient: { eval: (script: string, options: { keys: string[]; arguments: string[] }) => redis.ask((client) => client.eval(script, options)) },
      useRedisPackage: true,
      keyPrefix: `legate:attempts:${points}:${seconds}`,
      points,
      duration: seconds,
    }));
  }

  private kept(name: string, make: () => Limiter): Limiter {
    let limiter = this.limiters.get(name);
    if (!limiter) this.limiters.set(name, limiter = make());
    return limiter;
  }
}

/** @throws Error when the counts cannot be reached */
async function take(limiter: Limiter, key: string): Promise<Attempt> {
  try {
    await limiter.consume(key);
    return { allowed: true, retryAfterSeconds: 0 };
  } catch (refusal) {
    if (refusal instanceof RateLimiterRes) return { allowed: false, retryAfterSeconds: Math.max(1, Math.ceil(refusal.msBeforeNext / 1000)) };
    throw refusal;
  }
}
