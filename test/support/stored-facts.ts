import { join } from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import { createPgConfig } from '@electric-sql/pglite/node-postgres';
import { DataSource } from 'typeorm';
import type { TestServer } from './server.js';

/**
 * Opens the database of a server, to look at what is really there. The embedded one belongs to one process: end every server
 * on it first.
 */
export async function openDatabaseOf(server: TestServer): Promise<{ dataSource: DataSource; close: () => Promise<void> }> {
  const url = server.environment['DATABASE_URL'];
  if (url) {
    const dataSource = await new DataSource({ type: 'postgres', url }).initialize();
    return { dataSource, close: () => dataSource.destroy() };
  }
  const instance = await PGlite.create(join(server.environment['LEGATE_DATA_DIR']!, 'db'));
  const dataSource = await new DataSource({ type: 'postgres', extra: { ...createPgConfig(instance), max: 1 } }).initialize();
  return {
    dataSource,
    close: async () => {
      await dataSource.destroy();
      await instance.close();
    },
  };
}

/** Tells what a test has counted, between the results of all tests. */
export function report(line: string): void {
  process.stdout.write(`  ${line}\n`);
}
