import { throwawayDatabase, type ThrowawayDatabase } from '../../../test/support/throwaway-database.js';
import { now } from '../../kernel/clock.js';
import { newId } from '../../kernel/ids.js';
import { loadConfig } from '../../platform/config/load-config.js';
import type { Background, Chore } from '../../platform/database/background.js';
import { ConsentUpkeep } from './consent-upkeep.service.js';

let database: ThrowawayDatabase;
let chore: Chore;
const [organization, user] = [newId(), newId()];

beforeAll(async () => {
  database = await throwawayDatabase([]);
  const config = loadConfig({ LEGATE_MASTER_KEY: 'A'.repeat(43), LEGATE_REFRESH_TOKEN_TTL: String(20 * 24 * 3600) });
  new ConsentUpkeep({ every: (given: Chore) => { chore = given; } } as Background, config).onModuleInit();
  await sql('INSERT INTO organizations (id, slug, name) VALUES ($1::uuid, $1::text, $1::text)', organization);
  await sql('INSERT INTO users (id, email) VALUES ($1, $2)', user, `${user}@example.com`);
  await sql(`INSERT INTO clients (id, organization_id, kind, name) VALUES ('app', $1, 'application', 'app')`, organization);
});
afterAll(() => database.drop());

const sql = (text: string, ...values: unknown[]) => database.dataSource.query(text, values);
const look = () => database.dataSource.transaction((manager) => chore.run(manager));

/** @param expires days from now, as is `revoked` */
async function consent(expires: number, revoked?: number): Promise<string> {
  const id = newId();
  const at = (days: number) => new Date(now() + days * 24 * 3600 * 1000);
  await sql(`INSERT INTO consent_grants (id, organization_id, client_id, user_id, payload, expires_at, revoked_at) VALUES ($1, $2, 'app', $3, '{}', $4, $5)`,
    id, organization, user, at(expires), revoked === undefined ? null : at(revoked));
  return id;
}

async function left(): Promise<string[]> {
  const rows = await sql('SELECT id FROM consent_grants ORDER BY id') as { id: string }[];
  return rows.map(({ id }) => id);
}

describe('the upkeep of consents', () => {
  it('deletes those whose end is longer ago than any token on them can have lived, and no other', async () => {
    const kept = [await consent(300), await consent(-1), await consent(-19.9), await consent(300, -1), await consent(300, -19.9)];
    await consent(-20.1);
    await consent(300, -20.1);
    await consent(-30, -1);
    expect(await look()).toBe(false);
    expect(await left()).toEqual(kept.sort());
  });

  it('goes on for as long as there are more', async () => {
    await sql(`INSERT INTO consent_grants (id, organization_id, client_id, user_id, payload, expires_at)
      SELECT gen_random_uuid(), $1, 'app', $2, '{}', now() - interval '1 year' FROM generate_series(1, 700)`, organization, user);
    const before = (await left()).length;
    expect([await look(), await look()]).toEqual([true, false]);
    expect(await left()).toHaveLength(before - 700);
  });
});
