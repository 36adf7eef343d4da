import { throwawayDatabase, type ThrowawayDatabase } from '../../test/support/throwaway-database.js';
import type { Background, Chore } from '../platform/database/background.js';
import { ProtocolObjects } from './protocol-objects.store.js';
import { ProtocolUpkeep } from './upkeep.service.js';

let database: ThrowawayDatabase;
let chore: Chore;

beforeAll(async () => {
  database = await throwawayDatabase([]);
  const background = { every: (given: Chore) => { chore = given; } } as Background;
  new ProtocolUpkeep(background, new ProtocolObjects(database.dataSource, database.pool)).onModuleInit();
});
afterAll(() => database.drop());

async function count(table: string): Promise<number> {
  const [row] = await database.dataSource.query<{ count: string }[]>(`SELECT count(*) FROM ${table}`);
  return Number(row!.count);
}

describe('the upkeep of protocol objects', () => {
  it('deletes what has expired and nothing else, a bounded number at a time, and says when there is more', async () => {
    await database.dataSource.query(`INSERT INTO single_uses (id_hash, expires_at)
      SELECT sha256(n::text::bytea), now() + (CASE WHEN n <= 700 THEN interval '-1 minute' ELSE interval '1 minute' END) FROM generate_series(1, 710) AS n`);
    await database.dataSource.query(`INSERT INTO protocol_objects (model, id_hash, payload, expires_at) VALUES
      ('Session', sha256('old'), '{}', now() - interval '1 second'), ('Session', sha256('new'), '{}', now() + interval '1 day'), ('Session', sha256('lasting'), '{}', NULL)`);
    expect(await database.dataSource.transaction((manager) => chore.run(manager))).toBe(true);
    expect(await count('single_uses')).toBe(210);
    expect(await count('protocol_objects')).toBe(2);
    expect(await database.dataSource.transaction((manager) => chore.run(manager))).toBe(false);
    expect(await count('single_uses')).toBe(10);
  });
});
