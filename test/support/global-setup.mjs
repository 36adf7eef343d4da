/**
 * Making and migrating a database takes seconds, copying one does not: each run of the tests makes one template, on the
 * server of `TEST_DATABASE_URL` or as an embedded data folder, and every suite starts from a copy (`template-database.ts`).
 */
import 'reflect-metadata';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import { createPgConfig } from '@electric-sql/pglite/node-postgres';
import pg from 'pg';
import { DataSource } from 'typeorm';
import { ensureBuilt } from '../../scripts/ensure-built.mjs';

export default async function makeTemplate() {
  ensureBuilt();
  const { migrations } = await import('../../dist/src/platform/database/migrations.js');
  const migrate = async (connection) => {
    const dataSource = await new DataSource({ type: 'postgres', migrations, migrationsRun: true, ...connection }).initialize();
    await dataSource.destroy();
  };
  const server = process.env.TEST_DATABASE_URL;
  if (server) {
    const name = `legate_template_${process.pid}`;
    const client = new pg.Client({ connectionString: server });
    await client.connect();
    await client.query(`CREATE DATABASE ${name}`);
    await client.end();
    await migrate({ url: new URL(`/${name}`, server).href });
    process.env.LEGATE_TEST_TEMPLATE_DATABASE = name;
    return;
  }
  const folder = mkdtempSync(join(tmpdir(), 'legate-template-'));
  const instance = await PGlite.create(join(folder, 'db'));
  await migrate({ extra: { ...createPgConfig(instance), max: 1 } });
  await instance.close();
  process.env.LEGATE_TEST_TEMPLATE_FOLDER = folder;
}
