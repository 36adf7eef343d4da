import { DataSource } from 'typeorm';
import { grantApplication, UnfitRole } from '../src/platform/database/application-role.js';
import { migrations } from '../src/platform/database/migrations.js';
import { Failure } from './failure.js';

export interface MigrateOptions {
  readonly grant?: string;
}

/** `legate database migrate`. @throws Failure when the database cannot be reached, or the role is none for a server */
export async function migrateDatabase({ grant }: MigrateOptions): Promise<void> {
  const url = process.env['DATABASE_URL'];
  if (!url) throw new Failure('DATABASE_URL is not set: it names the database, and the role that owns its tables.', 2);
  const dataSource = await new DataSource({ type: 'postgres', url, applicationName: 'legate-migrate', migrations }).initialize()
    .catch((error: unknown) => { throw new Failure(`The database cannot be reached: ${String(error)}`); });
  try {
    const made = await dataSource.runMigrations({ transaction: 'each' });
    process.stdout.write(made.length === 0 ? 'The database is up to date.\n' : `The database is up to date: ${made.map(({ name }) => name).join(', ')}.\n`);
    if (grant === undefined) return;
    await dataSource.transaction((manager) => grantApplication(manager, grant));
    process.stdout.write(`The role ${grant} may run the server, and add to the audit log only.\n`);
  } catch (error) {
    if (error instanceof UnfitRole) throw new Failure(error.message);
    throw error;
  } finally {
    await dataSource.destroy();
  }
}
