import { randomBytes } from 'node:crypto';
import { throwawayDatabase, type ThrowawayDatabase } from '../../test/support/throwaway-database.js';
import { epochSeconds, now, useClock } from '../kernel/clock.js';
import { newId } from '../kernel/ids.js';
import { ProtocolObjects } from './protocol-objects.store.js';

describe('what the protocol keeps for a while', () => {
  let database: ThrowawayDatabase;
  let objects: ProtocolObjects;
  let restoreClock: (() => void) | undefined;

  beforeAll(async () => {
    database = await throwawayDatabase([]);
    objects = new ProtocolObjects(database.dataSource, database.pool);
  });
  afterEach(() => restoreClock?.());
  afterAll(() => database.drop());

  const newSecret = () => randomBytes(32).toString('base64url');

  it('is found by its id, which is a secret and stored as a hash alone', async () => {
    const [id, uid] = [newSecret(), newSecret()];
    await objects.save('Session', id, { jti: id, uid, accountId: 'a-1', nested: { list: [1, 'é😀'] } }, 60);
    expect(await objects.find('Session', id)).toEqual({ jti: id, uid, accountId: 'a-1', nested: { list: [1, 'é😀'] } });
    expect(await objects.find('Interaction', id)).toBeUndefined();
    const [row] = await database.dataSource.query<{ text: string }[]>(`SELECT payload::text || encode(id_hash, 'escape') AS text FROM protocol_objects WHERE payload ->> 'accountId' = 'a-1'`);
    expect(row!.text).not.toContain(id);
  });

  it('is found by its uid without its id', async () => {
    const [id, uid] = [newSecret(), newSecret()];
    await objects.save('Session', id, { jti: id, uid, accountId: 'a-2' }, 60);
    expect(await objects.findByUid('Session', uid)).toEqual({ uid, accountId: 'a-2' });
    expect(await objects.findByUid('Session', id)).toBeUndefined();
  });

  it('is replaced when it is saved again', async () => {
    const id = newSecret();
    await objects.save('Session', id, { jti: id, accountId: 'before' }, 60);
    await objects.save('Session', id, { jti: id, accountId: 'after' }, 60);
    expect(await objects.find('Session', id)).toEqual({ jti: id, accountId: 'after' });
  });

  it('is used by exactly one of many at once, and says when', async () => {
    const id = newSecret();
    await objects.save('AuthorizationCode', id, { jti: id }, 60);
    const at = epochSeconds() * 1000 + 999;
    restoreClock = useClock({ now: () => at });
    const uses = await Promise.all(Array.from({ length: 20 }, () => objects.consume('AuthorizationCode', id)));
    expect(uses.filter(Boolean)).toHaveLength(1);
    expect(await objects.find('AuthorizationCode', id)).toEqual({ jti: id, consumed: epochSeconds() });
    expect(await objects.consume('AuthorizationCode', newSecret())).toBe(false);
  });

  it('is used in the transaction that was given, and not when that fails', async () => {
    const id = newSecret();
    await objects.save('AuthorizationCode', id, { jti: id }, 60);
    await expect(database.dataSource.transaction(async (manager) => {
      expect(await objects.consume('AuthorizationCode', id, manager)).toBe(true);
      throw new Error('rolled back');
    })).rejects.toThrow('rolled back');
    expect(await objects.consume('AuthorizationCode', id)).toBe(true);
  });

  it('goes alone, or with all of its kind that belong to a grant', async () => {
    const [grant, ids] = [newId(), [newSecret(), newSecret(), newSecret()]];
    for (const id of ids) await objects.save('RefreshToken', id, { jti: id, grantId: grant }, 60);
    await objects.save('AuthorizationCode', ids[0]!, { jti: ids[0], grantId: grant }, 60);
    await objects.remove('RefreshToken', ids[0]!);
    expect([await objects.find('RefreshToken', ids[0]!), await objects.find('RefreshToken', ids[1]!)]).toEqual([undefined, expect.anything()]);
    await objects.removeByGrant('RefreshToken', grant);
    expect([await objects.find('RefreshToken', ids[1]!), await objects.find('RefreshToken', ids[2]!)]).toEqual([undefined, undefined]);
    expect(await objects.find('AuthorizationCode', ids[0]!)).toBeDefined();
  });

  it.each([
    ['NUL', { params: { state: 'a\0b' } }], ['half of a surrogate pair', { params: { nonce: '\uD83D' } }], ['a name that reaches a prototype', { params: JSON.parse('{"__proto__":1}') as object }],
  ])('holds nothing that the database does not take: %s is refused, since it came with the request', async (_name, payload) => {
    await expect(objects.save('Interaction', newSecret(), payload, 60)).rejects.toMatchObject({ kind: 'invalid', code: 'unstorable_parameter' });
  });

  it('is purged once it has expired, a batch at a time, and not before', async () => {
    await database.dataSource.query('DELETE FROM protocol_objects');
    const at = now();
    for (let index = 0; index < 5; index += 1) await objects.save('Interaction', newSecret(), {}, 10);
    const lasting = newSecret();
    await objects.save('Session', lasting, {}, 1000);
    expect(await objects.purgeExpired(3)).toBe(0);
    restoreClock = useClock({ now: () => at + 20_000 });
    expect([await objects.purgeExpired(3), await objects.purgeExpired(3), await objects.purgeExpired(3)]).toEqual([3, 2, 0]);
    expect(await objects.find('Session', lasting)).toBeDefined();
  });

  it('that were used once are not forgotten because our clock alone was set forward', async () => {
    const { dataSource } = database;
    await dataSource.query(`INSERT INTO single_uses (id_hash, expires_at) VALUES ('\\x01', now() - interval '1 second'), ('\\x02', now() + interval '1 minute')`);
    restoreClock = useClock({ now: () => Date.now() + 3_600_000 });
    await objects.purgeExpired(100);
    expect(await dataSource.query(`SELECT id_hash FROM single_uses WHERE id_hash IN ('\\x01', '\\x02')`)).toEqual([{ id_hash: Buffer.from([2]) }]);
  });
});
