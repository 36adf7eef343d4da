import { migrations } from '../../src/platform/database/migrations.js';
import { throwawayDatabase, type ThrowawayDatabase } from '../support/throwaway-database.js';

describe('the migrations', () => {
  let database: ThrowawayDatabase;
  beforeAll(async () => { database = await throwawayDatabase([]); });
  afterAll(() => database.drop());

  /** Tables and columns, constraints and indexes, as the database tells them. */
  async function schema(): Promise<string[]> {
    const rows = await database.dataSource.query<{ line: string }[]>(`
      SELECT table_name || '.' || column_name || ' ' || data_type || ' ' || is_nullable || ' ' || coalesce(column_default, '') AS line FROM information_schema.columns WHERE table_schema = 'public'
      UNION ALL SELECT conrelid::regclass || ' ' || pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'public'::regnamespace
      UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'
      ORDER BY line`);
    return rows.map(({ line }) => line).filter((line) => !line.startsWith('migrations') && !/\bpublic\.migrations\b/.test(line));
  }

  it('are in the order in which they were made', () => {
    const times = migrations.map(({ name }) => Number(/\d+$/.exec(name)![0]));
    expect(times).toEqual([...times].sort((a, b) => a - b));
  });

  it('are taken back one by one to nothing, and make the same again', async () => {
    const { dataSource } = database;
    const before = await schema();
    expect(before.length).toBeGreaterThan(100);
    for (const _ of migrations) await dataSource.undoLastMigration({ transaction: 'each' });
    expect(await schema()).toEqual([]);
    await dataSource.runMigrations({ transaction: 'each' });
    expect(await schema()).toEqual(before);
  });
});
