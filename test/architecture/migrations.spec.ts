import { readdirSync } from 'node:fs';
import type { MigrationInterface, QueryRunner } from 'typeorm';
import { migrations } from '../../src/platform/database/migrations.js';
import { fillEveryTable } from '../support/sample-rows.js';
import { rowCounts, schemaSnapshot } from '../support/schema-snapshot.js';
import { throwawayDatabase, type ThrowawayDatabase } from '../support/throwaway-database.js';

const PATIENCE = 120_000;

describe('the migrations', () => {
  it('are listed, oldest first, each under the name and the time of its file', () => {
    const pascal = (name: string) => name.split('-').map((word) => word[0]!.toUpperCase() + word.slice(1)).join('');
    const files = readdirSync('migrations').sort().map((file) => /^(\d{13})-([a-z-]+)\.ts$/.exec(file)!);
    expect(migrations.map(({ name }) => name)).toEqual(files.map(([, time, name]) => `${pascal(name!)}${time}`));
    expect(migrations.map((migration) => new migration().name)).toEqual(migrations.map(({ name }) => name));
  });
});

describe('every migration', () => {
  let database: ThrowawayDatabase;
  let runner: QueryRunner;

  beforeAll(async () => {
    database = await throwawayDatabase([]);
    runner = database.dataSource.createQueryRunner();
  });
  afterAll(async () => {
    await runner.release();
    await database.drop();
  });

  async function run(migration: MigrationInterface, direction: 'up' | 'down'): Promise<void> {
    await runner.startTransaction();
    try {
      await migration[direction](runner);
      await runner.commitTransaction();
    } catch (error) {
      await runner.rollbackTransaction();
      throw new Error(`${migration.name!} does not go ${direction}: ${String(error)}`, { cause: error });
    }
  }

  /** Runs it, and sees to it that every table that is there before and after keeps its rows. */
  async function runWithRows(migration: MigrationInterface, direction: 'up' | 'down'): Promise<void> {
    const before = await rowCounts(runner.manager);
    await run(migration, direction);
    const after = await rowCounts(runner.manager);
    const lost = Object.entries(before).filter(([table, count]) => table in after && after[table]! < count).map(([table]) => table);
    expect({ migration: migration.name, direction, lost }).toEqual({ migration: migration.name, direction, lost: [] });
  }

  async function fill(): Promise<void> {
    await runner.startTransaction();
    await fillEveryTable(runner.manager);
    await runner.commitTransaction();
  }

  it('goes up among rows, takes back exactly what it did among more of them, and goes up again', async () => {
    const all = migrations.map((migration) => new migration());
    for (const migration of all.toReversed()) await run(migration, 'down');
    expect(await schemaSnapshot(runner.manager)).toEqual([]);

    const schemas: string[][] = [[]];
    for (const migration of all) {
      await runWithRows(migration, 'up');
      schemas.push(await schemaSnapshot(runner.manager));
      await fill();
      const empty = Object.entries(await rowCounts(runner.manager)).filter(([, count]) => count < 2).map(([table]) => table);
      expect({ migration: migration.name, empty }).toEqual({ migration: migration.name, empty: [] });
    }
    for (const [index, migration] of [...all.entries()].toReversed()) {
      await runWithRows(migration, 'down');
      expect({ down: migration.name, schema: await schemaSnapshot(runner.manager) }).toEqual({ down: migration.name, schema: schemas[index] });
    }
    for (const [index, migration] of all.entries()) {
      await runWithRows(migration, 'up');
      expect({ upAgain: migration.name, schema: await schemaSnapshot(runner.manager) }).toEqual({ upAgain: migration.name, schema: schemas[index + 1] });
    }
    await fill();
  }, PATIENCE);
});
