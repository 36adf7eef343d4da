import { Client } from 'pg';
import { describeWithPostgres, type PostgresCluster } from '../support/postgres-cluster.js';
import { startServer, type TestServer } from '../support/server.js';
import { report } from '../support/stored-facts.js';
import type { LoadParts } from './load.js';
import { expectAllStored, expectHonestAnswers, expectRecovery, live, loadParts, pause, summary, type Pace } from './outages.js';

const PACE: Pace = { beforeMs: 1_500, recoveryMs: 2_000, afterMs: 1_500 };
const UNWRITABLE_MS = 5_000;
const TIMEOUT_MS = 1_000;
/** What was asked just before may be answered as it was asked. */
const SETTLED_MS = 100;
/** A request may wait for its turn in the log and for its own event. */
const LONGEST_ANSWER_MS = 4 * TIMEOUT_MS + 2_000;
const WRITING = ['token', 'login', 'registration'];

describeWithPostgres('while the audit log cannot be written, under load,', (createCluster) => {
  let cluster: PostgresCluster;
  let server: TestServer;
  let parts: LoadParts;
  let owner: Client;

  beforeAll(async () => {
    cluster = await createCluster();
    owner = new Client({ connectionString: cluster.url });
    await owner.connect();
    // As in production: one that owns what is ours, and is no superuser.
    await owner.query('CREATE ROLE legate LOGIN');
    await owner.query('CREATE DATABASE legate OWNER legate');
    await owner.end();
    const url = new URL('/legate', cluster.url).href;
    owner = new Client({ connectionString: url });
    await owner.connect();
    server = await startServer({
      environment: { DATABASE_URL: Object.assign(new URL(url), { username: 'legate' }).href, LEGATE_ACCESS_TOKEN_TTL: '3600', LEGATE_DATABASE_TIMEOUT_MS: String(TIMEOUT_MS) },
    });
    parts = await loadParts(server);
  });

  afterAll(async () => {
    await owner?.end();
    await server?.stop();
    await cluster?.remove();
  });

  async function forbidden(): Promise<void> {
    await owner.query('REVOKE INSERT ON audit_events FROM legate');
    await pause(UNWRITABLE_MS);
    await owner.query('GRANT INSERT ON audit_events TO legate');
  }

  async function locked(): Promise<void> {
    await owner.query('BEGIN');
    await owner.query('LOCK TABLE audit_events IN SHARE MODE');
    await pause(UNWRITABLE_MS);
    await owner.query('COMMIT');
  }

  it.each([
    ['the server has lost the right to', forbidden],
    ['somebody holds its table', locked],
  ])('because %s, nothing is issued or registered, 503 says so, and it is when it can be again', async (_, takeAway) => {
    const { load, outage } = await live(parts, PACE, takeAway);
    for (const line of summary(load.told, outage)) report(line);
    expectHonestAnswers(load, LONGEST_ANSWER_MS);
    const meanwhile = load.told.filter(({ from, to }) => from > outage.from + SETTLED_MS && to < outage.to);
    expect(meanwhile.filter(({ kind, status }) => WRITING.includes(kind) && status < 300)).toEqual([]);
    for (const kind of WRITING) expect(meanwhile.filter((told) => told.kind === kind).length).toBeGreaterThan(0);
    // What writes nothing goes on.
    expect(meanwhile.filter(({ kind, status }) => kind === 'introspection' && status === 200).length).toBeGreaterThan(3);
    expectRecovery(load, outage, PACE.recoveryMs, server);
    await expectAllStored(load, new URL('/legate', cluster.url).href);
  });
});
