import { throwawayDatabase, type ThrowawayDatabase } from '../../../test/support/throwaway-database.js';
import { useClock } from '../../kernel/clock.js';
import { AuditLog } from '../audit/audit-log.service.js';
import type { Background, Chore } from '../../platform/database/background.js';
import { LedgerUpkeep } from './ledger-upkeep.service.js';
import { TokenLedger } from './token-ledger.service.js';

let database: ThrowawayDatabase;

beforeAll(async () => { database = await throwawayDatabase([]); });
afterAll(() => database.drop());

async function partitions(): Promise<string[]> {
  const rows = await database.dataSource.query<{ name: string }[]>(`SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'tokens'::regclass ORDER BY 1`);
  return rows.map(({ name }) => name);
}

describe('the upkeep of the ledger', () => {
  it('makes the partitions of the months to come, a server’s life long, and may be repeated', async () => {
    const chores: Chore[] = [];
    const ledger = new TokenLedger(database.dataSource, database.pool, new AuditLog(database.dataSource, database.pool));
    new LedgerUpkeep({ every: (chore: Chore) => { chores.push(chore); } } as Background, ledger).onModuleInit();
    const look = async (at: number) => {
      const restore = useClock({ now: () => at });
      try {
        await database.dataSource.transaction((manager) => chores[0]!.run(manager));
      } finally {
        restore();
      }
    };
    await look(Date.UTC(2030, 10, 15));
    await look(Date.UTC(2030, 10, 15));
    expect(await partitions()).toEqual(['tokens_2030_10', 'tokens_2030_11', 'tokens_2030_12', 'tokens_2031_01', 'tokens_2031_02']);
    await look(Date.UTC(2031, 0, 1));
    expect((await partitions()).slice(-2)).toEqual(['tokens_2031_03', 'tokens_2031_04']);
  });
});
