import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { throwawayDatabase, type ThrowawayDatabase } from '../../../test/support/throwaway-database.js';
import { useClock } from '../../kernel/clock.js';
import { newId } from '../../kernel/ids.js';
import { Config, environmentSchema } from '../../platform/config/config.js';
import { MasterKey } from '../../platform/crypto/master-key.js';
import { Background } from '../../platform/database/background.js';
import { AuditIndex } from './audit-index.service.js';
import { AuditKeys } from './audit-keys.service.js';
import { AuditLog } from './audit-log.service.js';
import { AuditRetention } from './audit-retention.service.js';
import { AuditSearch } from './audit-search.service.js';
import { CheckpointFile } from './checkpoint-file.service.js';
import { openCheckpoint } from './checkpoint-note.js';
import { Checkpoints } from './checkpoints.service.js';
import { ExportVerifier } from './export-verifier.js';
import { LogExport } from './log-export.service.js';
import { LogHashes } from './log-hashes.service.js';
import { LogProofs } from './log-proofs.service.js';
import { verifyStoredLog } from './stored-log.js';

const DAY_MS = 24 * 3600 * 1000;
const PIECE = 4096;
/** The one keeps its texts for 40 days; the other for as long as the installation, which is 60. */
const [HASTY, USUAL] = [newId(), newId()] as const;

let database: ThrowawayDatabase;
let folder: string;
let audit: AuditLog;
let index: AuditIndex;
let retention: AuditRetention;
let checkpoints: Checkpoints;
let keys: AuditKeys;
let hashes: LogHashes;
/** What the log's root was when it had so many events, before anything went. */
const roots = new Map<number, string>();

beforeAll(async () => {
  database = await throwawayDatabase([]);
  folder = mkdtempSync(join(tmpdir(), 'legate-retention-'));
  const { dataSource } = database;
  const config = new Config(environmentSchema.parse({ LEGATE_DATA_DIR: folder, LEGATE_AUDIT_RETENTION_DAYS: '60' }));
  const background = new Background(dataSource);
  audit = new AuditLog(dataSource, database.pool);
  index = new AuditIndex(background);
  retention = new AuditRetention(background, audit, config);
  keys = new AuditKeys(dataSource, new MasterKey(Buffer.alloc(32, 7)), config);
  hashes = new LogHashes(dataSource, background);
  checkpoints = new Checkpoints(dataSource, background, config, keys, hashes, new CheckpointFile(config), audit);
  for (const [id, days] of [[HASTY, 40], [USUAL, null]]) await dataSource.query('INSERT INTO organizations (id, slug, name, audit_retention_days) VALUES ($1, $2, $2, $3)', [id, id, days]);
  // A first piece that is soon full.
  for (const statement of [
    'DROP TABLE audit_events_from_0', `CREATE TABLE audit_events_from_0 PARTITION OF audit_events FOR VALUES FROM (0) TO (${PIECE})`, `UPDATE audit_partitions SET next = ${PIECE}`,
    'CREATE TRIGGER audit_events_kept BEFORE TRUNCATE ON audit_events_from_0 FOR EACH STATEMENT EXECUTE FUNCTION keep_audit_events()',
  ]) await dataSource.query(statement);
  await write(50, PIECE);
  await write(35, 1024);
  await readAndSign();
  for (const size of [1, 700, PIECE, PIECE + 300]) roots.set(size, await hashes.rootAt(size));
});
afterAll(async () => {
  await database.drop();
  rmSync(folder, { recursive: true, force: true });
});

/** Events of both organizations, in turns, from so many days ago. */
async function write(daysAgo: number, count: number): Promise<void> {
  const restore = useClock({ now: () => Date.now() - daysAgo * DAY_MS });
  try {
    await Promise.all(Array.from({ length: count }, (_, at) => audit.record({
      type: 'agent.updated', outcome: 'success', organization_id: at % 2 === 0 ? HASTY : USUAL, actor: { kind: 'user', id: `somebody-${daysAgo}` }, target: { kind: 'agent', id: newId() },
    })));
  } finally {
    restore();
  }
}

async function readAndSign(): Promise<void> {
  while (await database.dataSource.transaction((manager) => index.readOn(manager)));
  await database.dataSource.query(`UPDATE audit_readers SET sequence = (SELECT size FROM audit_heads) WHERE reader <> 'mentions'`);
  await checkpoints.upToDate();
}

/** Lets go what may go, and answers what the log then tells of that. */
async function letGo(): Promise<Record<string, unknown>[]> {
  while (await database.dataSource.transaction((manager) => retention.letGo(manager)));
  await readAndSign();
  const rows = await database.dataSource.query<{ body: string }[]>(`SELECT body FROM audit_events WHERE type = 'audit_log.pruned' ORDER BY sequence`);
  return rows.map(({ body }) => (JSON.parse(body) as { details: Record<string, unknown> }).details);
}

async function texts(organizationId: string): Promise<number> {
  const [{ count }] = await database.dataSource.query<[{ count: string }]>('SELECT count(body) FROM audit_events WHERE organization_id = $1', [organizationId]);
  return Number(count);
}

async function verdict() {
  const { dataSource } = database;
  const checkpoint = (await checkpoints.upToDate())!;
  const verifier = new ExportVerifier([openCheckpoint(checkpoint.note, await keys.verifiers())!]);
  let text = '';
  for await (const piece of new LogExport(dataSource, hashes, keys).verifiable('all', checkpoint)) text += piece;
  for (const line of text.split('\n').slice(0, -1)) verifier.add(line);
  return verifier.verdict();
}

const search = (organizationId: string) => new AuditSearch(database.dataSource, new MasterKey(Buffer.alloc(32, 7))).list({ organizationId }, { actor: 'somebody-50' }, { limit: 5 });

describe('the retention of the audit log', () => {
  it('takes no text away that is younger than anybody keeps it, or is not signed yet', async () => {
    const { dataSource } = database;
    await expect(dataSource.query('UPDATE audit_events SET body = NULL')).rejects.toThrow('append-only');
    await expect(dataSource.query(`UPDATE audit_events SET body = '{}' WHERE sequence = 0`)).rejects.toThrow('append-only');
    await expect(dataSource.query('DELETE FROM audit_events WHERE sequence = 0')).rejects.toThrow('append-only');
    await expect(dataSource.query('TRUNCATE audit_events_from_0')).rejects.toThrow('append-only');
    await expect(dataSource.query(`SELECT audit_forget(0, 256, 29, 60)`)).rejects.toThrow('cannot be forgotten');
    await expect(dataSource.query(`SELECT audit_forget(0, ${PIECE * 4}, 40, 60)`)).rejects.toThrow('signed');
    await expect(dataSource.query('SELECT audit_drop(0)')).rejects.toThrow('not retired');
    expect([await texts(HASTY), await texts(USUAL)]).toEqual([PIECE / 2 + 512, PIECE / 2 + 512]);
  });

  it('lets each organization’s texts go when their time has come, says so, and leaves the log as provable as it was', async () => {
    const told = await letGo();
    expect(told).toEqual([{ first: 0, next: PIECE, retention_days: 40, events: PIECE / 2 }]);
    expect([await texts(HASTY), await texts(USUAL)]).toEqual([512, PIECE / 2 + 512]);
    expect((await search(HASTY)).data).toEqual([]);
    expect((await search(USUAL)).data).toHaveLength(5);
    expect(await verdict()).toMatchObject({ finding: undefined, hidden: PIECE / 2 });
    for (const [size, root] of roots) expect(await hashes.rootAt(size)).toBe(root);
    await expect(new LogProofs(database.dataSource, hashes, checkpoints).inclusion('all', 0)).rejects.toMatchObject({ code: 'audit_event_removed' });
    expect(await new LogProofs(database.dataSource, hashes, checkpoints).inclusion('all', 1)).toMatchObject({ sequence: 1 });
    expect(await verifyStoredLog(database.dataSource)).toMatchObject({ isIntact: true });
  });

  it('does so again from the beginning when an organization keeps its texts for a shorter time', async () => {
    await database.dataSource.transaction(async (manager) => {
      await manager.query('UPDATE organizations SET audit_retention_days = 45 WHERE id = $1', [USUAL]);
      await retention.reconsider(manager);
    });
    expect(await letGo()).toContainEqual({ first: 0, next: PIECE, retention_days: 45, events: PIECE / 2 });
    expect([await texts(HASTY), await texts(USUAL)]).toEqual([512, 512]);
    expect(await verdict()).toMatchObject({ finding: undefined, hidden: PIECE });
  });

  it('takes a piece of the log away when no text is left in it, and proves what was in it by the hashes that stay', async () => {
    const { dataSource } = database;
    expect(await dataSource.query('SELECT first FROM audit_partitions WHERE first = 0')).toHaveLength(1);
    // The installation keeps its own for 60 days: nobody has anything in there any more once that time has passed.
    await dataSource.query('UPDATE audit_retention SET until = $1', [PIECE]);
    expect(await letGo()).toContainEqual({ first: 0, next: PIECE, whole: true });
    expect(await dataSource.query(`SELECT relname FROM pg_class WHERE relname = 'audit_events_from_0'`)).toEqual([]);
    expect(await dataSource.query('SELECT span FROM audit_mentions WHERE span < $1 UNION ALL SELECT span FROM audit_spans WHERE span < $1', [PIECE / 256])).toEqual([]);
    for (const [size, root] of roots) expect(await hashes.rootAt(size)).toBe(root);
    expect(await verdict()).toMatchObject({ finding: undefined, hidden: PIECE });
    expect(await verifyStoredLog(dataSource)).toMatchObject({ isIntact: true });
  });

  it('cannot be used to hide anything: a text that goes without a word is named by the verifier', async () => {
    const { dataSource } = database;
    await dataSource.query('UPDATE audit_events SET body = NULL WHERE sequence = $1', [PIECE + 7]);
    expect(await verdict()).toMatchObject({ finding: { firstBad: PIECE + 7, lastPossible: PIECE + 7, reason: expect.stringContaining('text is missing') as string } });
  });
});
