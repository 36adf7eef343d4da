import { Logger } from '@nestjs/common';
import { Client, type Pool } from 'pg';
import { DataSource } from 'typeorm';
import type { Config } from '../../src/platform/config/config.js';
import { ChangeFeed } from '../../src/platform/database/change-feed.js';
import { dataSourceOptions } from '../../src/platform/database/database.module.js';
import { isDatabaseUnavailable } from '../../src/platform/database/database-unavailable.js';
import { describeWithPostgres, type PostgresCluster } from '../support/postgres-cluster.js';
import { report } from '../support/stored-facts.js';

const TIMEOUT_MS = 500;
/** A statement has a second more than the server's own limit, so that the server can tell. */
const SILENCE_MS = TIMEOUT_MS + 1_000;

describeWithPostgres('connections to a PostgreSQL that hangs or goes away', (createCluster) => {
  let cluster: PostgresCluster;
  let config: Config;
  let dataSource: DataSource;

  beforeAll(async () => {
    Logger.overrideLogger(false);
    cluster = await createCluster();
    config = { databaseUrl: cluster.url, databasePool: 1, databaseTimeoutMs: TIMEOUT_MS } as Config;
  });
  afterAll(() => cluster?.remove());
  beforeEach(async () => {
    dataSource = await new DataSource({ ...dataSourceOptions(config, undefined), migrations: [] }).initialize();
    await dataSource.query('DROP TABLE IF EXISTS kept');
    await dataSource.query('CREATE TABLE kept (n integer)');
  });
  afterEach(() => dataSource.destroy());

  async function refused(work: () => Promise<unknown>): Promise<number> {
    const from = performance.now();
    const error = await work().then(() => undefined, (reason: unknown) => reason);
    expect({ error, isDatabaseUnavailable: isDatabaseUnavailable(error) }).toMatchObject({ isDatabaseUnavailable: true });
    return performance.now() - from;
  }

  /** Asks until it is answered. */
  async function answered<T>(ask: () => Promise<T>): Promise<T> {
    for (const deadline = Date.now() + 10_000; ;) {
      try {
        return await ask();
      } catch (error) {
        if (Date.now() > deadline) throw error;
        await pause(50);
      }
    }
  }

  async function elsewhere<Row>(statement: string): Promise<Row[]> {
    const client = new Client({ connectionString: cluster.url });
    await client.connect();
    try {
      return (await client.query(statement)).rows as Row[];
    } finally {
      await client.end();
    }
  }

  it('may have a last word to say when nobody listens, between two statements: the process goes on, and the connection is not used again', async () => {
    const { master: pool } = dataSource.driver as unknown as { master: Pool };
    const client = await pool.connect();
    const { rows: [backend] } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    const ended = new Promise<void>((resolve) => { client.once('end', () => { resolve(); }); });
    await elsewhere(`SELECT pg_terminate_backend(${backend!.pid})`);
    await ended;
    await expect(client.query('SELECT 1')).rejects.toThrow();
    client.release();
    expect((await answered(() => pool.query<{ pid: number }>('SELECT pg_backend_pid() AS pid'))).rows[0]!.pid).not.toBe(backend!.pid);
  });

  it.each(['START TRANSACTION', 'a statement'])('are not used again after %s was left without an answer: what is acknowledged later is really there', async (what) => {
    const session = dataSource.createQueryRunner();
    if (what !== 'START TRANSACTION') await session.startTransaction();
    else await session.connect();
    cluster.freeze();
    const took = await refused(async () => {
      if (what === 'START TRANSACTION') await session.startTransaction();
      await session.query('INSERT INTO kept VALUES (1)');
    });
    // As whoever runs a transaction does then; it has no connection to be told on.
    await session.rollbackTransaction().catch(() => undefined);
    await session.release();
    cluster.thaw();
    expect(took).toBeGreaterThan(TIMEOUT_MS);
    expect(took).toBeLessThan(SILENCE_MS + 1_000);

    await answered(() => dataSource.query('INSERT INTO kept VALUES (2)'));
    expect(await elsewhere('SELECT n FROM kept')).toEqual([{ n: 2 }]);
    expect(await elsewhere(`SELECT query FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'`)).toEqual([]);
  });

  it('have the server compile no statement, which would take it longer than running any of ours', async () => {
    expect(await dataSource.query('SHOW jit')).toEqual([{ jit: 'off' }]);
  });

  it('are refused at once while the server is known to hang, and are had again when it goes on', async () => {
    cluster.freeze();
    const first = await refused(() => dataSource.query('SELECT 1'));
    let longest = 0;
    for (let count = 0; count < 50; count += 1) longest = Math.max(longest, await refused(() => dataSource.query('SELECT 1')));
    cluster.thaw();
    const from = performance.now();
    await answered(() => dataSource.query('SELECT 1'));
    const back = performance.now() - from;
    report(`the first waited ${Math.round(first)} ms, of the next fifty none more than ${Math.round(longest)} ms; answered ${Math.round(back)} ms after the hang`);
    expect(first).toBeGreaterThan(TIMEOUT_MS);
    expect(longest).toBeLessThan(TIMEOUT_MS / 2);
    expect(back).toBeLessThan(2_000);
  });

  it('are refused when they are lost between two statements of a transaction, and the transaction is undone', async () => {
    await refused(() => dataSource.transaction(async (manager) => {
      await manager.query('INSERT INTO kept VALUES (3)');
      await cluster.stop('immediate');
      await pause(100);
      await manager.query('INSERT INTO kept VALUES (4)');
    }));
    await cluster.start();
    await answered(() => dataSource.query('SELECT 1'));
    expect(await elsewhere('SELECT n FROM kept')).toEqual([]);
  });

  it('that listen for changes come back by themselves, and everything counts as changed then', async () => {
    const heard: string[] = [];
    const feed = new ChangeFeed(config, null);
    feed.subscribe((kind, id) => { heard.push(`${kind}:${id}`); });
    await feed.onApplicationBootstrap();
    try {
      await elsewhere(`NOTIFY legate_changed, 'client:before'`);
      await answered(async () => { expect(heard).toEqual(['*:*', 'client:before']); });
      heard.length = 0;
      await cluster.stop('immediate');
      await pause(1_200);
      await cluster.start();
      await answered(async () => { expect(heard).toEqual(['*:*']); });
      await elsewhere(`NOTIFY legate_changed, 'client:after'`);
      await answered(async () => { expect(heard).toEqual(['*:*', 'client:after']); });
    } finally {
      await feed.onApplicationShutdown();
    }
  });
});

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => { setTimeout(resolve, milliseconds); });
}
