import { describeWithPostgres, type PostgresCluster } from '../support/postgres-cluster.js';
import { startServer, type TestServer } from '../support/server.js';
import { report } from '../support/stored-facts.js';
import type { LoadParts } from './load.js';
import { expectAllStored, expectHonestAnswers, expectRecovery, live, loadParts, pause, summary, type Pace } from './outages.js';

const PACE: Pace = { beforeMs: 2_000, recoveryMs: 5_000, afterMs: 3_000 };
/** LEGATE_DATABASE_TIMEOUT_MS, 5 s unless set, and what a busy machine needs beside it. */
const LONGEST_ANSWER_MS = 8_000;
/** The readiness check waits two seconds and its answer is kept for one. */
const NOTICED_MS = 4_000;

describeWithPostgres('when PostgreSQL goes away under load', (createCluster) => {
  let cluster: PostgresCluster;
  let server: TestServer;
  let parts: LoadParts;

  beforeAll(async () => {
    cluster = await createCluster();
    server = await startServer({ environment: { DATABASE_URL: cluster.url, LEGATE_ACCESS_TOKEN_TTL: '3600' } });
    parts = await loadParts(server);
  });

  afterAll(async () => {
    await server?.stop();
    await cluster?.remove();
  });

  async function stopped(mode: 'fast' | 'immediate', forMs: number): Promise<void> {
    await cluster.stop(mode);
    await pause(forMs);
    await cluster.start();
  }

  async function frozen(forMs: number): Promise<void> {
    cluster.freeze();
    await pause(forMs);
    cluster.thaw();
  }

  it.each([
    ['hangs for twenty seconds', () => frozen(20_000)],
    ['crashes, and is back after five seconds', () => stopped('immediate', 5_000)],
    ['is restarted in order', () => stopped('fast', 0)],
  ])('answers 503 in time while it %s, recovers by itself, and has everything that it ever acknowledged', async (_, takeAway) => {
    const { load, outage } = await live(parts, PACE, takeAway);
    for (const line of summary(load.told, outage)) report(line);
    expectHonestAnswers(load, LONGEST_ANSWER_MS);
    // The process knows how it stands.
    expect(load.told.filter(({ kind, status, from, to }) => kind === 'ready' && status === 200 && from > outage.from + NOTICED_MS && to < outage.to)).toEqual([]);
    expectRecovery(load, outage, PACE.recoveryMs, server);
    await expectAllStored(load, cluster.url);
  });
});
