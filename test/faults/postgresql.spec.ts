import { DataSource } from 'typeorm';
import { verifyStoredLog } from '../../src/modules/audit/stored-log.js';
import { bootstrapToken } from '../support/api.js';
import { CALLBACK, MACHINE_CLIENT, registerAgent, registerClient } from '../support/clients.js';
import { describeWithPostgres, type PostgresCluster } from '../support/postgres-cluster.js';
import { startServer, type TestServer } from '../support/server.js';
import { report } from '../support/stored-facts.js';
import { Load, type LoadParts, type Told } from './load.js';

const BEFORE_MS = 2_000;
/** From the moment the database answers again until everything must work again. */
const RECOVERY_MS = 5_000;
const AFTER_MS = 3_000;
/** LEGATE_DATABASE_TIMEOUT_MS, 5 s unless set, and what a busy machine needs beside it. */
const LONGEST_ANSWER_MS = 8_000;
/** The readiness check waits two seconds and its answer is kept for one. */
const NOTICED_MS = 4_000;

/** When the database was away. */
interface Outage {
  readonly from: number;
  readonly to: number;
}

describeWithPostgres('when PostgreSQL goes away under load', (createCluster) => {
  let cluster: PostgresCluster;
  let server: TestServer;
  let parts: LoadParts;

  beforeAll(async () => {
    cluster = await createCluster();
    server = await startServer({ environment: { DATABASE_URL: cluster.url, LEGATE_ACCESS_TOKEN_TTL: '3600' } });
    const machine = await registerClient(server, MACHINE_CLIENT);
    const web = await registerClient(server, { grant_types: ['authorization_code'], redirect_uris: [CALLBACK], scopes: ['openid', 'weather:read'] });
    parts = {
      server,
      basic: [machine.clientId, machine.clientSecret!],
      token: await bootstrapToken(server),
      apiKey: (await registerAgent(server)).clientSecret,
      authorizationUrl: `${server.issuer}/api/oauth/authorize?${new URLSearchParams({
        client_id: web.clientId, redirect_uri: CALLBACK, response_type: 'code', scope: 'openid',
        code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM', code_challenge_method: 'S256',
      })}`,
    };
  }, 120_000);

  afterAll(async () => {
    await server?.stop();
    await cluster?.remove();
  });

  /** Puts the server under load, takes the database away from it, and waits until things should be well again. */
  async function live(through: () => Promise<Outage>): Promise<{ load: Load; outage: Outage }> {
    const load = new Load(parts);
    load.start();
    await pause(BEFORE_MS);
    const outage = await through();
    await pause(RECOVERY_MS + AFTER_MS);
    await load.stop();
    return { load, outage };
  }

  async function stopped(mode: 'fast' | 'immediate', forMs: number): Promise<Outage> {
    const from = performance.now();
    await cluster.stop(mode);
    await pause(forMs);
    await cluster.start();
    return { from, to: performance.now() };
  }

  async function frozen(forMs: number): Promise<Outage> {
    const from = performance.now();
    cluster.freeze();
    await pause(forMs);
    cluster.thaw();
    return { from, to: performance.now() };
  }

  it.each([
    ['hangs for twenty seconds', () => frozen(20_000)],
    ['crashes, and is back after five seconds', () => stopped('immediate', 5_000)],
    ['is restarted in order', () => stopped('fast', 0)],
  ])('answers 503 in time while it %s, recovers by itself, and has everything that it ever acknowledged', async (_, takeAway) => {
    const { load, outage } = await live(takeAway);
    for (const line of summary(load.told, outage)) report(line);

    // Told in time, with a reason that programs understand, and never that something is not so when it only cannot be asked.
    expect(load.lies).toEqual([]);
    expect(load.told.filter(({ status }) => ![200, 201, 503].includes(status))).toEqual([]);
    expect(load.told.filter((told) => told.to - told.from > LONGEST_ANSWER_MS).map(({ kind, from, to }) => `${kind} took ${Math.round(to - from)} ms`)).toEqual([]);
    const refused = load.told.filter(({ kind, status }) => status === 503 && kind !== 'ready');
    expect(refused.filter(({ headers }) => !headers?.get('retry-after'))).toEqual([]);
    expect(refused.filter(({ kind, headers }) => kind === 'sign-in page' && !headers?.get('content-type')?.startsWith('text/html'))).toEqual([]);
    expect(refused.filter(({ kind, code }) => kind !== 'sign-in page' && !EXPECTED_CODES[kind]!.includes(String(code)))).toEqual([]);

    // The process knows how it stands.
    expect(load.told.filter(({ kind, status, from, to }) => kind === 'live' && (status !== 200 || to - from > 1_000))).toEqual([]);
    expect(load.told.filter(({ kind, status, from, to }) => kind === 'ready' && status === 200 && from > outage.from + NOTICED_MS && to < outage.to)).toEqual([]);
    expect(load.told.filter(({ kind, status, from }) => kind === 'ready' && status !== 200 && from > outage.to + RECOVERY_MS)).toEqual([]);
    expect({ exitCode: server.process.exitCode, signal: server.process.signalCode }).toEqual({ exitCode: null, signal: null });

    // Well before, and well again soon after.
    for (const kind of Object.keys(EXPECTED_CODES)) {
      const asked = load.told.filter((told) => told.kind === kind);
      expect(asked.filter(({ to, status }) => to < outage.from && status < 300).length).toBeGreaterThan(5);
      expect(asked.filter(({ from, status }) => from > outage.to + RECOVERY_MS && status >= 300)).toEqual([]);
      expect(asked.filter(({ from, status }) => from > outage.to + RECOVERY_MS && status < 300).length).toBeGreaterThan(5);
    }

    const stored = await whatIsStored(cluster.url);
    report(`${load.issued.size} tokens and ${load.registered.size} agents acknowledged; ${stored.tokens.size} tokens and ${stored.agents.size} agents stored in all, `
      + `${stored.verdict.size} events in the log, ${stored.verdict.isIntact ? 'intact' : `broken at ${stored.verdict.firstBad}`}`);
    expect([...load.issued].filter((id) => !stored.tokens.has(id))).toEqual([]);
    expect([...load.registered].filter((id) => !stored.agents.has(id))).toEqual([]);
    expect([...stored.tokens].filter(([, events]) => events !== 1)).toEqual([]);
    expect(stored.verdict.isIntact).toBe(true);
    expect(stored.forgotten).toEqual([]);
    // That something could not be asked is nobody's refusal.
    expect(stored.refusals).toEqual([]);
    expect(stored.listeners).toBe(1);
  });
});

/** REST says it in its own words, and says so when it was the record that could not be written. */
const REST_CODES = ['database_unavailable', 'audit_unavailable'];
const EXPECTED_CODES: Readonly<Record<string, readonly string[]>> = {
  token: ['temporarily_unavailable'], introspection: ['temporarily_unavailable'], login: [...REST_CODES, 'policies_unavailable'], registration: REST_CODES, 'sign-in page': [],
};

/** Tokens with the number of their events, agents, transactions that somebody began and left, and who listens for changes. */
async function whatIsStored(url: string) {
  const dataSource = await new DataSource({ type: 'postgres', url }).initialize();
  try {
    const tokens = await dataSource.query<{ token_id: string; events: number }[]>(
      `SELECT t.token_id, count(e.sequence)::int AS events FROM tokens t
       LEFT JOIN audit_events e ON e.type = 'token.issued' AND e.body::json ->> 'token_id' = t.token_id::text GROUP BY 1`);
    const agents = await dataSource.query<{ id: string }[]>('SELECT id FROM agents');
    const forgotten = await dataSource.query<object[]>(
      `SELECT state, query, now() - state_change AS since FROM pg_stat_activity WHERE application_name = 'legate' AND state LIKE 'idle in transaction%' AND now() - state_change > interval '1 s'`);
    const refusals = await dataSource.query<object[]>(`SELECT type, body FROM audit_events WHERE outcome = 'refused'`);
    const [{ listeners } = { listeners: 0 }] = await dataSource.query<{ listeners: number }[]>(
      `SELECT count(*)::int AS listeners FROM pg_stat_activity WHERE application_name = 'legate-changes'`);
    return { refusals, listeners, tokens: new Map(tokens.map((row) => [row.token_id, row.events])), agents: new Set(agents.map(({ id }) => id)), forgotten, verdict: await verifyStoredLog(dataSource) };
  } finally {
    await dataSource.destroy();
  }
}

function summary(told: readonly Told[], outage: Outage): string[] {
  const kinds = [...new Set(told.map(({ kind }) => kind))];
  return [`away for ${Math.round(outage.to - outage.from)} ms`, ...kinds.map((kind) => {
    const of = told.filter((one) => one.kind === kind);
    const counts = new Map<string, number>();
    for (const { status, code } of of) counts.set(`${status}${code ? ` ${code}` : ''}`, (counts.get(`${status}${code ? ` ${code}` : ''}`) ?? 0) + 1);
    const longest = Math.max(...of.map(({ from, to }) => to - from));
    const lastBad = Math.max(...of.filter(({ status }) => status >= 300 || status === 0).map(({ to }) => to), -Infinity);
    const recovered = lastBad === -Infinity ? '' : `, last refusal ${Math.round(lastBad - outage.to)} ms after its return`;
    return `${kind}: ${[...counts].map(([what, many]) => `${many} × ${what}`).join(', ')}; longest ${Math.round(longest)} ms${recovered}`;
  })];
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => { setTimeout(resolve, milliseconds); });
}
