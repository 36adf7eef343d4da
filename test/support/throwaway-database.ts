import 'reflect-metadata';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, type Pool } from 'pg';
import { PGlite } from '@electric-sql/pglite';
import { createPgConfig } from '@electric-sql/pglite/node-postgres';
import { DataSource, type DataSourceOptions } from 'typeorm';
import type { DatabasePool } from '../../src/platform/database/database-pool.js';
import { migrations } from '../../src/platform/database/migrations.js';
import { copyTemplateDatabase, copyTemplateFolder, dropDatabase } from './template-database.js';

export interface ThrowawayDatabase {
  readonly dataSource: DataSource;
  readonly pool: DatabasePool;
  /** Hears what is notified on a channel, until the returned function has run; by then all that was sent has been heard. */
  listen(channel: string, hear: (payload: string) => void): Promise<() => Promise<void>>;
  /** Closes the connections and removes the database. */
  drop(): Promise<void>;
}

/**
 * A migrated database of one's own: on the server of `TEST_DATABASE_URL`, else embedded.
 *
 * @param entities those whose repositories the test needs
 */
export async function throwawayDatabase(entities: NonNullable<DataSourceOptions['entities']>): Promise<ThrowawayDatabase> {
  const options = { type: 'postgres' as const, entities, migrations, migrationsRun: true, synchronize: false };
  const server = process.env['TEST_DATABASE_URL'];
  if (!server) {
    const folder = mkdtempSync(join(tmpdir(), 'legate-test-'));
    copyTemplateFolder(folder);
    const instance = await PGlite.create(join(folder, 'db'));
    const dataSource = await new DataSource({ ...options, extra: { ...createPgConfig(instance), max: 1, connectionTimeoutMillis: 10_000 } }).initialize();
    return {
      dataSource,
      pool: { pool: poolOf(dataSource), isEmbedded: true },
      listen: (channel, hear) => instance.listen(channel, hear),
      drop: async () => {
        await dataSource.destroy();
        await instance.close();
        rmSync(folder, { recursive: true, force: true });
      },
    };
  }

  const name = `legate_test_${randomBytes(6).toString('hex')}`;
  const url = await copyTemplateDatabase(server, name);
  // As the server has it: compiling takes longer than any statement here.
  const dataSource = await new DataSource({ ...options, url, extra: { max: 10, connectionTimeoutMillis: 10_000, options: '-c jit=off' } }).initialize();
  return {
    dataSource,
    pool: { pool: poolOf(dataSource), isEmbedded: false },
    listen: (channel, hear) => listenOnServer(url, channel, hear),
    drop: async () => {
      await dataSource.destroy();
      await dropDatabase(server, name);
    },
  };
}

async function listenOnServer(url: string, channel: string, hear: (payload: string) => void): Promise<() => Promise<void>> {
  const listener = new Client({ connectionString: url });
  await listener.connect();
  listener.on('notification', ({ payload }) => hear(payload ?? ''));
  await listener.query(`LISTEN ${channel}`);
  return async () => {
    // What was committed before this statement arrives before its answer.
    await listener.query('SELECT 1');
    await listener.end();
  };
}

function poolOf(dataSource: DataSource): Pool {
  return (dataSource.driver as unknown as { master: Pool }).master;
}
