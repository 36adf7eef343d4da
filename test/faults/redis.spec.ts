import { randomUUID } from 'node:crypto';
import { exportJWK, generateKeyPair, SignJWT, type JWK } from 'jose';
import { call, post } from '../support/api.js';
import { clientAssertion, presenting, registerKeyClient, type KeyClient } from '../support/assertions.js';
import { MACHINE_CLIENT, registerClient } from '../support/clients.js';
import { describeWithPostgres, type PostgresCluster } from '../support/postgres-cluster.js';
import { hasRedis, startRedis, type RedisServer } from '../support/redis-server.js';
import { startServer, type TestServer } from '../support/server.js';
import { report } from '../support/stored-facts.js';
import { pause } from './outages.js';

const QUOTA = 60;
/** As many as come back each second. */
const RATE = QUOTA / 60;
/** Nodes hear of each other ten times a second: what both grant meanwhile. */
const UNHEARD = QUOTA / 5;
/** Of an account and a network together, in a quarter of an hour. A node that has not asked since does not know of the other's last one. */
const GUESSES = 10;
const UNKNOWN = 2;
const BEFORE_MS = 2_000;
const FAULT_MS = 3_000;
const AFTER_MS = 2_000;
const PAUSE_MS = 20;

let sources = 1;
const from = () => ({ 'x-forwarded-for': `198.51.100.${sources++}` });

/** Somebody who asks one node after the other, more often than they may. */
interface Crowd {
  readonly name: string;
  readonly begun: number;
  granted: number;
  refused: number;
}

const reason = hasRedis() ? '' : ' (no redis-server here)';
if (reason) process.stderr.write(`Skipped: nodes that share a Redis${reason}\n`);

describe.skipIf(reason !== '')(`nodes that share a Redis, under load,${reason}`, () => {
  describeWithPostgres('and a PostgreSQL', (createCluster) => {
    let cluster: PostgresCluster;
    let redis: RedisServer;
    const nodes: TestServer[] = [];
    let assertor: KeyClient;
    let basic: [string, string];
    let dpop: { sign: (jti: string) => Promise<string> };

    beforeAll(async () => {
      [cluster, redis] = [await createCluster(), await startRedis()];
      nodes.push(await startServer({ environment: { DATABASE_URL: cluster.url, REDIS_URL: redis.url, LEGATE_TRUSTED_PROXIES: '1', LEGATE_RATE_LIMIT_READ: `source=${QUOTA}` } }));
      nodes.push(await startServer({ beside: nodes[0]! }));
      assertor = await registerKeyClient(nodes[0]!);
      const machine = await registerClient(nodes[0]!, MACHINE_CLIENT);
      basic = [machine.clientId, machine.clientSecret!];
      const { privateKey, publicKey } = await generateKeyPair('ES256');
      const jwk: JWK = await exportJWK(publicKey);
      dpop = { sign: (jti) => new SignJWT({ jti, htm: 'POST', htu: `${nodes[0]!.issuer}/api/oauth/token` }).setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk }).setIssuedAt().sign(privateKey) };
    });

    afterAll(async () => {
      for (const node of [...nodes].reverse()) await node.stop();
      await redis?.remove();
      await cluster?.remove();
    });

    /** Waits until the nodes grant so many, as they tell. */
    async function quota(expected: number): Promise<void> {
      for (const node of nodes) {
        const headers = from();
        for (let tries = 0; ; tries += 1) {
          const told = (await call(node, 'GET', '/api/agents', { headers })).headers.get('ratelimit-policy');
          if (told?.includes(`;q=${expected};`)) break;
          if (tries > 400) throw new Error(`the quota is still ${told}`);
          await pause(50);
        }
      }
    }

    const presented: (() => Promise<{ status: number }>)[] = [];

    /** Shows one assertion and one proof to both nodes at once, twice each. Answers how often each was taken. */
    async function useOnce(): Promise<number[]> {
      const assertion = await clientAssertion(nodes[0]!, assertor, { claims: { exp: Math.floor(Date.now() / 1000) + 120 } });
      const proof = await dpop.sign(randomUUID());
      const uses = [
        (node: TestServer) => post(node, '/api/oauth/token', { grant_type: 'client_credentials', ...presenting(assertion) }),
        (node: TestServer) => post(node, '/api/oauth/token', { grant_type: 'client_credentials' }, { basic, headers: { dpop: proof } }),
      ];
      return Promise.all(uses.map(async (use) => {
        presented.push(() => use(nodes[presented.length % 2]!));
        const answers = await Promise.all([...nodes, ...nodes].map(use));
        return answers.filter(({ status }) => status === 200).length;
      }));
    }

    it.each<[string, () => unknown, () => unknown]>([
      ['is gone', () => redis.kill(), () => redis.start()],
      ['is silent', () => redis.freeze(), () => redis.thaw()],
      ['forgets everything, twice', () => redis.empty(), () => redis.empty()],
    ])('take nothing twice and lift no limit while it %s, go on issuing, and share again afterwards', async (_, begin, end) => {
      await quota(QUOTA);
      presented.length = 0;
      const crowds: Crowd[] = [];
      const guessers: Crowd[] = [];
      const taken: number[] = [];
      const tokens: Record<number, number> = {};
      let hasEnded = false;
      const isOver = () => hasEnded;
      const loops: Promise<void>[] = [];
      const repeat = (act: (turn: number) => Promise<unknown>) => loops.push((async () => {
        for (let turn = 0; !isOver(); turn += 1) {
          await act(turn);
          await pause(PAUSE_MS);
        }
      })());
      const newcomers = (name: string) => {
        const headers = from();
        const crowd: Crowd = { name, begun: performance.now(), granted: 0, refused: 0 };
        crowds.push(crowd);
        for (let beside = 0; beside < 2; beside += 1) repeat(async (turn) => {
          const { status } = await call(nodes[(turn + beside) % 2]!, 'GET', '/api/agents', { headers });
          if (status === 429) crowd.refused += 1;
          else crowd.granted += 1;
        });
        const guesser: Crowd = { ...crowd };
        guessers.push(guesser);
        const account = `nobody ${randomUUID()}`;
        repeat(async (turn) => {
          const { status } = await call(nodes[turn % 2]!, 'POST', '/api/auth/login', { headers, body: { name: account, password: `guess ${turn}` } });
          if (status === 429) guesser.refused += 1;
          else guesser.granted += 1;
        });
      };
      repeat(async () => { taken.push(...await useOnce()); });
      repeat(async (turn) => {
        const { status } = await post(nodes[turn % 2]!, '/api/oauth/token', { grant_type: 'client_credentials' }, { basic });
        tokens[status] = (tokens[status] ?? 0) + 1;
      });

      newcomers('before');
      await pause(BEFORE_MS);
      newcomers('just before');
      await pause(BEFORE_MS / 4);
      await begin();
      newcomers('meanwhile');
      await pause(FAULT_MS);
      await end();
      await pause(AFTER_MS);
      while (crowds.some(({ refused }) => refused === 0)) await pause(PAUSE_MS);
      hasEnded = true;
      await Promise.all(loops);
      // What was taken once is not taken later either.
      const again = await Promise.all(presented.map((use) => use()));

      const over = performance.now();
      for (const { name, granted, refused, begun } of crowds) report(`since ${name}: ${granted} granted of ${granted + refused} in ${Math.round(over - begun)} ms, where the quota is ${QUOTA} a minute`);
      for (const { name, granted, refused } of guessers) report(`since ${name}: ${granted} guesses at a password of ${granted + refused}, where ${GUESSES} may be made`);
      report(`${taken.length} assertions and proofs shown four times each, ${taken.filter((times) => times === 1).length} taken once; ${again.length} shown again, ${again.filter(({ status }) => status === 200).length} taken; tokens ${JSON.stringify(tokens)}`);

      expect(taken.filter((times) => times !== 1)).toEqual([]);
      expect(again.filter(({ status }) => status === 200)).toEqual([]);
      expect(Object.keys(tokens)).toEqual(['200']);
      for (const { granted, begun } of crowds) {
        // What comes back may be granted by both before they hear of it.
        expect(granted).toBeLessThanOrEqual(QUOTA + UNHEARD + 2 * (over - begun) / 1000 * RATE);
        expect(granted).toBeGreaterThan(QUOTA / 4);
      }
      for (const { granted } of guessers) expect(granted).toBeLessThanOrEqual(GUESSES + UNKNOWN);
      await quota(QUOTA);
    });
  });
});
