import { throwawayDatabase, type ThrowawayDatabase } from '../../../test/support/throwaway-database.js';
import { auditTrail } from '../../../test/support/directory.js';
import { useClock } from '../../kernel/clock.js';
import type { Config } from '../../platform/config/config.js';
import { publicationLead, retirementLag } from '../../platform/crypto/key-lifecycle.js';
import { KeyRing } from '../../platform/crypto/key-ring.service.js';
import { MasterKey } from '../../platform/crypto/master-key.js';
import { SigningKeyEntity } from '../../platform/crypto/signing-key.entity.js';
import type { Background, Chore } from '../../platform/database/background.js';
import { AuditLog } from '../audit/audit-log.service.js';
import { KeyUpkeep } from './key-upkeep.service.js';

const DAY = 24 * 3600 * 1000;
let database: ThrowawayDatabase;
let keyRing: KeyRing;
let chore: Chore;
let at = Date.UTC(2030, 0, 1);
let restoreClock: () => void;

beforeAll(async () => {
  restoreClock = useClock({ now: () => at });
  database = await throwawayDatabase([SigningKeyEntity]);
  keyRing = new KeyRing(database.dataSource, new MasterKey(Buffer.alloc(32, 7)), { jwksMaxAge: 300, accessTokenTtl: 600, keyRotationDays: 90 } as Config);
  await keyRing.initialize();
  const background = { every: (given: Chore) => { chore = given; } } as Background;
  new KeyUpkeep(background, keyRing, new AuditLog(database.dataSource, database.pool)).onModuleInit();
});

afterAll(async () => {
  keyRing.onModuleDestroy();
  await database.drop();
  restoreClock();
});

async function look(): Promise<Record<string, unknown>[]> {
  const before = (await auditTrail(database.dataSource)).length;
  await database.dataSource.transaction((manager) => chore.run(manager));
  await keyRing.reload();
  return (await auditTrail(database.dataSource)).slice(before);
}

describe('the upkeep of signing keys', () => {
  it('does nothing and records nothing while no key is due', async () => {
    expect(await look()).toEqual([]);
  });

  it('replaces keys that come of age, and forgets those that have retired, each on record', async () => {
    const former = Object.values(keyRing.signingKeys()).map(({ kid }) => kid);
    at += 90 * DAY;
    const rotated = await look();
    expect(rotated.map(({ type, actor, organization_id: organization }) => ({ type, actor, organization }))).toEqual(
      former.map(() => ({ type: 'key.rotated', actor: { kind: 'system' }, organization: null })));
    expect(rotated.map(({ details }) => (details as { supersedes: string }).supersedes).sort()).toEqual([...former].sort());
    expect(await look()).toEqual([]);

    at += (publicationLead(keyRing.timing) + retirementLag(keyRing.timing)) * 1000 + 1;
    const retired = await look();
    expect(retired.map(({ type, reason, target }) => ({ type, reason, kid: (target as { id: string }).id })).sort((one, other) => one.kid.localeCompare(other.kid)))
      .toEqual([...former].sort((one, other) => one.localeCompare(other)).map((kid) => ({ type: 'key.retired', reason: 'retired', kid })));
    expect(await look()).toEqual([]);
    const [{ left }] = await database.dataSource.query<[{ left: string }]>('SELECT count(*) AS left FROM signing_keys WHERE octet_length(sealed_private_key) > 0');
    expect(Number(left)).toBe(2);
  });
});
