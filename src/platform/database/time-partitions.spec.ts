import fc from 'fast-check';
import { throwawayDatabase, type ThrowawayDatabase } from '../../../test/support/throwaway-database.js';
import { useClock } from '../../kernel/clock.js';
import { newId } from '../../kernel/ids.js';
import { ensureMonthPartitions, lowestId, monthPartitions } from './time-partitions.js';

const idAt = (milliseconds: number) => {
  const restore = useClock({ now: () => milliseconds });
  const id = newId();
  restore();
  return id;
};

describe('the lowest id of a time', () => {
  it('is not above any id made then, and above every id made before', () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: Date.UTC(2100, 0, 1) }), (milliseconds) =>
      lowestId(milliseconds) <= idAt(milliseconds) && lowestId(milliseconds) > idAt(milliseconds - 1)));
  });
});

describe('the months of a partitioned table', () => {
  it('begin one before and end as many ahead as asked, without gap or overlap', () => {
    const months = monthPartitions('tokens', new Date('2026-11-23T12:00:00Z'), 3);
    expect(months.map(({ name }) => name)).toEqual(['tokens_2026_10', 'tokens_2026_11', 'tokens_2026_12', 'tokens_2027_01', 'tokens_2027_02']);
    months.slice(1).forEach(({ from }, index) => expect(from).toBe(months[index]!.to));
  });

  it.each(['2026-01-31T23:59:59.999Z', '2026-03-31T00:00:00Z', '2028-02-29T12:00:00Z', '2026-12-31T23:59:59Z'])('count by the calendar in UTC, also on %s', (day) => {
    const at = new Date(day);
    const [before, current] = monthPartitions('t', at, 1);
    expect(current!.name).toBe(`t_${day.slice(0, 7).replace('-', '_')}`);
    expect(current!.from <= idAt(at.getTime()) && idAt(at.getTime()) < current!.to).toBe(true);
    expect(before!.to).toBe(current!.from);
  });

  it('hold every id of their time', () => {
    fc.assert(fc.property(fc.date({ min: new Date('2000-01-01'), max: new Date('2100-01-01'), noInvalidDate: true }), (at) => {
      const id = idAt(at.getTime());
      return monthPartitions('t', at, 2).filter(({ from, to }) => from <= id && id < to).length === 1;
    }));
  });
});

describe('partitions in the database', () => {
  let database: ThrowawayDatabase;
  let restoreClock: () => void;

  beforeAll(async () => {
    database = await throwawayDatabase([]);
    await database.dataSource.query('CREATE TABLE moments (id uuid PRIMARY KEY) PARTITION BY RANGE (id)');
  });
  afterEach(() => restoreClock());
  afterAll(() => database.drop());

  const ensure = () => database.dataSource.transaction((manager) => ensureMonthPartitions(manager, 'moments', 2));
  const partitions = async () => (await database.dataSource.query<{ name: string }[]>(
    `SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'moments'::regclass ORDER BY 1`)).map(({ name }) => name);
  const insert = (milliseconds: number) => database.dataSource.query('INSERT INTO moments VALUES ($1)', [idAt(milliseconds)]);

  it('are made where they are missing, however often and by however many at once', async () => {
    restoreClock = useClock({ now: () => Date.UTC(2030, 5, 15) });
    await Promise.all([ensure(), ensure(), ensure()]);
    await ensure();
    expect(await partitions()).toEqual(['moments_2030_05', 'moments_2030_06', 'moments_2030_07', 'moments_2030_08']);
  });

  it('take what is made in their months, at the first and the last millisecond, and nothing else', async () => {
    restoreClock = useClock({ now: () => Date.UTC(2030, 5, 15) });
    await ensure();
    await insert(Date.UTC(2030, 4, 1));
    await insert(Date.UTC(2030, 8, 1) - 1);
    await expect(insert(Date.UTC(2030, 4, 1) - 1)).rejects.toThrow('no partition');
    await expect(insert(Date.UTC(2030, 8, 1))).rejects.toThrow('no partition');
  });

  it('go on with time', async () => {
    restoreClock = useClock({ now: () => Date.UTC(2030, 6, 1) });
    await ensure();
    expect(await partitions()).toContain('moments_2030_09');
    await insert(Date.UTC(2030, 8, 30));
  });
});
