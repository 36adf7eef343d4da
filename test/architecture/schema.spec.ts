import { throwawayDatabase, type ThrowawayDatabase } from '../support/throwaway-database.js';

describe('the schema', () => {
  let database: ThrowawayDatabase;
  beforeAll(async () => { database = await throwawayDatabase([]); });
  afterAll(() => database.drop());

  it('has an index for each foreign key, or deleting what it points to would read the whole table', async () => {
    // One that begins with its columns, or that finds the only row by some of them.
    const unindexed = await database.dataSource.query<{ foreign_key: string }[]>(`
      SELECT c.conrelid::regclass || ' ' || pg_get_constraintdef(c.oid) AS foreign_key FROM pg_constraint c
      WHERE c.contype = 'f' AND NOT EXISTS (
        SELECT 1 FROM pg_index i CROSS JOIN LATERAL (SELECT string_to_array(i.indkey::text, ' ')::int2[] AS keys) AS indexed
        WHERE i.indrelid = c.conrelid AND (keys[1:cardinality(c.conkey)] @> c.conkey OR (i.indisunique AND i.indpred IS NULL AND c.conkey @> keys)))`);
    expect(unindexed.map(({ foreign_key }) => foreign_key)).toEqual([]);
  });
});
