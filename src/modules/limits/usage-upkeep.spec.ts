import { throwawayDatabase, type ThrowawayDatabase } from '../../../test/support/throwaway-database.js';
import { now } from '../../kernel/clock.js';
import { newId } from '../../kernel/ids.js';
import { Config, environmentSchema } from '../../platform/config/config.js';
import type { Background, Chore } from '../../platform/database/background.js';
import type { UsageMeter } from './usage-meter.service.js';
import { UsageUpkeep } from './usage-upkeep.service.js';

let database: ThrowawayDatabase;
const chores = new Map<string, Chore>();
const organization = newId();
const asked: number[] = [];

beforeAll(async () => {
  database = await throwawayDatabase([]);
  const background = { every: (given: Chore) => { chores.set(given.name, given); } } as Background;
  const meter = { expire: (_manager: unknown, limit: number) => { asked.push(limit); return Promise.resolve(asked.length < 3 ? limit : 7); } } as unknown as UsageMeter;
  new UsageUpkeep(background, meter, new Config(environmentSchema.parse({ LEGATE_USAGE_HISTORY_DAYS: '30' }))).onModuleInit();
  await sql('INSERT INTO organizations (id, slug, name) VALUES ($1::uuid, $1::text, $1::text)', organization);
});
afterAll(() => database.drop());

const sql = (text: string, ...values: unknown[]) => database.dataSource.query<Record<string, unknown>[]>(text, values);
const run = (name: string) => database.dataSource.transaction((manager) => chores.get(name)!.run(manager));
const ago = (days: number) => new Date(now() - days * 24 * 3600 * 1000);

describe('the upkeep of usage', () => {
  it('releases expired reservations in batches, for as long as there are more', async () => {
    expect([await run('expired reservations'), await run('expired reservations'), await run('expired reservations')]).toEqual([true, true, false]);
    expect(new Set(asked).size).toBe(1);
  });

  it('keeps what was reserved for a day after it ended, and what is open', async () => {
    const made = async (status: string, ended: Date | null) => {
      const id = newId() as string;
      await sql(`INSERT INTO usage_reservations (id, organization_id, client_id, holder, status, requests, cost_micros, stands_behind, taken, created_at, ended_at) VALUES ($1, $2, 'c', 'h', $3, 1, 0, '{}', '[]', $4, $5)`,
        id, organization, status, ago(9), ended);
      return id;
    };
    const kept = [await made('reserved', null), await made('committed', ago(0.9)), await made('expired', ago(0.9))];
    for (const status of ['committed', 'released', 'expired']) await made(status, ago(1.1));
    expect(await run('ended reservations')).toBe(false);
    expect((await sql('SELECT id FROM usage_reservations ORDER BY id')).map(({ id }) => id)).toEqual(kept.sort());
  });

  it('keeps counters for a week after their window, those of a lifetime, and those from which something is still to be given back', async () => {
    const made = (key: string, end: Date | null, reserved = 0) => sql(
      `INSERT INTO usage_counters (key, organization_id, subject_kind, subject_id, meter, period, window_end, bound, reserved, committed) VALUES ($1, $2, 'agent', $2, 'cost', 'hour', $3, 5, $4, 1)`, key, organization, end, reserved);
    await made('recent', ago(6.9));
    await made('for ever', null);
    await made('open', ago(8), 2);
    await made('old', ago(7.1));
    expect(await run('old usage counters')).toBe(false);
    expect((await sql('SELECT key FROM usage_counters ORDER BY key')).map(({ key }) => key)).toEqual(['for ever', 'open', 'recent']);
  });

  it('keeps the history for as many days as the operator says, and deletes what is older however much it is', async () => {
    await sql(`INSERT INTO usage_history (agent_id, hour, organization_id, requests, cost_micros) SELECT gen_random_uuid(), $2, $1, 1, 1 FROM generate_series(1, 700)`, organization, ago(30.1));
    await sql('INSERT INTO usage_history (agent_id, hour, organization_id, requests, cost_micros) VALUES ($1, $2, $1, 1, 1)', organization, ago(29.9));
    expect([await run('old usage history'), await run('old usage history')]).toEqual([true, false]);
    expect(await sql('SELECT count(*)::int AS count FROM usage_history')).toEqual([{ count: 1 }]);
  });
});
