import 'reflect-metadata';
import { randomBytes } from 'node:crypto';
import { Client, type Pool } from 'pg';
import { PGlite } from '@electric-sql/pglite';
import { createPgConfig } from '@electric-sql/pglite/node-postgres';
import { DataSource, type DataSourceOptions } from 'typeorm';
import type { DatabasePool } from '../../src/platform/database/database-pool.js';
import { migrations } from '../../src/platform/database/migrations.js';

export interface ThrowawayDatabase {
  readonly dataSource: DataSource;
  readonly pool: DatabasePool;
  /** Closes the connections and removes the database. */
  drop(): Promise<void>;
}

/**
 * A migrated database of one's own: on the server of `TEST_DATABASE_URL`, else embedded in memory.
 *
 * @param entities those whose repositories the test needs
 */
export async function throwawayDatabase(entities: NonNullable<DataSourceOptions['entities']>): Promise<ThrowawayDatabase> {
  const options = { type: 'postgres' as const, entities, migrations, migrationsRun: true, synchronize: false };
  const serverUrl = process.env['TEST_DATABASE_URL'];
  if (!serverUrl) {
    const instance = await PGlite.create();
    const dataSource = await new DataSource({ ...options, extra: { ...createPgConfig(instance), max: 1, connectionTimeoutMillis: 10_000 } }).initialize();
    return {
      dataSource,
      pool: { pool: poolOf(dataSource), isEmbedded: true },
      drop: async () => {
        await dataSource.destroy();
        await instance.close();
      },
    };
  }

  const name = `legate_test_${randomBytes(6).toString('hex')}`;
  await onServer(serverUrl, `CREATE DATABASE ${name}`);
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  const dataSource = await new DataSource({ ...options, url: url.href, extra: { max: 10, connectionTimeoutMillis: 10_000 } }).initialize();
  return {
    dataSource,
    pool: { pool: poolOf(dataSource), isEmbedded: false },
    drop: async () => {
      await dataSource.destroy();
      await onServer(serverUrl, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    },
  };
}

function poolOf(dataSource: DataSource): Pool {
  return (dataSource.driver as unknown as { master: Pool }).master;
}

async function onServer(url: string, statement: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
