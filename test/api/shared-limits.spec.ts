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
        if (tries > 1200) throw new Error(`the quota is still ${told}`);
        await new Promise((resolve) => { setTimeout(resolve, 50); });
      }
    }
  }

  /** Asks one node after the other, so often; answers how many were not refused, and how many came back meanwhile. */
  async function load(headers: Record<string, string>, times: number, meanwhile?: () => void): Promise<{ granted: number; returned: number }> {
    let granted = 0;
    const begun = performance.now();
    for (let turn = 0; turn < times; turn += 1) {
      if (turn === times / 4) meanwhile?.();
      if ((await ask(nodes[turn % 2]!, headers)).status !== 429) granted += 1;
    }
    return { granted, returned: (performance.now() - begun) / 1000 * RATE };
  }

  /** Until both nodes refuse. */
  async function useUp(headers: Record<string, string>): Promise<void> {
    for (let refused = 0; refused < 6;) {
      const { granted } = await load(headers, 2);
      refused = granted === 0 ? refused + 1 : 0;
    }
  }

  it('limit together', async () => {
    const headers = source();
    const begun = performance.now();
    let granted = 0;
    while (granted < QUOTA / 2) if ((await ask(nodes[0]!, headers)).status !== 429) granted += 1;
    // With what it grants next the other hears of them.
    for (let left = QUOTA; left > QUOTA / 2 + 10;) {
      const answer = await ask(nodes[1]!, headers);
      if (answer.status !== 429) granted += 1;
      left = Number(/;r=(\d+)/.exec(answer.headers.get('ratelimit')!)![1]);
      await new Promise((resolve) => { setTimeout(resolve, 50); });
    }
    while ((await ask(nodes[1]!, headers)).status !== 429) granted += 1;
    expect(granted).toBeGreaterThan(QUOTA * 0.9);
    expect(granted).toBeLessThanOrEqual(QUOTA + (performance.now() - begun) / 1000 * RATE + 2);
  });

  it('lift no limit when Redis is emptied in the middle of it', async () => {
    const headers = source();
    await useUp(headers);
    const redis = await createClient({ url: REDIS_URL }).connect();
    await redis.flushDb();
    const { granted, returned } = await load(headers, 2 * QUOTA, () => { void redis.flushDb(); });
    await redis.close();
    // What comes back, and both may grant it once before they hear of each other.
    expect(granted).toBeLessThanOrEqual(Math.ceil(2 * returned) + 4);
  });

  it('grant less when Redis is silent or gone, never more, and all of it again when it is back', async () => {
    const headers = source();
    const first = await load(headers, 2 * QUOTA, door.freeze);
    await quota(QUOTA / 2);
    const then = await load(headers, QUOTA);
    // At worst each node found out for itself.
    expect(first.granted + then.granted).toBeLessThanOrEqual(2 * QUOTA + 2 * (first.returned + then.returned));
    expect(then.granted).toBeLessThan(QUOTA);
    const others = source();
    let alone = 0;
    const begun = performance.now();
    while ((await ask(nodes[0]!, others)).status !== 429) alone += 1;
    expect(alone).toBeGreaterThanOrEqual(QUOTA / 2);
    expect(alone).toBeLessThanOrEqual(QUOTA / 2 + (performance.now() - begun) / 1000 * RATE + 1);
    door.thaw();
    await quota(QUOTA);
    door.shut();
    await quota(QUOTA / 2);
    await door.reopen();
    await quota(QUOTA);
  });
});
