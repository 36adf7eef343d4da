import { createHash } from 'node:crypto';
import { Inject, Injectable, type BeforeApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { REDIS, type Redis } from '../redis/redis.token.js';
import { WINDOW_MS, type Debt, type RateLimit } from './rate-limit.js';
import { RateLimits } from './rate-limits.service.js';

/** How often nodes tell each other what was used up. Milliseconds. */
const EXCHANGE_MS = 100;
const MOST_AT_ONCE = 500;
/**
 * What a node remembers counts in Redis less this much. A message never takes the same time twice; without this the slowest one
 * would set the sum of all, again and again. Of a Redis that lost its memory, it is all that is lost. Milliseconds.
 */
const TOLERANCE_MS = 250;
/** A debt is at most so many windows, however many nodes ran it up, and whatever clock was wrong. */
const LONGEST_DEBT = 10;

/**
 * The sum for each key is the time at which its quota is whole again: at least what the node that asks remembers, and then what
 * it adds. Redis' own clock counts, so those of the nodes may differ; they speak of the milliseconds from now.
 */
const SCRIPT = `
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local answers = {}
for index, key in ipairs(KEYS) do
  local remembered, spent = tonumber(ARGV[2 * index - 1]), tonumber(ARGV[2 * index])
  local ahead = math.max(tonumber(redis.call('GET', key) or '0') - now, remembered - ${TOLERANCE_MS}, 0) + spent
  ahead = math.min(ahead, ${LONGEST_DEBT * WINDOW_MS})
  if ahead > 0 then
    redis.call('SET', key, string.format('%.3f', now + ahead), 'PX', math.ceil(ahead) + 1000)
  else
    redis.call('DEL', key)
  end
  answers[index] = string.format('%.3f', ahead)
end
return answers`;

interface OwnDebt extends Debt {
  readonly limit: RateLimit;
}

/**
 * Has nodes limit together. Each decides about every request that it gets at once, by what it knows; ten times a second it adds
 * what was used up since to the sums in Redis, and reads what others added. So several nodes can grant the same request once
 * each between two exchanges: all together at most the quota for each of them, and what was granted too much is missing afterwards.
 *
 * Where no Redis is configured, nothing is exchanged. While the one configured does not answer, each node grants half. What a
 * node has counted it goes on counting, whatever Redis remembers: one that was emptied is told anew.
 */
@Injectable()
export class CountExchange implements OnModuleInit, BeforeApplicationShutdown {
  private timer?: NodeJS.Timeout;
  private isUnderWay = false;

  constructor(@Inject(REDIS) private readonly redis: Redis, private readonly limits: RateLimits) {}

  onModuleInit(): void {
    for (const limit of this.redis ? this.limits.all : []) {
      limit.share();
      limit.beStrict(true);
    }
    this.timer = setInterval(() => { void this.turn(); }, EXCHANGE_MS).unref();
  }

  beforeApplicationShutdown(): void {
    clearInterval(this.timer);
  }

  private async turn(): Promise<void> {
    for (const limit of this.limits.all) limit.forget();
    if (!this.redis || this.isUnderWay) return;
    this.isUnderWay = true;
    const isAnswering = await this.exchange(this.redis);
    for (const limit of this.limits.all) limit.beStrict(!isAnswering);
    this.isUnderWay = false;
  }

  /** Tells everything there is to tell, and asks also when there is nothing. Answers whether Redis did. */
  private async exchange(redis: NonNullable<Redis>): Promise<boolean> {
    if (!redis.isReady) return false;
    let debts: OwnDebt[];
    do {
      debts = this.takeDebts();
      const told = debts;
      try {
        const answers = await redis.ask((client) => client.eval(SCRIPT, {
          keys: told.map(nameOf), arguments: told.flatMap(({ remembered, spent }) => [String(remembered), String(spent)]),
        })) as string[];
        told.forEach((debt, index) => debt.limit.learn(debt, Number(answers[index])));
      } catch {
        // The connection has said so in the log. What could not be told is told when Redis answers again.
        for (const debt of told) debt.limit.putBack(debt);
        return false;
      }
    } while (debts.length === MOST_AT_ONCE);
    return true;
  }

  private takeDebts(): OwnDebt[] {
    const debts: OwnDebt[] = [];
    for (const limit of this.limits.all) debts.push(...limit.takeDebts(MOST_AT_ONCE - debts.length).map((debt) => ({ ...debt, limit })));
    return debts;
  }
}

/** Redis learns no address and no client. All names fall into one slot of a cluster, since one script is about all of them. */
function nameOf({ limit, bucket }: OwnDebt): string {
  return `legate:{limits}:${limit.name}:${createHash('sha256').update(bucket.key).digest('hex').slice(0, 32)}`;
}
