/**
 * Making and migrating a database takes seconds, copying one does not: each run of the tests makes one template, on the
 * server of `TEST_DATABASE_URL` or as an embedded data folder, and every suite starts from a copy (`template-database.ts`).
 */
import 'reflect-metadata';
import { mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import { createPgConfig } from '@electric-sql/pglite/node-postgres';
import pg from 'pg';
import { DataSource } from 'typeorm';
import { ensureBuilt } from '../../scripts/ensure-built.mjs';

/** Answers with what removes it again. */
export default async function makeTemplate() {
  ensureBuilt();
  const forget = workInMemory();
  const { migrations } = await import('../../dist/src/platform/database/migrations.js');
  const migrate = async (connection) => {
    const dataSource = await new DataSource({ type: 'postgres', migrations, migrationsRun: true, ...connection }).initialize();
    await dataSource.destroy();
  };
  const server = process.env.TEST_DATABASE_URL;
  if (server) {
    const name = `legate_template_${process.pid}`;
    await onServer(server, `CREATE DATABASE ${name}`);
    await migrate({ url: new URL(`/${name}`, server).href });
    process.env.LEGATE_TEST_TEMPLATE_DATABASE = name;
    return () => onServer(server, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`).finally(forget);
  }
  const folder = mkdtempSync(join(tmpdir(), 'legate-template-'));
  const instance = await PGlite.create(join(folder, 'db'));
  await migrate({ extra: { ...createPgConfig(instance), max: 1 } });
  await instance.close();
  process.env.LEGATE_TEST_TEMPLATE_FOLDER = folder;
  return () => {
    rmSync(folder, { recursive: true, force: true });
    forget();
  };
}

async function onServer(connectionString, statement) {
  const client = new pg.Client({ connectionString });
  await client.connect();
  await client.query(statement);
  await client.end();
}

/** What the suites hold at one time. Bytes. */
const ROOM = 4e9;

/**
 * Each suite copies a data folder of a thousand files and removes it again: half of what a suite costs, where the disk is slow.
 * In memory it is next to nothing. Answers with what removes the folder.
 */
function workInMemory() {
  try {
    const { bavail, bsize } = statfsSync('/dev/shm');
    if (bavail * bsize < ROOM) return () => undefined;
    const folder = mkdtempSync('/dev/shm/legate-tests-');
    process.env.TMPDIR = folder;
    return () => rmSync(folder, { recursive: true, force: true });
  } catch {
    return () => undefined; // No such thing here.
  }
}
