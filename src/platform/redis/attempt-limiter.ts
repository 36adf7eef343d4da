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

/** What counting an attempt came to. */
interface Counted {
  readonly allowed: boolean;
  readonly result: RateLimiterRes;
}

/**
 * Limits how often something is tried: so many points in so many seconds, for each key. Nodes share their counts through Redis.
 * Where none is configured, this node counts alone; while the one configured does not answer, it counts alone and grants half,
 * since other nodes do the same. It never grants without counting, and what it knows to have been counted it remembers: a Redis
 * that was emptied grants nothing anew.
 */
@Injectable()
export class AttemptLimiter {
  /** By points and seconds. Both come from constants of the code, so these stay few. */
  private readonly local = new Map<string, LocalLimiter>();
  private readonly shared = new Map<string, RateLimiterRedis>();

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
    const local = kept(this.local, points, seconds, () => new LocalLimiter(points, seconds));
    // Where Redis does not answer the connection says so in the log; what follows is the answer to it.
    const shared = this.redis?.isReady ? await count(this.sharedLimiter(this.redis, points, seconds).consume(name)).catch(() => undefined) : undefined;
    const isAlone = shared === undefined && this.redis !== undefined;
    const own = await count(local.consume(name, isAlone ? Math.max(1, Math.floor(points / 2)) : points));
    if (shared) await local.learn(name, shared.result);
    const { allowed, result } = shared?.allowed === false ? shared : own;
    return { allowed, retryAfterSeconds: allowed ? 0 : Math.max(1, Math.ceil(result.msBeforeNext / 1000)) };
  }

  private sharedLimiter(redis: NonNullable<Redis>, points: number, seconds: number): RateLimiterRedis {
    return kept(this.shared, points, seconds, () => new RateLimiterRedis({
      // The library calls nothing else to count an attempt; asking through the connection bounds the wait.
      storeClient: { eval: (script: string, options: { keys: string[]; arguments: string[] }) => redis.ask((client) => client.eval(script, options)) },
      useRedisPackage: true,
      keyPrefix: `legate:attempts:${points}:${seconds}`,
      points,
      duration: seconds,
    }));
  }
}

function kept<Limiter>(limiters: Map<string, Limiter>, points: number, seconds: number, make: () => Limiter): Limiter {
  const name = `${points}:${seconds}`;
  let limiter = limiters.get(name);
  if (!limiter) limiters.set(name, limiter = make());
  return limiter;
}

/** @throws Error when the counts cannot be reached */
async function count(consumed: Promise<RateLimiterRes>): Promise<Counted> {
  try {
    return { allowed: true, result: await consumed };
  } catch (refusal) {
    if (refusal instanceof RateLimiterRes) return { allowed: false, result: refusal };
    throw refusal;
  }
}
