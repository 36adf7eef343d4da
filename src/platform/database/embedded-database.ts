import { execFile } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { PGlite } from '@electric-sql/pglite';
import { lock } from 'proper-lockfile';
import { DomainError } from '../../kernel/domain-error.js';

/** PostgreSQL inside this process (PGlite), in one folder that one process holds. */
export interface EmbeddedDatabase {
  readonly instance: PGlite;
  /** Closes the database, then lets go of the folder. */
  close(): Promise<void>;
}

/** The usual 128 MB of buffers are memory of this very process; what an embedded installation holds fits into a fraction of them. */
const SETTINGS = ['shared_buffers = 16MB'];

/**
 * Opens the embedded database under `dataDir`, making it first when there is none.
 *
 * PGlite takes no lock of its own: two processes on one folder lose each other's acknowledged rows in silence. We hold
 * the lock for as long as the database is open.
 *
 * @throws DomainError `data_folder_in_use`
 */
export async function openEmbeddedDatabase(dataDir: string): Promise<EmbeddedDatabase> {
  const folder = join(dataDir, 'db');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const release = await lock(folder, { stale: 6_000, update: 1_500, retries: { retries: 16, minTimeout: 250, maxTimeout: 500 } })
    .catch((cause: unknown) => {
      throw new DomainError('conflict', 'data_folder_in_use', `Another process is using ${folder}. Stop it, or set LEGATE_DATA_DIR to another folder.`, { cause });
    });
  try {
    if (!existsSync(join(folder, 'PG_VERSION'))) await createInChildProcess(folder);
    const instance = await PGlite.create(folder, { postgresqlconf: SETTINGS });
    return {
      instance,
      close: async () => {
        await instance.close();
        await release();
      },
    };
  } catch (error) {
    await release();
    throw error;
  }
}

/** Making a database takes 500 MB that WebAssembly never gives back: a process of its own takes them with it when it ends. */
async function createInChildProcess(folder: string): Promise<void> {
  const script = 'const { PGlite } = await import(process.argv[1]); const db = await PGlite.create(process.argv[2]); await db.close();';
  const pglite = import.meta.resolve('@electric-sql/pglite');
  await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script, pglite, folder]);
}
