import { createClient } from 'redis';
import { call } from '../support/api.js';
import { startApplication, type TestApplication } from '../support/application.js';
import { openDoor, type RedisDoor } from '../support/redis-door.js';

const SERVER = process.env['TEST_REDIS_URL'] ?? '';
/** A database of this suite's own, since it is emptied. */
const REDIS_URL = SERVER && new URL('/10', SERVER).href;
const QUOTA = 120;
/** As many as come back each second. */
const RATE = QUOTA / 60;

let nextSource = 1;
const source = () => ({ 'x-forwarded-for': `198.51.100.${nextSource++}` });

/** Two nodes ask for each other's counts a few times in this. */
const SOME_EXCHANGES_MS = 500;
const wait = (milliseconds: number) => new Promise((resolve) => { setTimeout(resolve, milliseconds); });

describe.runIf(SERVER !== '')('nodes that share a Redis', () => {
  let door: RedisDoor;
  let nodes: TestApplication[];

  beforeAll(async () => {
    door = await openDoor(REDIS_URL);
    const environment = { LOG_LEVEL: 'silent', LEGATE_TRUSTED_PROXIES: '1', REDIS_URL: door.url, LEGATE_RATE_LIMIT_READ: `source=${QUOTA}` };
    nodes = [await startApplication(environment), await startApplication(environment)];
    await quota(QUOTA);
  });
  afterAll(async () => {
    for (const node of nodes) await node.stop();
    door.shut();
  });

  const ask = (node: TestApplication, headers: Record<string, string>) => call(node, 'GET', '/api/agents', { headers });

  /** Waits until the nodes grant so many, as refusals tell. */
  async function quota(expected: number): Promise<void> {
    for (const node of nodes) {
      const headers = source();
      for (let tries = 0; ; tries += 1) {
        const told = (await ask(node, headers)).headers.get('ratelimit-policy');
        if (told?.includes(`;q=${expected};`)) break;
        if (tries > 2000) throw new Error(`the quota is still ${told}`);
      }
    }
  }

  /** Asks one node after the other, for so long; answers how many were not refused. */
  async function load(headers: Record<string, string>, milliseconds: number, meanwhile?: () => void): Promise<number> {
    let granted = 0;
    const begun = performance.now();
    for (let turn = 0; performance.now() - begun < milliseconds; turn += 1) {
      if (turn === 50) meanwhile?.();
      if ((await ask(nodes[turn % 2]!, headers)).status !== 429) granted += 1;
    }
    return granted;
  }

  it('limit together', async () => {
    const headers = source();
    const begun = performance.now();
    const granted = await load(headers, 4000);
    const returned = (performance.now() - begun) / 1000 * RATE;
    expect(granted).toBeGreaterThan(QUOTA * 0.9);
    // Beside that, what both granted at once between two exchanges.
    expect(granted).toBeLessThanOrEqual(QUOTA + returned + QUOTA / 2);
  });

  it('lift no limit when Redis is emptied in the middle of it', async () => {
    const headers = source();
    await load(headers, 3000);
    const redis = await createClient({ url: REDIS_URL }).connect();
    await redis.flushDb();
    const begun = performance.now();
    const granted = await load(headers, 3000, () => { void redis.flushDb(); });
    const returned = (performance.now() - begun) / 1000 * RATE;
    await redis.close();
    expect(granted).toBeLessThanOrEqual(Math.ceil(2 * returned) + 4);
  });

  it('grant less when Redis is silent or gone, never more, and all of it again when it is back', async () => {
    const headers = source();
    const begun = performance.now();
    const granted = await load(headers, 3000, door.freeze);
    await quota(QUOTA / 2);
    const more = await load(headers, 1000);
    const returned = (performance.now() - begun) / 1000 * RATE;
    // At worst each node found out for itself.
    expect(granted + more).toBeLessThanOrEqual(2 * QUOTA + returned);
    const others = source();
    const [first] = nodes;
    let alone = 0;
    while ((await ask(first!, others)).status !== 429) alone += 1;
    expect(alone).toBeGreaterThanOrEqual(QUOTA / 2);
    expect(alone).toBeLessThan(QUOTA);
    door.thaw();
    await quota(QUOTA);
    door.shut();
    await quota(QUOTA / 2);
    await door.reopen();
    await quota(QUOTA);
    await wait(SOME_EXCHANGES_MS);
  });
});
