import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { openDoor } from '../../../test/support/redis-door.js';
import { useClock } from '../../kernel/clock.js';
import { newId } from '../../kernel/ids.js';
import { ConfigModule } from '../config/config.module.js';
import { loadConfig } from '../config/load-config.js';
import { createLog } from '../logging/create-log.js';
import { LoggingModule } from '../logging/logging.module.js';
import { AttemptLimiter } from './attempt-limiter.js';
import { LocalLimiter } from './local-limiter.js';
import { RedisConnection } from './redis-connection.js';
import { RedisModule } from './redis.module.js';
import { REDIS } from './redis.token.js';

const REDIS_URL = process.env['TEST_REDIS_URL'] ?? '';
const lines: string[] = [];
const log = createLog({ logLevel: 'info', logFormat: 'json' }, { write: (line) => { lines.push(line); } });
const ending: (() => Promise<void> | void)[] = [];

beforeEach(() => { lines.length = 0; });
afterEach(async () => {
  for (const end of ending.splice(0).reverse()) await end();
});

async function connected(url: string): Promise<RedisConnection> {
  const redis = new RedisConnection(url, log);
  redis.onModuleInit();
  ending.push(() => redis.onApplicationShutdown());
  await until(() => redis.isReady);
  return redis;
}

async function until(condition: () => boolean): Promise<void> {
  for (let tries = 0; !condition(); tries += 1) {
    if (tries > 200) throw new Error('waited in vain');
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

async function door(url: string) {
  const made = await openDoor(url);
  ending.push(made.shut);
  return made;
}

const BACKENDS: [name: string, url: string | undefined][] = [['in memory', undefined], ...(REDIS_URL ? [['on Redis', REDIS_URL] as [string, string]] : [])];

describe.each(BACKENDS)('an attempt limiter %s', (_, url) => {
  const limiter = async () => new AttemptLimiter(url ? await connected(url) : undefined);

  it('grants so many attempts in a window and says when to come back', async () => {
    const attempts = await limiter();
    const key = newId();
    for (let attempt = 0; attempt < 3; attempt += 1) expect(await attempts.consume(key, 3, 60)).toEqual({ allowed: true, retryAfterSeconds: 0 });
    const refused = await attempts.consume(key, 3, 60);
    expect(refused.allowed).toBe(false);
    expect(refused.retryAfterSeconds).toBeGreaterThan(55);
    expect(refused.retryAfterSeconds).toBeLessThanOrEqual(60);
    expect(await attempts.consume(newId(), 3, 60)).toMatchObject({ allowed: true });
  });

  it('grants again when the window is over', async () => {
    const attempts = await limiter();
    const key = newId();
    await attempts.consume(key, 1, 1);
    expect(await attempts.consume(key, 1, 1)).toEqual({ allowed: false, retryAfterSeconds: 1 });
    await new Promise((resolve) => setTimeout(resolve, 1100));
    expect(await attempts.consume(key, 1, 1)).toMatchObject({ allowed: true });
  });

  it('grants no more to attempts made at the same time', async () => {
    const attempts = await limiter();
    const key = newId();
    const answers = await Promise.all(Array.from({ length: 20 }, () => attempts.consume(key, 5, 60)));
    expect(answers.filter(({ allowed }) => allowed)).toHaveLength(5);
  });
});

describe('without Redis answering', () => {
  it('a node starts, limits by itself and grants half', async () => {
    const redis = new RedisConnection('redis://127.0.0.1:1', log);
    redis.onModuleInit();
    ending.push(() => redis.onApplicationShutdown());
    const attempts = new AttemptLimiter(redis);
    const key = newId();
    const answers = [];
    for (let attempt = 0; attempt < 10; attempt += 1) answers.push(await attempts.consume(key, 10, 60));
    expect(answers.filter(({ allowed }) => allowed)).toHaveLength(5);
  });

  it('a node says so once, however often it tries', async () => {
    const redis = new RedisConnection('redis://:hunter2@127.0.0.1:1', log);
    redis.onModuleInit();
    ending.push(() => redis.onApplicationShutdown());
    await new Promise((resolve) => setTimeout(resolve, 1500));
    expect(lines.filter((line) => line.includes('Redis does not answer'))).toHaveLength(1);
    expect(lines.join('')).not.toContain('hunter2');
  });
});

describe.runIf(REDIS_URL !== '')('while Redis comes and goes', () => {
  it('nodes share their counts, and Redis learns no key', async () => {
    const [one, other] = [await connected(REDIS_URL), await connected(REDIS_URL)];
    const key = `sign-in:${newId()}`;
    expect(await new AttemptLimiter(one).consume(key, 1, 60)).toMatchObject({ allowed: true });
    expect(await new AttemptLimiter(other).consume(key, 1, 60)).toMatchObject({ allowed: false });
    expect(await one.client.keys(`*${key}*`)).toEqual([]);
  });

  it('a frozen Redis holds a request up once, briefly, and never lifts the limit', async () => {
    const { url, freeze, thaw } = await door(REDIS_URL);
    const redis = await connected(url);
    const attempts = new AttemptLimiter(redis);
    const key = newId();
    await attempts.consume(key, 4, 60);
    freeze();
    const started = performance.now();
    const answers = [];
    for (let attempt = 0; attempt < 6; attempt += 1) answers.push(await attempts.consume(key, 4, 60));
    expect(performance.now() - started).toBeLessThan(2000);
    // Half of four, of which one was used before.
    expect(answers.filter(({ allowed }) => allowed)).toHaveLength(1);
    thaw();
  });

  it('an emptied Redis grants nothing anew to nodes that know what was used, by themselves or by others', async () => {
    const [one, other] = [await connected(REDIS_URL), await connected(REDIS_URL)];
    const nodes = [new AttemptLimiter(one), new AttemptLimiter(other)];
    const key = newId();
    for (let attempt = 0; attempt < 8; attempt += 1) await nodes[attempt % 2]!.consume(key, 6, 60);
    // As much of it as this test may empty.
    const forgotten = await one.client.keys('legate:attempts:6:60:*');
    await one.client.del(forgotten);
    for (const node of nodes) expect(await node.consume(key, 6, 60)).toMatchObject({ allowed: false });
    // They told it, so a node that knew of nothing hears of it, too.
    expect(await new AttemptLimiter(one).consume(key, 6, 60)).toMatchObject({ allowed: false });
  });

  it('a Redis that is back hears from every node what it counted alone', async () => {
    const doors = [await door(REDIS_URL), await door(REDIS_URL)];
    const connections = await Promise.all(doors.map(({ url }) => connected(url)));
    const nodes = connections.map((redis) => new AttemptLimiter(redis));
    const key = newId();
    for (const { shut } of doors) shut();
    for (const redis of connections) await until(() => !redis.isReady);
    for (const node of nodes) for (let attempt = 0; attempt < 5; attempt += 1) expect(await node.consume(key, 10, 60)).toMatchObject({ allowed: true });
    for (const { reopen } of doors) await reopen();
    for (const redis of connections) await until(() => redis.isReady);
    // The first of them knows of its own five alone.
    expect(await nodes[0]!.consume(key, 10, 60)).toMatchObject({ allowed: true });
    expect(await nodes[1]!.consume(key, 10, 60)).toMatchObject({ allowed: false });
    expect(await nodes[0]!.consume(key, 10, 60)).toMatchObject({ allowed: false });
  });

  it('a lost Redis is found again', async () => {
    const { url, shut, reopen } = await door(REDIS_URL);
    const redis = await connected(url);
    const attempts = new AttemptLimiter(redis);
    shut();
    await until(() => !redis.isReady);
    const key = newId();
    expect(await attempts.consume(key, 2, 60)).toMatchObject({ allowed: true });
    expect(await attempts.consume(key, 2, 60)).toMatchObject({ allowed: false });
    await reopen();
    await until(() => redis.isReady);
    expect(await attempts.consume(newId(), 1, 60)).toMatchObject({ allowed: true });
    expect(lines.filter((line) => line.includes('Redis answers again'))).toHaveLength(1);
  });
});

describe('a clock that is set', () => {
  it('forward or back, neither gives attempts back nor takes them for longer', async () => {
    let [at, steady] = [1_000_000, 0];
    const restore = useClock({ now: () => at, elapsed: () => steady });
    try {
      const attempts = new AttemptLimiter(undefined);
      await attempts.consume('a', 1, 60);
      for (const jump of [3_600_000, -7_200_000]) {
        at += jump;
        expect(await attempts.consume('a', 1, 60)).toEqual({ allowed: false, retryAfterSeconds: 60 });
      }
      steady += 60_000;
      expect(await attempts.consume('a', 1, 60)).toMatchObject({ allowed: true });
    } finally {
      restore();
    }
  });
});

describe('memory', () => {
  it('is bounded: a flood of made-up keys ends up limited together, and the keys known before keep their own count', async () => {
    const limiter = new LocalLimiter(60, 100);
    const hex = (index: number) => index.toString(16).padStart(32, '0');
    for (let index = 1; index <= 100; index += 1) limiter.add(hex(index));
    // All of these fall into the same shared bucket, since their first digits are equal.
    for (let index = 0; index < 50; index += 1) limiter.add(hex(1_000_000 + index));
    expect(limiter.count(hex(2_000_000)).attempts).toBe(50);
    expect(limiter.add(hex(1)).attempts).toBe(2);
  });
});

describe('the module', () => {
  it('gives a limiter where no Redis is configured', async () => {
    const app = await NestFactory.createApplicationContext({ module: class Root {}, imports: [ConfigModule.forRoot(loadConfig({})), LoggingModule.forRoot(log), RedisModule] }, { logger: false });
    expect(app.get(REDIS)).toBeUndefined();
    expect(await app.get(AttemptLimiter).consume('a', 1, 60)).toMatchObject({ allowed: true });
    await app.close();
  });
});
