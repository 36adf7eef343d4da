import { callerOf, clientOf } from '../../../test/support/directory.js';
import { throwawayDatabase, type ThrowawayDatabase } from '../../../test/support/throwaway-database.js';
import { epochSeconds, now } from '../../kernel/clock.js';
import { newId, type OrganizationId, type UserId } from '../../kernel/ids.js';
import { MasterKey } from '../../platform/crypto/master-key.js';
import { lowestId } from '../../platform/database/time-partitions.js';
import type { Caller } from '../../platform/http/caller.js';
import { AuditLog } from '../audit/audit-log.service.js';
import { LedgerToken } from './ledger-token.entity.js';
import { LOOKED_AT, TokenDirectory, type TokenFilter } from './token-directory.service.js';
import { TokenLedger } from './token-ledger.service.js';

let database: ThrowawayDatabase;
let directory: TokenDirectory;
let everybody: Caller;
let somebody: Caller;

const [organization, person] = [newId<OrganizationId>(), newId<UserId>()];
const sql = (text: string, ...values: unknown[]) => database.dataSource.query(text, values);

beforeAll(async () => {
  database = await throwawayDatabase([LedgerToken]);
  const ledger = new TokenLedger(database.dataSource, database.pool, new AuditLog(database.dataSource, database.pool));
  await ledger.onModuleInit();
  directory = new TokenDirectory(database.dataSource.getRepository(LedgerToken), ledger, undefined as never, new MasterKey(Buffer.alloc(32, 7)));
  everybody = clientOf(organization);
  somebody = callerOf(person, organization, 'member');
  await sql('INSERT INTO organizations (id, slug, name) VALUES ($1::uuid, $1::text, $1::text)', organization);
  await sql('INSERT INTO users (id, email) VALUES ($1, $2)', person, `${person}@example.com`);
  await sql(`INSERT INTO clients (id, organization_id, kind, name) VALUES ('rare', $1, 'application', 'rare'), ('busy', $1, 'application', 'busy')`, organization);
  // One of a client and person that had no other since, then very many, all of them over.
  await issue('rare', person, 1, 20);
  await issue('busy', newId(), LOOKED_AT + 9, 10);
});
afterAll(() => database.drop());

/** Tokens that were issued so many minutes ago, and are over but for the first of each. */
async function issue(client: string, subject: string, count: number, minutes: number): Promise<void> {
  const from = lowestId(now() - minutes * 60_000).slice(0, 13);
  await sql(`INSERT INTO tokens (token_id, kind, format, grant_type, organization_id, client_id, subject, task_id, root_token_id, issued_at, expires_at)
    SELECT id, 'access_token', 'jwt', 'client_credentials', $1, $2, $3, id, id, to_timestamp($4), to_timestamp($4 + CASE WHEN n = 1 THEN 3600 ELSE 1 END)
    FROM (SELECT n, ($5 || '-7' || lpad(to_hex(n / 65536), 3, '0') || '-8000-' || lpad(to_hex(n % 65536), 12, '0'))::uuid AS id FROM generate_series(1, $6::int) AS n) made`,
    organization, client, subject, epochSeconds() - minutes * 60, from, count);
}

/** The clients on each page, until there is no more. */
async function pages(caller: Caller, filter: TokenFilter): Promise<string[][]> {
  const read: string[][] = [];
  let cursor: string | undefined;
  do {
    const { data, next_cursor } = await directory.list(caller, { ...filter, cursor });
    read.push(data.map(({ token }) => token.clientId));
    cursor = next_cursor ?? undefined;
  } while (cursor !== undefined);
  return read;
}

describe('looking for some of an organization’s tokens', () => {
  it.each<[what: string, filter: TokenFilter]>([
    ['of a client', { client_id: 'rare' }], ['that speak for somebody', { subject: person }], ['of both', { client_id: 'rare', subject: person }],
  ])('looks at so many at most for one page, which says where to go on: %s', async (_what, filter) => {
    expect(await pages(everybody, filter)).toEqual([[], ['rare']]);
  });

  it('does so for a member, who sees few of them', async () => {
    expect(await pages(somebody, {})).toEqual([[], ['rare']]);
  });

  it('does so for those that are alive, and for those that are not', async () => {
    expect(await pages(everybody, { active: true })).toEqual([[], ['busy', 'rare']]);
    await sql(`UPDATE tokens SET revoked_at = now() WHERE client_id = 'rare'`);
    expect(await pages(everybody, { active: true })).toEqual([[], ['busy']]);
    expect(await pages(everybody, { active: false, client_id: 'rare' })).toEqual([[], ['rare']]);
  });

  it('fills a page that finds enough, and reads no further', async () => {
    const { data, next_cursor } = await directory.list(everybody, { client_id: 'busy', limit: 3 });
    expect([data.length, typeof next_cursor]).toEqual([3, 'string']);
    const first = await directory.list(everybody, { client_id: 'busy', limit: 200 });
    expect(first.data.slice(0, 3).map(({ token }) => token.id)).toEqual(data.map(({ token }) => token.id));
    expect((await directory.list(everybody, { client_id: 'busy', limit: 3, cursor: next_cursor! })).data[0]!.token.id).toBe(first.data[3]!.token.id);
  });

  it('goes on from there in every list of theirs, also where all of them are shown', async () => {
    const { next_cursor } = await directory.list(everybody, { client_id: 'rare' });
    const rest = await directory.list(everybody, { cursor: next_cursor! });
    expect([rest.data.length, rest.data.at(-1)!.token.clientId, rest.next_cursor]).toEqual([10, 'rare', null]);
  });
});
