import { throwawayDatabase, type ThrowawayDatabase } from '../../../test/support/throwaway-database.js';
import { now, useClock } from '../../kernel/clock.js';
import { loadConfig } from '../../platform/config/load-config.js';
import { LIST_SIZE, StatusEntries, type StatusEntry } from './status-entries.service.js';

const HOUR_MS = 3600 * 1000;
const ISSUER = 'https://issuer.example';

let database: ThrowawayDatabase;
let restoreClock: (() => void) | undefined;

beforeAll(async () => { database = await throwawayDatabase([]); });
beforeEach(() => database.dataSource.query('DELETE FROM status_lists'));
afterEach(() => restoreClock?.());
afterAll(() => database.drop());

const node = (settings: Record<string, string> = {}) =>
  new StatusEntries(database.dataSource, loadConfig({ LEGATE_MASTER_KEY: 'A'.repeat(43), LEGATE_ISSUER: ISSUER, LEGATE_ACCESS_TOKEN_TTL: '600', ...settings }));
const some = async (entries: StatusEntries, lifetime = 600) => (await entries.allot(lifetime))!;
const lists = () => database.dataSource.query<{ number: string; name: string; leased: number; longest_life: number; opened_at: Date; ends_at: Date }[]>('SELECT * FROM status_lists ORDER BY number');
const later = (milliseconds: number) => {
  const at = now() + milliseconds;
  restoreClock?.();
  restoreClock = useClock({ now: () => at });
};

describe('the entries of status lists', () => {
  it('are handed out once, however many nodes ask at the same time', async () => {
    const nodes = [node(), node(), node()];
    const entries: StatusEntry[] = [];
    // More than a lease of each.
    for (let round = 0; round < 50; round += 1) entries.push(...await Promise.all(nodes.flatMap((one) => Array.from({ length: 100 }, () => some(one)))));
    expect(new Set(entries.map(({ entry }) => entry)).size).toBe(15_000);
    const [list, ...others] = await lists();
    expect(others).toEqual([]);
    expect(list!.leased).toBeGreaterThanOrEqual(15_000);
    for (const { entry, index, uri } of entries) {
      expect(uri).toBe(`${ISSUER}/api/status-lists/${list!.name}`);
      expect(entry).toBe(Number(list!.number) * LIST_SIZE + index);
      expect(index).toBeLessThan(LIST_SIZE);
    }
  });

  it('are there without waiting, once a node has leased some', async () => {
    const one = node();
    await some(one);
    expect(one.allot(600)).toMatchObject({ index: expect.any(Number) });
    expect(one.allot(600)).not.toBeInstanceOf(Promise);
  });

  it('are none where tokens name no list', async () => {
    const one = node({ LEGATE_STATUS_LIST_TTL: '0' });
    expect(one.allot(600)).toBeUndefined();
    expect(await database.dataSource.transaction((manager) => one.allotIn(manager, 600))).toBeUndefined();
    expect(await lists()).toEqual([]);
  });

  it('go back with the transaction that leased one, which nobody else then has', async () => {
    const one = node();
    const taken: StatusEntry[] = [];
    await expect(database.dataSource.transaction(async (manager) => {
      taken.push((await one.allotIn(manager, 600))!);
      throw new Error('rolled back');
    })).rejects.toThrow('rolled back');
    expect(await lists()).toEqual([]);
    await database.dataSource.transaction(async (manager) => { taken.push((await one.allotIn(manager, 600))!); });
    await database.dataSource.transaction(async (manager) => { taken.push((await one.allotIn(manager, 600))!); });
    taken.push(await some(one));
    const kept = taken.slice(1);
    expect(new Set(kept.map(({ entry }) => entry)).size).toBe(3);
  });

  it('are of a list that is there for longer than any token in it lives', async () => {
    const one = node();
    await some(one);
    expect((await lists())[0]).toMatchObject({ longest_life: 600 });
    await some(one, 7 * 24 * 3600);
    const [list] = await lists();
    expect(list!.longest_life).toBe(7 * 24 * 3600);
    // Entries are handed out for an hour after the last lease, which comes within a day of its opening.
    expect(list!.ends_at.getTime()).toBeGreaterThanOrEqual(list!.opened_at.getTime() + 25 * HOUR_MS + 7 * 24 * HOUR_MS);
  });

  it('are ready for the resource whose tokens live longest', async () => {
    await database.dataSource.query(`INSERT INTO organizations (id, slug, name) VALUES (gen_random_uuid(), 'one', 'One')`);
    await database.dataSource.query(`INSERT INTO resources (id, organization_id, identifier, canonical_identifier, name, access_token_ttl) SELECT gen_random_uuid(), id, $1, $1, $1, 86400 FROM organizations`, ['https://long.example']);
    const one = node();
    await some(one);
    expect((await lists())[0]).toMatchObject({ longest_life: 86_400 });
    expect(one.allot(86_400)).not.toBeInstanceOf(Promise);
    await database.dataSource.query('DELETE FROM organizations');
  });

  it('are not handed out an hour after they were leased', async () => {
    const one = node();
    await some(one);
    later(HOUR_MS - 1000);
    expect(one.allot(600)).not.toBeInstanceOf(Promise);
    const leased = (await lists())[0]!.leased;
    later(1000);
    await some(one);
    expect((await lists())[0]!.leased).toBe(2 * leased);
  });

  it('are of another list a day later, and of the next one when a list is full; the one before ends when its last token can have expired', async () => {
    const one = node();
    const uris = [(await some(one)).uri];
    later(24 * HOUR_MS);
    uris.push((await some(one)).uri);
    await database.dataSource.query('UPDATE status_lists SET leased = $1', [LIST_SIZE]);
    uris.push((await some(node())).uri);
    expect(new Set(uris).size).toBe(3);
    const all = await lists();
    const longest = HOUR_MS + 60_000 + 600_000;
    expect(all[1]!.ends_at.getTime()).toBe(now() + longest);
    expect(all[2]!.ends_at.getTime()).toBe(now() + 24 * HOUR_MS + longest);
  });

  it('cost the request a database that is away, and no token gets one twice', async () => {
    const one = node();
    await some(one);
    let failures = 0;
    const lame = new StatusEntries({ transaction: () => { failures += 1; return Promise.reject(new Error('away')); } } as never, loadConfig({ LEGATE_MASTER_KEY: 'A'.repeat(43), LEGATE_ISSUER: ISSUER }));
    await expect(lame.allot(600)).rejects.toThrow('away');
    await expect(lame.allot(600)).rejects.toThrow('away');
    expect(failures).toBe(2);
  });
});
