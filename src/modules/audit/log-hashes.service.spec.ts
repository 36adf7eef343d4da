import { throwawayDatabase, type ThrowawayDatabase } from '../../../test/support/throwaway-database.js';
import { Background } from '../../platform/database/background.js';
import { AuditLog } from './audit-log.service.js';
import { LogHashes } from './log-hashes.service.js';
import { EMPTY_FRONTIER, extend, rootHash } from './merkle-log.js';
import { inclusionPlan, rootByInclusion } from './merkle-proof.js';

const EVENTS = 1500;

describe('the hashes inside the log', () => {
  let database: ThrowawayDatabase;
  let hashes: LogHashes;
  let leaves: string[];

  beforeAll(async () => {
    database = await throwawayDatabase([]);
    const log = new AuditLog(database.dataSource, database.pool);
    hashes = new LogHashes(database.dataSource, new Background(database.dataSource));
    await Promise.all(Array.from({ length: EVENTS }, (_, at) => log.record({ type: 'token.refused', outcome: 'refused', organization_id: null, actor: { kind: 'anonymous' }, reason: `r${at}` })));
    leaves = (await database.dataSource.query<{ leaf_hash: Buffer }[]>('SELECT leaf_hash FROM audit_events ORDER BY sequence')).map(({ leaf_hash: hash }) => hash.toString('base64'));
  });
  afterAll(() => database.drop());

  const sizes = [1, 2, 255, 256, 257, 511, 512, 1000, 1280, EVENTS];
  const expectRoots = async () => {
    for (const size of sizes) expect(await hashes.rootAt(size)).toBe(rootHash(extend(EMPTY_FRONTIER, leaves.slice(0, size))));
  };

  it('lead to the root of every size before any of them is stored', async () => {
    expect(await database.dataSource.query('SELECT FROM audit_subtrees')).toEqual([]);
    await expectRoots();
  });

  it('are stored for every complete subtree, and lead to the same roots then', async () => {
    while (await database.dataSource.transaction((manager) => hashes.grow(manager)));
    const [{ count }] = await database.dataSource.query<[{ count: string }]>('SELECT count(*) FROM audit_subtrees');
    expect(Number(count)).toBe(Math.floor(EVENTS / 256));
    await expectRoots();
    expect((await hashes.frontierAt(EVENTS)).hashes).toEqual(extend(EMPTY_FRONTIER, leaves).hashes);
  });

  it('make proofs', async () => {
    for (const index of [0, 1, 255, 256, 700, EVENTS - 1]) {
      expect(rootByInclusion(leaves[index]!, index, EVENTS, await hashes.ofPlan(inclusionPlan(index, EVENTS)))).toBe(rootHash(extend(EMPTY_FRONTIER, leaves)));
    }
  });

  it('say so when there is no such subtree', async () => {
    await expect(hashes.rootAt(EVENTS + 1)).rejects.toMatchObject({ code: 'audit_log_incomplete' });
  });
});
