import { randomBytes } from 'node:crypto';
import { Logger } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { throwawayDatabase, type ThrowawayDatabase } from '../../../test/support/throwaway-database.js';
import { useClock } from '../../kernel/clock.js';
import type { Config } from '../config/config.js';
import type { ChangeFeed, ChangeListener } from '../database/change-feed.js';
import { signCompact, verifyCompact } from './jws.js';
import { publicationLead, retirementLag } from './key-lifecycle.js';
import { KeyRing } from './key-ring.service.js';
import type { KeyChange } from './key-rotation.js';
import { MasterKey } from './master-key.js';
import { SigningKeyEntity } from './signing-key.entity.js';

const config = { jwksMaxAge: 300, accessTokenTtl: 600, keyRotationDays: 90 } as Config;
const START = Date.UTC(2030, 0, 1);

describe('the key ring', () => {
  let database: ThrowawayDatabase;
  let masterKey: MasterKey;
  let restoreClock: () => void;
  let at: number;
  const rings: KeyRing[] = [];

  beforeAll(async () => {
    Logger.overrideLogger(false);
    database = await throwawayDatabase([SigningKeyEntity]);
  });
  afterAll(() => database.drop());

  beforeEach(async () => {
    await database.dataSource.query('DELETE FROM signing_keys');
    masterKey = new MasterKey(randomBytes(32));
    at = START;
    restoreClock = useClock({ now: () => at });
  });

  afterEach(() => {
    for (const ring of rings.splice(0)) ring.onModuleDestroy();
    restoreClock();
  });

  /** A node: its own memory, the shared database. */
  async function node(options: { masterKey?: MasterKey; changes?: Pick<ChangeFeed, 'subscribe'>; record?: Parameters<KeyRing['initialize']>[0] } = {}): Promise<KeyRing> {
    const ring = new KeyRing(database.dataSource, options.masterKey ?? masterKey, config, options.changes as ChangeFeed | undefined);
    rings.push(ring);
    await ring.initialize(options.record);
    return ring;
  }

  function inTransaction<T>(work: (manager: EntityManager) => Promise<T>): Promise<T> {
    return database.dataSource.transaction(work);
  }

  const kids = (ring: KeyRing) => ring.publicJwks().keys.map(({ kid }) => kid);
  const states = (ring: KeyRing) => Object.fromEntries(ring.describe().map(({ kid, state }) => [kid, state]));
  const passSeconds = (seconds: number) => { at += seconds * 1000; };
  const sealedLength = async (kid: string) =>
    (await database.dataSource.getRepository(SigningKeyEntity).findOneByOrFail({ kid })).sealedPrivateKey.length;

  describe('on an empty installation', () => {
    it('makes one ES256 and one RS256 key that sign at once, and records them in the same transaction', async () => {
      let recorded: readonly KeyChange[] = [];
      const ring = await node({ record: async (_manager, changes) => { recorded = changes; } });
      const { ES256, RS256 } = ring.signingKeys();
      expect(recorded).toEqual([
        expect.objectContaining({ change: 'created', algorithm: 'ES256', kid: ES256.kid, supersedes: null, activatesAt: new Date(START) }),
        expect.objectContaining({ change: 'created', algorithm: 'RS256', kid: RS256.kid, supersedes: null, activatesAt: new Date(START) }),
      ]);
      expect(states(ring)).toEqual({ [ES256.kid]: 'active', [RS256.kid]: 'active' });
    });

    it('makes no key when its record cannot be written', async () => {
      await expect(node({ record: () => Promise.reject(new Error('the log is full')) })).rejects.toThrow('the log is full');
      expect(await database.dataSource.getRepository(SigningKeyEntity).count()).toBe(0);
    });

    it('makes the keys once, however many nodes start together', async () => {
      const started = await Promise.all([node(), node(), node()]);
      expect(await database.dataSource.getRepository(SigningKeyEntity).count()).toBe(2);
      expect(new Set(started.map((ring) => kids(ring).join())).size).toBe(1);
    });

    it('refuses to sign before it is initialized', () => {
      const ring = new KeyRing(database.dataSource, masterKey, config);
      expect(() => ring.signingKeys()).toThrow(expect.objectContaining({ kind: 'unavailable', code: 'signing_key_missing' }));
    });
  });

  it('keeps private keys sealed in the database and public keys free of private members', async () => {
    const ring = await node();
    for (const row of await database.dataSource.getRepository(SigningKeyEntity).find()) {
      const secret = ring.privateJwks().keys.find(({ kid }) => kid === row.kid)!.d;
      expect(row.sealedPrivateKey.includes(Buffer.from(secret, 'base64url'))).toBe(false);
      expect(JSON.stringify(row.publicJwk)).not.toContain(secret);
    }
    for (const jwk of ring.publicJwks().keys) {
      expect(Object.keys(jwk).sort()).toEqual(jwk.kty === 'EC' ? ['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y'] : ['alg', 'e', 'kid', 'kty', 'n', 'use']);
    }
  });

  it('refuses to start with another master key, in one clear sentence', async () => {
    await node();
    await expect(node({ masterKey: new MasterKey(randomBytes(32)) })).rejects.toMatchObject({ code: 'sealed_with_another_key' });
  });

  it('never verifies with a key that somebody put into the database', async () => {
    const ring = await node();
    const { kid, publicJwk } = ring.signingKeys().ES256;
    const foreign = new KeyRing(database.dataSource, masterKey, config);
    rings.push(foreign);
    await database.dataSource.query('UPDATE signing_keys SET public_jwk = $1 WHERE kid = $2', [JSON.stringify({ ...publicJwk, x: publicJwk.y, y: publicJwk.x }), kid]);
    await foreign.initialize();
    expect(foreign.publicJwks().keys).toContainEqual(publicJwk);
    await database.dataSource.query(`UPDATE signing_keys AS one SET sealed_private_key = other.sealed_private_key
      FROM signing_keys AS other WHERE one.kid = $1 AND other.kid <> $1`, [kid]);
    await expect(node()).rejects.toMatchObject({ code: 'seal_broken' });
  });

  describe('rotating', () => {
    it('publishes the successor, signs with it when caches must know it, and drops the old key when its tokens are over', async () => {
      const ring = await node();
      const old = ring.signingKeys().ES256;
      const token = signCompact({ typ: 'at+jwt' }, { n: 1 }, old);
      const [change] = await inTransaction((manager) => ring.rotate(manager, { algorithms: ['ES256'] }));
      await ring.reload();
      expect(change).toMatchObject({ change: 'published', algorithm: 'ES256', supersedes: old.kid });
      expect(change!.activatesAt.getTime()).toBe(change!.publishedAt.getTime() + publicationLead(ring.timing) * 1000);
      expect(states(ring)).toMatchObject({ [old.kid]: 'active', [change!.kid]: 'pending' });
      expect(kids(ring)).toContain(change!.kid);

      at = change!.activatesAt.getTime() - 1;
      expect(ring.signingKeys().ES256.kid).toBe(old.kid);
      at = change!.activatesAt.getTime();
      expect(ring.signingKeys().ES256.kid).toBe(change!.kid);
      expect(states(ring)).toMatchObject({ [old.kid]: 'retiring', [change!.kid]: 'active' });
      expect(verifyCompact(token, (kid) => ring.verificationKey(kid), { typ: 'at+jwt' }).payload).toEqual({ n: 1 });

      expect(change!.supersededRetiresAt!.getTime()).toBe(change!.activatesAt.getTime() + retirementLag(ring.timing) * 1000);
      at = change!.supersededRetiresAt!.getTime();
      expect(kids(ring)).not.toContain(old.kid);
      expect(() => verifyCompact(token, (kid) => ring.verificationKey(kid), { typ: 'at+jwt' })).toThrow('unknown or retired key');
    });

    it('leaves the keys of other algorithms alone', async () => {
      const ring = await node();
      const { kid } = ring.signingKeys().RS256;
      await inTransaction((manager) => ring.rotate(manager, { algorithms: ['ES256'], immediately: true }));
      await ring.reload();
      expect(ring.describe().filter(({ algorithm }) => algorithm === 'RS256').map((key) => key.kid)).toEqual([kid]);
    });

    it('puts the active keys first in both JWKS, where a signer that takes the first match finds them', async () => {
      const ring = await node();
      for (let round = 0; round < 3; round += 1) {
        const changes = await inTransaction((manager) => ring.rotate(manager));
        await ring.reload();
        at = changes[0]!.activatesAt.getTime() + round;
        const { ES256, RS256 } = ring.signingKeys();
        expect(new Set(kids(ring).slice(0, 2))).toEqual(new Set([ES256.kid, RS256.kid]));
        expect(ring.privateJwks().keys.map(({ kid }) => kid)).toEqual(kids(ring));
      }
    });

    it('answers a second request with the schedule of the key that already waits', async () => {
      const ring = await node();
      const first = await inTransaction((manager) => ring.rotate(manager, { algorithms: ['RS256'] }));
      const again = await inTransaction((manager) => ring.rotate(manager, { algorithms: ['RS256'] }));
      expect(again).toEqual([{ ...first[0]!, change: 'already_pending' }]);
    });

    it('promotes the waiting key when told to rotate immediately', async () => {
      const ring = await node();
      const [waiting] = await inTransaction((manager) => ring.rotate(manager, { algorithms: ['ES256'] }));
      passSeconds(5);
      const [promoted] = await inTransaction((manager) => ring.rotate(manager, { algorithms: ['ES256'], immediately: true }));
      await ring.reload();
      expect(promoted).toMatchObject({ change: 'promoted', kid: waiting!.kid, activatesAt: new Date(at) });
      expect(ring.signingKeys().ES256.kid).toBe(waiting!.kid);
    });

    it('takes effect at once on a node whose clock is slow', async () => {
      const ring = await node();
      const [change] = await inTransaction((manager) => ring.rotate(manager, { algorithms: ['ES256'], immediately: true }));
      passSeconds(-20);
      await ring.reload();
      expect(ring.signingKeys().ES256.kid).toBe(change!.kid);
    });

    it('makes a key newer than one that a faster clock stamped', async () => {
      const ring = await node();
      passSeconds(-20);
      const [change] = await inTransaction((manager) => ring.rotate(manager, { algorithms: ['ES256'], immediately: true }));
      await ring.reload();
      expect(ring.signingKeys().ES256.kid).toBe(change!.kid);
    });

    it('changes nothing when the transaction is rolled back', async () => {
      const ring = await node();
      const before = kids(ring);
      await expect(inTransaction(async (manager) => {
        await ring.rotate(manager, { immediately: true });
        throw new Error('the log is full');
      })).rejects.toThrow('the log is full');
      await ring.reload();
      expect(kids(ring)).toEqual(before);
    });

    it('publishes one successor, however many nodes rotate together', async () => {
      const nodes = await Promise.all([node(), node(), node()]);
      const changes = await Promise.all(nodes.map((ring) => inTransaction((manager) => ring.rotate(manager, { algorithms: ['ES256'] }))));
      expect(new Set(changes.flat().map(({ kid }) => kid)).size).toBe(1);
      expect(changes.flat().filter(({ change }) => change === 'published')).toHaveLength(1);
    });
  });

  describe('rotating by schedule', () => {
    it('publishes a successor so early that no key signs beyond its age', async () => {
      const ring = await node();
      passSeconds(config.keyRotationDays * 86_400 - publicationLead(ring.timing) - 1);
      expect(await inTransaction((manager) => ring.rotateIfDue(manager))).toEqual([]);
      passSeconds(1);
      const changes = await inTransaction((manager) => ring.rotateIfDue(manager));
      expect(changes.map(({ algorithm, activatesAt }) => [algorithm, activatesAt.getTime()]))
        .toEqual([['ES256', START + 90 * 86_400_000], ['RS256', START + 90 * 86_400_000]]);
      expect(await inTransaction((manager) => ring.rotateIfDue(manager))).toEqual([]);
    });

    it('forgets the private part of retired keys and of no others', async () => {
      const ring = await node();
      const old = ring.signingKeys().ES256.kid;
      const [change] = await inTransaction((manager) => ring.rotate(manager, { algorithms: ['ES256'] }));
      at = change!.supersededRetiresAt!.getTime() - 1;
      expect(await inTransaction((manager) => ring.eraseRetired(manager))).toEqual([]);
      at += 1;
      expect(await inTransaction((manager) => ring.eraseRetired(manager))).toEqual([old]);
      expect(await sealedLength(old)).toBe(0);
      expect(await sealedLength(change!.kid)).toBeGreaterThan(0);
      await ring.reload();
      expect(ring.signingKeys().ES256.kid).toBe(change!.kid);
    });
  });

  describe('revoking', () => {
    it('withdraws the active key at once and signs with a new one', async () => {
      const [ring, slow] = [await node(), await node()];
      const { kid } = ring.signingKeys().ES256;
      const { replacement } = await inTransaction((manager) => ring.revokeKey(manager, kid));
      expect(replacement).toMatchObject({ change: 'published', supersedes: kid, supersededRetiresAt: new Date(at) });
      expect(await sealedLength(kid)).toBe(0);
      for (const lag of [0, -20]) {
        at = START + lag * 1000;
        await Promise.all([ring.reload(), slow.reload()]);
        for (const one of [ring, slow]) {
          expect(kids(one)).not.toContain(kid);
          expect(one.verificationKey(kid)).toBeUndefined();
          expect(one.signingKeys().ES256.kid).toBe(replacement!.kid);
        }
      }
    });

    it('promotes the key that waits, which verifiers may know already', async () => {
      const ring = await node();
      const [waiting] = await inTransaction((manager) => ring.rotate(manager, { algorithms: ['ES256'] }));
      const { replacement } = await inTransaction((manager) => ring.revokeKey(manager, ring.signingKeys().ES256.kid));
      await ring.reload();
      expect(replacement).toMatchObject({ change: 'promoted', kid: waiting!.kid });
      expect(ring.signingKeys().ES256.kid).toBe(waiting!.kid);
    });

    it('replaces a waiting key by another that waits, while the active one goes on', async () => {
      const ring = await node();
      const active = ring.signingKeys().ES256.kid;
      const [waiting] = await inTransaction((manager) => ring.rotate(manager, { algorithms: ['ES256'] }));
      passSeconds(60);
      const { replacement } = await inTransaction((manager) => ring.revokeKey(manager, waiting!.kid));
      await ring.reload();
      expect(states(ring)).toMatchObject({ [active]: 'active', [replacement!.kid]: 'pending' });
      expect(kids(ring)).not.toContain(waiting!.kid);
      at = waiting!.activatesAt.getTime();
      expect(ring.signingKeys().ES256.kid).toBe(active);
      at = replacement!.activatesAt.getTime();
      expect(ring.signingKeys().ES256.kid).toBe(replacement!.kid);
    });

    it('withdraws a retiring key without a replacement, and never lets an older key sign again', async () => {
      const ring = await node();
      const first = ring.signingKeys().ES256.kid;
      const [second] = await inTransaction((manager) => ring.rotate(manager, { algorithms: ['ES256'], immediately: true }));
      expect(await inTransaction((manager) => ring.revokeKey(manager, first))).toEqual({ kid: first, algorithm: 'ES256', replacement: null });
      const [third] = await inTransaction((manager) => ring.rotate(manager, { algorithms: ['ES256'], immediately: true }));
      const { replacement } = await inTransaction((manager) => ring.revokeKey(manager, third!.kid));
      await ring.reload();
      expect(states(ring)).toMatchObject({ [second!.kid]: 'retiring', [replacement!.kid]: 'active' });
    });

    it('says not found for a key that never was or has retired', async () => {
      const ring = await node();
      const { kid } = ring.signingKeys().ES256;
      await inTransaction((manager) => ring.revokeKey(manager, kid));
      for (const name of [kid, 'nobody']) {
        await expect(inTransaction((manager) => ring.revokeKey(manager, name))).rejects.toMatchObject({ kind: 'not_found', code: 'signing_key_not_found' });
      }
    });
  });

  describe('following changes', () => {
    it('tells its subscribers of each change of the effective keys, once', async () => {
      const ring = await node();
      const seen: string[] = [];
      const unsubscribe = ring.subscribe(() => seen.push(ring.signingKeys().ES256.kid));
      const old = ring.signingKeys().ES256.kid;
      const [change] = await inTransaction((manager) => ring.rotate(manager, { algorithms: ['ES256'] }));
      await ring.reload();
      await ring.reload();
      expect(seen).toEqual([old]);
      at = change!.activatesAt.getTime();
      ring.signingKeys();
      await new Promise(setImmediate);
      expect(seen).toEqual([old, change!.kid]);
      unsubscribe();
      at = change!.supersededRetiresAt!.getTime();
      await ring.reload();
      expect(seen).toHaveLength(2);
    });

    it('tells the others when one subscriber throws', async () => {
      const ring = await node();
      let told = 0;
      ring.subscribe(() => { throw new Error('broken listener'); });
      ring.subscribe(() => { told += 1; });
      await inTransaction((manager) => ring.rotate(manager));
      await ring.reload();
      expect(told).toBe(1);
    });

    it('takes up what another node changed when the change feed tells of it', async () => {
      let notify: ChangeListener = () => undefined;
      const follower = await node({ changes: { subscribe: (listener) => { notify = listener; } } });
      const told = new Promise<void>((resolve) => { follower.subscribe(resolve); });
      const leader = await node();
      const [change] = await inTransaction((manager) => leader.rotate(manager, { algorithms: ['ES256'], immediately: true }));
      notify('client', 'somebody');
      notify('signing_key', change!.kid);
      await told;
      expect(follower.signingKeys().ES256.kid).toBe(change!.kid);
    });

    it('goes on by its timestamps while the database cannot be read', async () => {
      const ring = await node();
      const [change] = await inTransaction((manager) => ring.rotate(manager, { algorithms: ['ES256'] }));
      await ring.reload();
      await database.dataSource.query('ALTER TABLE signing_keys RENAME TO signing_keys_away');
      try {
        await expect(ring.reload()).rejects.toThrow();
        at = change!.activatesAt.getTime();
        expect(ring.signingKeys().ES256.kid).toBe(change!.kid);
      } finally {
        await database.dataSource.query('ALTER TABLE signing_keys_away RENAME TO signing_keys');
      }
      await expect(ring.reload()).resolves.toBeUndefined();
    });

    it('changes over by itself at the appointed time', async () => {
      restoreClock();
      const ring = new KeyRing(database.dataSource, masterKey, { ...config, jwksMaxAge: 1 } as Config);
      rings.push(ring);
      await ring.initialize();
      const [change] = await inTransaction((manager) => ring.rotate(manager, { algorithms: ['ES256'] }));
      await ring.reload();
      const activeIs = (kid: string) => ring.describe().some((key) => key.kid === kid && key.state === 'active');
      await new Promise<void>((resolve) => { ring.subscribe(() => { if (activeIs(change!.kid)) resolve(); }); });
      expect(Date.now()).toBeGreaterThanOrEqual(change!.activatesAt.getTime());
    });
  });
});
