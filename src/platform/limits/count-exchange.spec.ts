import { openDoor } from '../../../test/support/redis-door.js';
import { newId } from '../../kernel/ids.js';
import { loadConfig } from '../config/load-config.js';
import { createLog } from '../logging/create-log.js';
import { RedisConnection } from '../redis/redis-connection.js';
import { CountExchange } from './count-exchange.service.js';
import type { RateLimit } from './rate-limit.js';
import { RateLimits } from './rate-limits.service.js';

const SERVER = process.env['TEST_REDIS_URL'] ?? '';
/** A database of this suite's own, since it is emptied. */
const REDIS_URL = SERVER && new URL('/9', SERVER).href;
const QUOTA = 100;
const log = createLog({ logLevel: 'silent', logFormat: 'json' }, { write: () => undefined });
const ending: (() => void)[] = [];

afterEach(() => {
  for (const end of ending.splice(0).reverse()) end();
});

interface Node {
  readonly limit: RateLimit;
  readonly redis: RedisConnection;
}

async function node(url: string): Promise<Node> {
  const redis = new RedisConnection(url, log);
  redis.onModuleInit();
  const limits = new RateLimits(loadConfig({ LEGATE_RATE_LIMIT_READ: `source=${QUOTA}` }));
  const exchange = new CountExchange(redis, limits);
  exchange.onModuleInit();
  ending.push(() => { exchange.beforeApplicationShutdown(); redis.onApplicationShutdown(); });
  const limit = limits.of('read', 'source')!;
  await until(() => limit.granted === QUOTA);
  return { limit, redis };
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; !await condition(); tries += 1) {
    if (tries > 800) throw new Error('waited in vain');
    await new Promise((resolve) => { setTimeout(resolve, 25); });
  }
}

const granted = (limit: RateLimit, times: number, key: string) => Array.from({ length: times }, () => limit.take(key)).filter((wait) => wait === 0).length;

/** How much of a quota time may have brought back meanwhile. */
const RETURNED = 40;

describe('without Redis answering', () => {
  it('a node grants half from its start', () => {
    const redis = new RedisConnection('redis://127.0.0.1:1', log);
    const limits = new RateLimits(loadConfig({ LEGATE_RATE_LIMIT_READ: `source=${QUOTA}` }));
    const exchange = new CountExchange(redis, limits);
    exchange.onModuleInit();
    ending.push(() => exchange.beforeApplicationShutdown());
    expect(granted(limits.of('read', 'source')!, 200, 'a')).toBe(QUOTA / 2);
  });
});

describe.runIf(REDIS_URL !== '')('nodes that share a Redis', () => {
  it('add up what they grant, and pay back what they granted too much together', async () => {
    const [one, other] = [await node(REDIS_URL), await node(REDIS_URL)];
    const key = newId();
    expect(granted(one.limit, 60, key)).toBe(60);
    // What it grants itself next it tells, and is told of the sixty.
    await until(() => other.limit.take(key) > 0 || other.limit.remaining(key) < QUOTA - 50);
    expect(granted(other.limit, 200, key)).toBeLessThanOrEqual(QUOTA - 60 + RETURNED);
    await until(() => one.limit.take(key) > 0);
  });

  it('grant at most the quota once each when all is asked at the same moment, and nothing more until that is paid back', async () => {
    const nodes = [await node(REDIS_URL), await node(REDIS_URL), await node(REDIS_URL)];
    const key = newId();
    expect(nodes.reduce((sum, { limit }) => sum + granted(limit, 500, key), 0)).toBe(3 * QUOTA);
    // Each learns of it with what it grants next: two windows of debt beside the one that is used up.
    let more = 0;
    await until(() => {
      more += nodes.reduce((sum, { limit }) => sum + granted(limit, 1, key), 0);
      return nodes.every(({ limit }) => limit.used(key) > 100_000);
    });
    expect(more).toBeLessThanOrEqual(3 * 2);
    expect(nodes.map(({ limit }) => granted(limit, 50, key))).toEqual([0, 0, 0]);
  });

  it('learn no keys', async () => {
    const { limit, redis } = await node(REDIS_URL);
    const key = newId();
    const known = (await redis.client.keys('*')).length;
    limit.take(key);
    await until(async () => (await redis.client.keys('*')).length > known);
    expect(await redis.client.keys(`*${key}*`)).toEqual([]);
  });

  it('tell a Redis that was emptied anew, and go on counting meanwhile', async () => {
    const [one, other] = [await node(REDIS_URL), await node(REDIS_URL)];
    const key = newId();
    granted(one.limit, QUOTA, key);
    await until(() => {
      other.limit.take(key);
      return other.limit.remaining(key) === 0;
    });
    await one.redis.client.flushDb();
    let grantedAfter = 0;
    for (let round = 0; round < 20; round += 1) {
      grantedAfter += granted(one.limit, 50, key) + granted(other.limit, 50, key);
      await new Promise((resolve) => { setTimeout(resolve, 50); });
    }
    // What a second and a bit brings back, to each of them at most.
    expect(grantedAfter).toBeLessThanOrEqual(2 * RETURNED);
    const third = await node(REDIS_URL);
    await until(() => {
      third.limit.take(key);
      return third.limit.remaining(key) === 0;
    });
  });

  it('grant half each while Redis is silent or gone, and all of it together when it is back', async () => {
    const door = await openDoor(REDIS_URL);
    ending.push(() => door.shut());
    const { limit } = await node(door.url);
    const key = newId();
    granted(limit, 10, key);
    door.freeze();
    limit.take(key);
    await until(() => limit.granted === QUOTA / 2);
    expect(granted(limit, 500, key)).toBeLessThanOrEqual(QUOTA / 2 + RETURNED / 2);
    door.thaw();
    await until(() => limit.granted === QUOTA);
    door.shut();
    await until(() => limit.granted === QUOTA / 2);
    expect(granted(limit, 500, key)).toBeLessThanOrEqual(RETURNED);
    await door.reopen();
    await until(() => limit.granted === QUOTA);
  });
});
