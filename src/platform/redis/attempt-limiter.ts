import { createHash } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { LocalLimiter, type Count } from './local-limiter.js';
import { REDIS, type Redis } from './redis.token.js';

export interface Attempt {
  readonly allowed: boolean;
  /** How long until there are points again; 0 when allowed. */
  readonly retryAfterSeconds: number;
}

/**
 * Counts one attempt, and those that the node that asks counted alone, on top of what Redis knows, or of what that node remembers if
 * that is more: Redis may have been emptied.
 */
const SCRIPT = `
local attempts, left = tonumber(redis.call('GET', KEYS[1]) or '0'), redis.call('PTTL', KEYS[1])
local remembered, untold, remaining, window = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
if left <= 0 then attempts, left = 0, remaining > 0 and remaining or window end
if remembered > attempts then attempts, left = remembered, remaining end
attempts = attempts + untold + 1
redis.call('SET', KEYS[1], attempts, 'PX', left)
return {attempts, left}`;

/**
 * Limits how often something is tried: so many points in so many seconds, for each key. Nodes share their counts through Redis.
 * Where none is configured, this node counts alone; while the one configured does not answer, it counts alone and grants half,
 * since other nodes do the same. It never grants without counting, and what it knows to have been counted it remembers: a Redis
 * that was emptied is told of it, and grants nothing anew; one that was lost for a while is told what was counted meanwhile.
 */
@Injectable()
export class AttemptLimiter {
  /** By seconds and points. Both come from constants of the code, so these stay few. */
  private readonly limiters = new Map<string, LocalLimiter>();

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
    const local = this.limiterOf(points, seconds);
    // Where Redis does not answer the connection says so in the log; what follows is the answer to it.
    const shared = this.redis?.isReady ? await this.countTogether(local, name, points, seconds) : undefined;
    const isAlone = shared === undefined && this.redis !== undefined;
    const { attempts, leftMs } = shared ?? local.add(name);
    const allowed = attempts <= (isAlone ? Math.max(1, Math.floor(points / 2)) : points);
    return { allowed, retryAfterSeconds: allowed ? 0 : Math.max(1, Math.ceil(leftMs / 1000)) };
  }

  private async countTogether(local: LocalLimiter, name: string, points: number, seconds: number): Promise<Count | undefined> {
    const { known, untold } = local.takeUntold(name);
    const question = { keys: [`legate:attempts:${points}:${seconds}:${name}`], arguments: [known.attempts, untold, Math.ceil(known.leftMs), seconds * 1000].map(String) };
    try {
      const [attempts, leftMs] = await this.redis!.ask((client) => client.eval(SCRIPT, question)) as [number, number];
      local.learn(name, { attempts, leftMs });
      return { attempts, leftMs };
    } catch {
      local.putBack(name, untold);
      return undefined;
    }
  }

  private limiterOf(points: number, seconds: number): LocalLimiter {
    const name = `${points}:${seconds}`;
    let limiter = this.limiters.get(name);
    if (!limiter) this.limiters.set(name, limiter = new LocalLimiter(seconds));
    return limiter;
  }
}
