import { StatusList } from '@sd-jwt/jwt-status-list';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { throwawayDatabase, type ThrowawayDatabase } from '../../../test/support/throwaway-database.js';
import { now, useClock } from '../../kernel/clock.js';
import { newId } from '../../kernel/ids.js';
import { loadConfig } from '../../platform/config/load-config.js';
import { KeyRing } from '../../platform/crypto/key-ring.service.js';
import { MasterKey } from '../../platform/crypto/master-key.js';
import { SigningKeyEntity } from '../../platform/crypto/signing-key.entity.js';
import type { Background, Chore } from '../../platform/database/background.js';
import { lowestId } from '../../platform/database/time-partitions.js';
import type { AuditEvent } from '../audit/audit-event.js';
import { AuditLog } from '../audit/audit-log.service.js';
import { LIST_SIZE } from '../tokens/status-entries.service.js';
import { TokenLedger } from '../tokens/token-ledger.service.js';
import { StatusListUpkeep } from './status-list-upkeep.service.js';
import { StatusLists } from './status-lists.service.js';

const NAME = 'list-of-test';
const HOUR_MS = 3600 * 1000;
const [ORGANIZATION, OTHER, AGENT] = [newId(), newId(), newId()];
const config = loadConfig({ LEGATE_MASTER_KEY: 'A'.repeat(43), LEGATE_ISSUER: 'https://issuer.example' });

let database: ThrowawayDatabase;
let log: AuditLog;
let keyRing: KeyRing;
let lists: StatusLists;
let reading: Chore;
let purging: Chore;
let number: number;
let restoreClock: (() => void) | undefined;

const sql = <T>(text: string, ...values: unknown[]) => database.dataSource.query<T>(text, values);
const turn = (chore: Chore) => database.dataSource.transaction((manager) => chore.run(manager));

beforeAll(async () => {
  database = await throwawayDatabase([SigningKeyEntity]);
  log = new AuditLog(database.dataSource, database.pool);
  const ledger = new TokenLedger(database.dataSource, database.pool, log);
  await ledger.onModuleInit();
  keyRing = new KeyRing(database.dataSource, new MasterKey(Buffer.alloc(32, 7)), config);
  await keyRing.initialize();
  for (const id of [ORGANIZATION, OTHER]) await sql('INSERT INTO organizations (id, slug, name) VALUES ($1::uuid, $1::text, $1::text)', id);
  await sql(`INSERT INTO clients (id, organization_id, kind, name) VALUES ($1, $2, 'agent', 'agent')`, AGENT, ORGANIZATION);
  await sql(`INSERT INTO agents (id, client_id, organization_id, name, status) VALUES ($1::uuid, $1::text, $2, 'agent', 'active')`, AGENT, ORGANIZATION);
});

beforeEach(async () => {
  const chores: Chore[] = [];
  new StatusListUpkeep({ every: (chore: Chore) => { chores.push(chore); } } as Background).onModuleInit();
  [reading, purging] = chores as [Chore, Chore];
  lists = new StatusLists(database.dataSource, config, keyRing);
  await sql('DELETE FROM tokens');
  await sql('DELETE FROM status_lists');
  await sql('DELETE FROM status_sweeps');
  const [list] = await sql<[{ number: string }]>(
    `INSERT INTO status_lists (name, seed, leased, longest_life, opened_at, ends_at) VALUES ($1, '', $2, 600, $3, $4) RETURNING number`, NAME, LIST_SIZE, new Date(now()), new Date(now() + HOUR_MS));
  number = Number(list.number);
});

afterEach(() => {
  restoreClock?.();
  restoreClock = undefined;
});
afterAll(async () => {
  keyRing.onModuleDestroy();
  await database.drop();
});

/** So many tokens of the agent, at the first indexes; ten of them in a row descend from another's. */
async function issue(count: number, { organization = ORGANIZATION, first = 0 } = {}): Promise<void> {
  await sql(`INSERT INTO tokens (token_id, kind, format, grant_type, organization_id, client_id, subject, agent_id, task_id, root_token_id, issued_at, expires_at, status_entry)
    SELECT id, 'access_token', 'jwt', 'client_credentials', $1, $2::text, $2::text, $2::uuid, id, id, $3, $4, $5::bigint + n
    FROM generate_series($6::int, $6::int + $7::int - 1) n, LATERAL (SELECT ($8 || lpad(to_hex(n), 12, '0'))::uuid AS id) made`,
  organization, AGENT, new Date(now()), new Date(now() + 600_000), number * LIST_SIZE, first, count, lowestId(now()).replace(/-0000-0000-0{12}$/, `-7000-${organization === OTHER ? '9' : '8'}000-`));
}

const ended = (event: Partial<AuditEvent>) =>
  log.record({ type: 'agent.suspended', outcome: 'success', organization_id: ORGANIZATION, actor: { kind: 'system' }, target: { kind: 'agent', id: AGENT }, ...event });

/** The list as a library reads it that knows nothing of this server. */
async function read(): Promise<StatusList> {
  const { status_list: { lst, bits } } = decodeJwt<{ status_list: { lst: string; bits: 1 } }>((await lists.find(NAME)).text);
  return StatusList.decompressStatusList(lst, bits);
}

const invalid = async () => {
  const list = await read();
  return list.statusList.reduce((count, status) => count + status, 0);
};

/** Runs until there is nothing more to do, and answers how often. */
async function readAll(): Promise<number> {
  for (let turns = 1; ; turns += 1) if (await turn(reading) !== true) return turns;
}

/** What is known of a list may be a tenth of a second old. */
const settle = () => new Promise((resolve) => { setTimeout(resolve, 150); });

describe('status lists', () => {
  it('say it of every token that no index finds, page by page of the ledger, and take it back', async () => {
    await issue(25_000);
    await issue(1000, { organization: OTHER, first: 30_000 });
    await sql(`UPDATE agents SET status = 'suspended' WHERE id = $1`, AGENT);
    await ended({});
    // The end of the log and the first page, the second, the third, and nothing.
    expect(await readAll()).toBeGreaterThan(3);
    await settle();
    expect(await invalid()).toBe(25_000);
    await sql(`UPDATE agents SET status = 'active' WHERE id = $1`, AGENT);
    await ended({ type: 'agent.resumed' });
    await readAll();
    await settle();
    expect(await invalid()).toBe(0);
  });

  it('leave out what no longer matters: tokens that have expired, and endings while no token has an entry', async () => {
    await issue(3);
    await sql('UPDATE tokens SET expires_at = $1 WHERE status_entry % 2 = 0', new Date(now() - 1000));
    await sql('UPDATE tokens SET revoked_at = now()');
    for (const { token_id: id } of await sql<{ token_id: string }[]>('SELECT token_id FROM tokens')) await ended({ type: 'token.revoked', target: { kind: 'token', id } });
    await readAll();
    await settle();
    expect(await invalid()).toBe(1);
    expect((await read()).getStatus(1)).toBe(1);
    await sql('DELETE FROM status_lists');
    await ended({});
    expect(await turn(reading)).toBe(false);
    const [{ behind }] = await sql<[{ behind: string }]>('SELECT h.size - p.sequence AS behind FROM audit_heads h, status_progress p');
    expect(behind).toBe('0');
  });

  it('look from the present on for what expires, also where the clock was set back', async () => {
    await sql('UPDATE status_progress SET expired_until = $1', new Date(now() + HOUR_MS));
    await readAll();
    const [{ expired_until: until }] = await sql<[{ expired_until: Date }]>('SELECT expired_until FROM status_progress');
    expect(until.getTime()).toBeLessThanOrEqual(now());
  });

  it('say it of the tokens of a delegation that has expired, though nothing is on record of that', async () => {
    const delegation = newId();
    await sql(`INSERT INTO delegation_grants (id, organization_id, origin, principal_kind, principal_id, subject_kind, subject_id, agent_id, ancestors, scopes, max_depth, created_at, expires_at)
      VALUES ($1, $2, 'consent', 'agent', $3, 'agent', $3, $3, '{}', '{a:read}', 0, now(), $4)`, delegation, ORGANIZATION, AGENT, new Date(now() + 30_000));
    await issue(5);
    await sql('UPDATE tokens SET delegation_grant_id = $1 WHERE status_entry % 2 = 0', delegation);
    await readAll();
    expect(await invalid()).toBe(0);
    const at = now();
    restoreClock = useClock({ now: () => at + 31_000 });
    await readAll();
    expect(await invalid()).toBe(3);
    // And no sooner and no more often than that.
    const version = async () => (await sql<[{ version: string; until: Date }]>('SELECT l.version, p.expired_until AS until FROM status_lists l, status_progress p'))[0];
    const before = await version();
    await readAll();
    expect(await version()).toEqual(before);
    expect(before.until.getTime()).toBeGreaterThan(at + 29_000);
  });

  it('read on where they stopped, however much is written meanwhile', async () => {
    await issue(500);
    await sql('UPDATE tokens SET revoked_at = now()');
    const tokens = await sql<{ token_id: string }[]>('SELECT token_id FROM tokens');
    await Promise.all(tokens.map(({ token_id: id }) => ended({ type: 'token.revoked', target: { kind: 'token', id } })));
    expect(await readAll()).toBe(3);
    await settle();
    expect(await invalid()).toBe(500);
  });

  it('are as long as they ever get, however few tokens there are', async () => {
    await issue(1);
    expect((await read()).statusList).toHaveLength(LIST_SIZE);
  });

  it('are signed anew when half of their time is over, and by the key that signs now', async () => {
    const first = await lists.find(NAME);
    expect(await lists.find(NAME)).toBe(first);
    const at = now();
    restoreClock = useClock({ now: () => at + 151_000 });
    const second = await lists.find(NAME);
    expect(second.tag).not.toBe(first.tag);
    expect(decodeJwt(second.text).exp!).toBeGreaterThan(decodeJwt(first.text).exp!);
    await database.dataSource.transaction((manager) => keyRing.rotate(manager, { immediately: true }));
    await keyRing.reload();
    const third = await lists.find(NAME);
    expect(decodeProtectedHeader(third.text).kid).not.toBe(decodeProtectedHeader(second.text).kid);
    expect(third.tag).not.toBe(second.tag);
  });

  it('have the same tag on every node, and are written once for all who ask', async () => {
    const other = new StatusLists(database.dataSource, config, keyRing);
    expect((await other.find(NAME)).tag).toBe((await lists.find(NAME)).tag);
    const [one, ...rest] = await Promise.all(Array.from({ length: 20 }, () => new StatusLists(database.dataSource, config, keyRing)).slice(0, 1).flatMap((node) => Array.from({ length: 20 }, () => node.find(NAME))));
    for (const same of rest) expect(same).toBe(one);
  });

  it('are refused rather than trusted when they do not know what ended', async () => {
    await ended({});
    await settle();
    expect(await lists.find(NAME)).toMatchObject({ text: expect.any(String) });
    const at = now();
    restoreClock = useClock({ now: () => at + 31_000 });
    await expect(lists.find(NAME)).rejects.toMatchObject({ code: 'status_lists_behind' });
    await readAll();
    expect(await lists.find(NAME)).toMatchObject({ text: expect.any(String) });
  });

  it('are gone when the last token in them has expired, and then deleted', async () => {
    expect(await lists.addresses()).toEqual([`https://issuer.example/api/status-lists/${NAME}`]);
    const at = now();
    restoreClock = useClock({ now: () => at + HOUR_MS + 1 });
    await expect(lists.find(NAME)).rejects.toMatchObject({ code: 'status_list_not_found' });
    expect(await lists.addresses()).toEqual([]);
    expect(await turn(purging)).toBe(false);
    expect(await sql('SELECT number FROM status_lists')).toEqual([]);
  });
});
