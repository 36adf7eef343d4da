import { randomUUID } from 'node:crypto';
import autocannon from 'autocannon';
import { residentMemory } from '../../bench/process-usage.js';
import { call } from '../support/api.js';
import { describeWithPostgres, type PostgresCluster } from '../support/postgres-cluster.js';
import { startServer, type TestServer } from '../support/server.js';
import { report } from '../support/stored-facts.js';
import { Load, type LoadParts } from './load.js';
import { OpenLoop, type Answered } from './open-loop.js';
import { expectAllStored, KINDS, loadParts, pause } from './outages.js';

const WARM_UP_SECONDS = 3;
const MEASURED_SECONDS = 2;
const OVERLOADED_SECONDS = 6;
const TIMES = 3;
const MOST_TIMES = 12;
const PROBE_MS = 200;
const RECOVERY_MS = 3_000;
const AFTER_MS = 2_000;
/** How much longer those at the end may wait than those before them, on a machine that does other things as well. */
const GROWTH = 3;
/** What waits for a password to be looked at is bounded as well, but slow. Without a bound it would be several times this. */
const QUEUED_MS = 3_000;
/** How much larger the process may become than it was when it was busy. Mebibytes. */
const ROOM = 400;

/** What is asked for. */
interface Kind {
  readonly name: string;
  /** Clients that each ask again when they have an answer: enough to keep a server busy with all kinds at once. */
  readonly clients: number;
  /** More than a server answers at the same time. */
  readonly connections: number;
  readonly path: string;
  readonly headers: () => Record<string, string>;
  readonly body: () => string;
}

describeWithPostgres('a server that is asked for three times what it can do', (createCluster) => {
  let cluster: PostgresCluster;
  let server: TestServer;
  let parts: LoadParts;
  let kinds: readonly Kind[];

  beforeAll(async () => {
    cluster = await createCluster();
    server = await startServer({ environment: { DATABASE_URL: cluster.url, LEGATE_ACCESS_TOKEN_TTL: '3600', LEGATE_TRUSTED_PROXIES: '1', LOG_LEVEL: 'error' } });
    parts = await loadParts(server);
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    const { basic, token } = parts;
    kinds = [
      { name: 'token', clients: 25, connections: 1_500, path: '/api/oauth/token', headers: () => ({ ...form, authorization: authorization(...basic) }), body: () => 'grant_type=client_credentials&scope=weather:read' },
      { name: 'introspection', clients: 25, connections: 1_500, path: '/api/oauth/introspect', headers: () => ({ ...form, authorization: authorization('bootstrap', server.clientSecret) }), body: () => `token=${token}` },
      // Of everybody, from everywhere: none of them runs into a limit.
      {
        name: 'sign-in', clients: 4, connections: 300, path: '/api/auth/login', headers: () => ({ 'content-type': 'application/json', 'x-forwarded-for': `203.0.${random(256)}.${random(256)}` }),
        body: () => JSON.stringify({ name: randomUUID(), password: 'a guess' }),
      },
    ];
  });

  afterAll(async () => {
    await server?.stop();
    await cluster?.remove();
  });

  /** How many of them it answers in a second. */
  function measure({ clients, path, headers, body }: Kind, seconds: number): Promise<number> {
    return new Promise((resolve, reject) => {
      const asked = () => ({ method: 'POST' as const, path, headers: headers(), body: body() });
      const requests = [{ ...asked(), setupRequest: (former: autocannon.Request) => ({ ...former, ...asked() }) }];
      autocannon({ url: server.issuer, connections: clients, duration: seconds, requests }, (error: Error | null, result) => { if (error) reject(error); else resolve(result.requests.total / seconds); });
    });
  }

  function wire({ path, headers, body }: Kind): string {
    const text = body();
    const lines = Object.entries({ host: new URL(server.issuer).host, 'content-length': String(Buffer.byteLength(text)), ...headers() }).map(([name, value]) => `${name}: ${value}\r\n`);
    return `POST ${path} HTTP/1.1\r\n${lines.join('')}\r\n${text}`;
  }

  it('tells whoever is too many 429 or 503 with Retry-After, keeps its size, answers probes, and serves everybody soon after', async () => {
    await Promise.all(kinds.map((kind) => measure(kind, WARM_UP_SECONDS)));
    const usual = await Promise.all(kinds.map((kind) => measure(kind, MEASURED_SECONDS)));
    const before = residentMemory(server.process.pid!)!;
    report(`what it does when it is busy, at ${Math.round(before)} MiB: ${kinds.map(({ name }, index) => `${Math.round(usual[index]!)} × ${name}`).join(', ')} a second`);

    const port = Number(new URL(server.issuer).port);
    const loops = kinds.map(() => new OpenLoop(port));
    for (const [index, loop] of loops.entries()) await loop.open(kinds[index]!.connections);
    let hasEnded = false;
    const isOver = () => hasEnded;
    let largest = before;
    const probes: { status: number; took: number }[] = [];
    const watching = (async () => {
      while (!isOver()) {
        const from = performance.now();
        const { status } = await call(server, 'GET', '/health/live').catch(() => ({ status: 0 }));
        probes.push({ status, took: performance.now() - from });
        largest = Math.max(largest, residentMemory(server.process.pid!)!);
        await pause(PROBE_MS);
      }
    })();
    let [times, answered] = [TIMES, [] as Answered[]];
    // On a machine that does other things as well it may be able to do more by now than when it was measured.
    for (; !answered[0]?.statuses.has(503); times *= 2) {
      if (times > MOST_TIMES) throw new Error('nobody was too many');
      answered = await Promise.all(kinds.map((kind, index) => loops[index]!.send({ name: kind.name, request: () => wire(kind) }, usual[index]! * times, OVERLOADED_SECONDS)));
      report(`${times} times as much for ${OVERLOADED_SECONDS} s:`);
      answered.forEach(tell);
    }
    hasEnded = true;
    await watching;
    for (const loop of loops) loop.close();
    report(`at most ${Math.round(largest)} MiB; ${probes.length} probes, the slowest ${Math.round(Math.max(...probes.map(({ took }) => took)))} ms`);

    await pause(RECOVERY_MS);
    const load = new Load(parts);
    load.start();
    await pause(AFTER_MS);
    await load.stop();

    for (const { name, statuses, quarters, withoutRetryAfter, withoutAnswer } of answered) {
      expect({ name, withoutRetryAfter, withoutAnswer }).toEqual({ name, withoutRetryAfter: 0, withoutAnswer: 0 });
      expect([...statuses.keys()].filter((status) => ![200, 429, 503, ...(name === 'sign-in' ? [401] : [])].includes(status))).toEqual([]);
      // What waits does not grow with the time that it goes on.
      expect(median(quarters[3]!)).toBeLessThan(GROWTH * median(quarters[1]!) + QUEUED_MS);
    }
    for (const { statuses } of answered) expect(statuses.get(200) ?? statuses.get(401)).toBeGreaterThan(0);
    expect(probes.length).toBeGreaterThan(3);
    expect(probes.filter(({ status }) => status !== 200)).toEqual([]);
    expect(largest).toBeLessThan(before + ROOM);
    expect({ exitCode: server.process.exitCode, signal: server.process.signalCode }).toEqual({ exitCode: null, signal: null });
    expect(load.lies).toEqual([]);
    expect(load.told.filter(({ status }) => status === 0 || status >= 300).map(({ kind, status, code }) => ({ kind, status, code }))).toEqual([]);
    for (const kind of KINDS) expect(load.told.filter((told) => told.kind === kind).length).toBeGreaterThan(3);
    await expectAllStored(load, cluster.url, { hasRefusals: true });
  });
});

function tell({ name, statuses, quarters }: Answered): void {
  const counts = [...statuses].sort(([one], [other]) => one - other).map(([status, many]) => `${many} × ${status}`);
  report(`${name}: ${counts.join(', ')}; half of them within ${quarters.map((waits) => Math.round(median(waits))).join(', ')} ms, quarter by quarter; all within ${Math.round(Math.max(...quarters.map((waits) => waits.at(-1) ?? 0)))} ms`);
}

/** @param sorted in order */
function median(sorted: readonly number[]): number {
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

function authorization(id: string, secret: string): string {
  return `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`;
}

function random(below: number): number {
  return Math.floor(Math.random() * below);
}
