import type { DataSource } from 'typeorm';
import { useClock } from '../../kernel/clock.js';
import { HealthChecks } from '../../platform/health/health-checks.js';
import { StorageChecks } from '../../platform/health/storage-checks.js';
import { createLog } from '../../platform/logging/create-log.js';
import { throwawayDatabase, type ThrowawayDatabase } from '../../../test/support/throwaway-database.js';
import { AuditHealth } from './audit-health.service.js';

const silent = createLog({ logLevel: 'silent', logFormat: 'json' }, { write: () => undefined });

let database: ThrowawayDatabase;
let time = 1_000_000;
let restoreClock: () => void;

beforeAll(async () => {
  database = await throwawayDatabase([]);
  restoreClock = useClock({ now: () => time });
});
afterAll(async () => {
  restoreClock();
  await database.drop();
});

/** Readiness as a node finds it that has just started on this database. */
async function readiness() {
  time += 5_000;
  const checks = new HealthChecks(silent);
  new StorageChecks(checks, database.dataSource, database.pool, undefined).onModuleInit();
  new AuditHealth(checks, database.dataSource).onModuleInit();
  return checks.readiness();
}

describe('a node', () => {
  it('is ready on a migrated database that takes audit events', async () => {
    expect(await readiness()).toEqual({
      isReady: true,
      checks: {
        database: { status: 'up', required: true, embedded: database.pool.isEmbedded },
        migrations: { status: 'up', required: true },
        audit: { status: 'up', required: true },
      },
    });
  });

  it('is not ready where the database only reads, as a standby does', async () => {
    time += 5_000;
    const session = database.dataSource.createQueryRunner();
    const checks = new HealthChecks(silent);
    new AuditHealth(checks, { query: (statement: string) => session.query(statement) } as unknown as DataSource).onModuleInit();
    await session.query('SET default_transaction_read_only = on');
    expect(await checks.readiness()).toMatchObject({ isReady: false, checks: { audit: { status: 'down' } } });
    await session.query('SET default_transaction_read_only = off');
    await session.release();
    expect(await readiness()).toMatchObject({ isReady: true });
  });

  it('is not ready while a migration is missing', async () => {
    await database.dataSource.query('ALTER TABLE migrations RENAME TO migrations_elsewhere');
    expect(await readiness()).toMatchObject({ isReady: false, checks: { migrations: { status: 'down' } } });
    await database.dataSource.query('ALTER TABLE migrations_elsewhere RENAME TO migrations');
    await database.dataSource.query('CREATE TABLE kept AS SELECT * FROM migrations');
    await database.dataSource.query('DELETE FROM migrations');
    expect(await readiness()).toMatchObject({ isReady: false, checks: { migrations: { status: 'down' } } });
    await database.dataSource.query('INSERT INTO migrations SELECT * FROM kept');
    expect(await readiness()).toMatchObject({ isReady: true });
  });
});
