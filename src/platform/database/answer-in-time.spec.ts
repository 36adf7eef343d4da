import { throwawayDatabase, type ThrowawayDatabase } from '../../../test/support/throwaway-database.js';
import { answerInTime } from './answer-in-time.js';

const ATTEMPTS = [{ most: 100, milliseconds: 200 }, { most: 10, milliseconds: 200 }, { most: 1, milliseconds: 200 }];
const tooSlow = () => Object.assign(new Error('canceling statement due to statement timeout'), { driverError: { code: '57014' } });

describe('a question that must hold nothing up', () => {
  let database: ThrowawayDatabase;
  beforeAll(async () => {
    database = await throwawayDatabase([]);
    await database.dataSource.query('CREATE TABLE kept (id integer)');
  });
  afterAll(() => database.drop());

  /** What is asked in a transaction that has written something before, and writes something after. */
  async function asked<T>(ask: (most: number) => Promise<T>): Promise<{ answer: T | undefined; kept: number; limits: readonly unknown[] }> {
    await database.dataSource.query('DELETE FROM kept');
    const [answer, limits] = await database.dataSource.transaction(async (manager) => {
      const limit = () => manager.query<unknown[]>('SHOW statement_timeout');
      const before = await limit();
      await manager.query('INSERT INTO kept VALUES (1)');
      const answer = await answerInTime(manager, ATTEMPTS, ask);
      await manager.query('INSERT INTO kept VALUES (2)');
      return [answer, [before, await limit()]] as const;
    });
    const rows = await database.dataSource.query<unknown[]>('SELECT id FROM kept');
    return { answer, kept: rows.length, limits };
  }

  it('is answered at once where that is in time', async () => {
    const tried: number[] = [];
    const { answer, kept, limits } = await asked(async (most) => tried.push(most));
    expect({ answer, tried, kept }).toEqual({ answer: 1, tried: [100], kept: 2 });
    expect(limits[0]).toEqual(limits[1]);
  });

  it('is asked of less and less, and the transaction goes on with its own limit', async () => {
    const tried: number[] = [];
    const { answer, kept, limits } = await asked(async (most) => {
      tried.push(most);
      if (most > 1) throw tooSlow();
      return 'the little that was looked at';
    });
    expect({ answer, tried, kept }).toEqual({ answer: 'the little that was looked at', tried: [100, 10, 1], kept: 2 });
    expect(limits[0]).toEqual(limits[1]);
  });

  it('has no answer in the end, and the transaction goes on', async () => {
    const { answer, kept, limits } = await asked(() => Promise.reject(tooSlow()));
    expect({ answer, kept }).toEqual({ answer: undefined, kept: 2 });
    expect(limits[0]).toEqual(limits[1]);
  });

  it('fails as it would anywhere for any other reason', async () => {
    await expect(asked(() => Promise.reject(new Error('wrong')))).rejects.toThrow('wrong');
    expect(await database.dataSource.query('SELECT id FROM kept')).toEqual([]);
  });

  it.runIf(process.env['TEST_DATABASE_URL'])('is given up by PostgreSQL itself', async () => {
    const { answer, kept } = await database.dataSource.transaction(async (manager) => {
      await manager.query('DELETE FROM kept');
      const answer = await answerInTime(manager, [{ most: 60, milliseconds: 100 }, { most: 0, milliseconds: 60_000 }], async (most) => {
        await manager.query('SELECT pg_sleep($1)', [most]);
        return most;
      });
      await manager.query('INSERT INTO kept VALUES (3)');
      return { answer, kept: await manager.query<unknown[]>('SELECT id FROM kept') };
    });
    expect({ answer, kept }).toEqual({ answer: 0, kept: [{ id: 3 }] });
  });
});
