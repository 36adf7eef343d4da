import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { DataSource } from 'typeorm';
import { Checkpoints } from '../../src/modules/audit/checkpoints.service.js';
import { CheckpointDelivery } from '../../src/modules/audit/checkpoint-delivery.service.js';
import { EMPTY_FRONTIER, extend, leafHash } from '../../src/modules/audit/merkle-log.js';
import { bootstrapToken, call } from '../support/api.js';
import { startApplication, type TestApplication } from '../support/application.js';

interface Row { sequence: string; event_id: string; organization_id: string | null; type: string; outcome: string; occurred_at: Date; task_id: string | null; body: string; leaf_hash: Buffer }

const run = promisify(execFile);
const folder = mkdtempSync(join(tmpdir(), 'legate-tampering-'));
const checkpointFile = join(folder, 'checkpoints');
const keyFile = join(folder, 'keys');

let server: TestApplication;
let sql: DataSource;
let token: string;
let honest: Row[];
/** Sizes at which the log was signed. */
let signed: number[];

beforeAll(async () => {
  server = await startApplication({ LEGATE_AUDIT_CHECKPOINT_FILE: checkpointFile, LEGATE_AUDIT_CHECKPOINT_SECONDS: '3600', LEGATE_AUDIT_CHECKPOINT_EVENTS: '1000000' });
  sql = server.inside(DataSource);
  token = await bootstrapToken(server);
  for (let at = 0; at < 20; at += 1) await bootstrapToken(server);
  await server.inside(Checkpoints).upToDate();
  for (let at = 0; at < 20; at += 1) await bootstrapToken(server);
  await server.inside(Checkpoints).upToDate();
  await server.inside(CheckpointDelivery).deliverToFile();
  const { body } = await call<{ data: { verifier_key: string }[] }>(server, 'GET', '/api/admin/audit/keys', { token });
  writeFileSync(keyFile, body.data.map(({ verifier_key: key }) => `${key}\n`).join(''));
  await remember();
});

afterAll(async () => {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

afterEach(() => rewrite(honest));

async function remember(): Promise<void> {
  honest = await rows();
  signed = (await server.inside(Checkpoints).list(100)).map(({ size }) => size).reverse();
}

/** What the verifier says of an event of which only the next checkpoint tells. */
function between(at: number): string {
  const next = signed.findIndex((size) => size > at);
  return `the first bad event is one from number ${signed[next - 1] ?? 0} to ${signed[next]! - 1}.`;
}

function rows(): Promise<Row[]> {
  return sql.query<Row[]>('SELECT * FROM audit_events ORDER BY sequence');
}

/** What a database administrator can do who wants nothing to show: other events, the head that they lead to, and no trigger in the way. */
async function rewrite(events: readonly Row[]): Promise<void> {
  const { size, hashes } = extend(EMPTY_FRONTIER, events.map(({ leaf_hash: hash }) => hash.toString('base64')));
  await sql.transaction(async (manager) => {
    await manager.query('ALTER TABLE audit_events DISABLE TRIGGER ALL');
    await manager.query('DELETE FROM audit_events');
    for (const [at, event] of events.entries()) {
      await manager.query(
        `INSERT INTO audit_events (sequence, event_id, organization_id, type, outcome, occurred_at, task_id, body, leaf_hash) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
        [at, event.event_id, event.organization_id, event.type, event.outcome, event.occurred_at, event.task_id, event.body, event.leaf_hash]);
    }
    await manager.query('DELETE FROM audit_subtrees');
    await manager.query(`UPDATE audit_heads SET size = $1, frontier = $2 WHERE log = 'main'`, [size, hashes]);
    await manager.query('ALTER TABLE audit_events ENABLE TRIGGER ALL');
  });
}

/** Whoever tampers may also delete the checkpoints in the database, so that the server signs again. */
async function forgetCheckpoints(): Promise<void> {
  await sql.transaction(async (manager) => {
    await manager.query('ALTER TABLE audit_checkpoints DISABLE TRIGGER ALL');
    await manager.query('DELETE FROM audit_checkpoints');
    await manager.query('ALTER TABLE audit_checkpoints ENABLE TRIGGER ALL');
  });
}

function rehashed(row: Row, body: string): Row {
  return { ...row, body, leaf_hash: Buffer.from(leafHash(body), 'base64') };
}

/** An export written straight from the tables, since the server refuses to sign such a log; then what the verifier says of it. */
async function verdict(): Promise<{ code: number; text: string }> {
  const { LogExport } = await import('../../src/modules/audit/log-export.service.js');
  const size = (await rows()).length;
  let text = '';
  for await (const piece of server.inside(LogExport).verifiable('all', { size, root: '', note: '', createdAt: new Date(0) })) text += piece;
  return verify(text);
}

async function verify(text: string): Promise<{ code: number; text: string }> {
  const file = join(folder, 'export.ndjson');
  writeFileSync(file, text);
  return run(process.execPath, ['dist/cli/legate.js', 'audit', 'verify', file, '--checkpoint', checkpointFile, '--key', keyFile])
    .then(({ stdout }) => ({ code: 0, text: stdout }), (error: { code: number; stderr: string }) => ({ code: error.code, text: error.stderr }));
}

describe('the offline verifier', () => {
  it('proves a log that nobody has touched', async () => {
    expect(await verdict()).toEqual({ code: 0, text: expect.stringContaining(`from number 0 to ${honest.length - 1}`) as string });
  });

  it('names an event of which a field was changed', async () => {
    await rewrite(honest.map((row, at) => (at === 7 ? { ...row, body: row.body.replace('"outcome":"success"', '"outcome":"refused"') } : row)));
    expect(await verdict()).toEqual({ code: 1, text: expect.stringContaining('the first bad event is number 7. Its text is not what was hashed.') as string });
  });

  it.each<[string, (log: Row[]) => Row[], (size: number) => number]>([
    ['an event that was changed and hashed again', (log) => log.map((row, at) => (at === 7 ? rehashed(row, row.body.replace('"outcome":"success"', '"outcome":"refused"')) : row)), () => 7],
    ['two events that were swapped', (log) => [...log.slice(0, -3), log.at(-2)!, log.at(-3)!, log.at(-1)!], (size) => size - 3],
    ['an event that was added with new hashes', (log) => [...log.slice(0, -5), rehashed(log.at(-5)!, '{"id":"added"}'), ...log.slice(-5)], (size) => size - 5],
    ['an event that was removed from the middle, with as many at the end', (log) => [...log.slice(0, 9), ...log.slice(10), rehashed(log.at(-1)!, '{"id":"later"}')], () => 9],
    ['yesterday’s database, put back and gone on with', (log) => [...log.slice(0, -8), ...log.slice(-8).map((row, at) => rehashed(row, `{"id":"after ${at}"}`))], (size) => size - 8],
  ])('shows %s, between two checkpoints', async (_, tamper, place) => {
    await rewrite(tamper([...honest]));
    expect(await verdict()).toEqual({ code: 1, text: expect.stringContaining(between(place(honest.length))) as string });
  });

  it('names the first event of a tail that was cut off, or removed so that the rest moved up', async () => {
    await rewrite(honest.slice(0, -4));
    expect(await verdict()).toEqual({ code: 1, text: expect.stringContaining(`the first bad event is number ${honest.length - 4}. It is missing`) as string });
    await rewrite([...honest.slice(0, -8), ...honest.slice(-7)]);
    expect(await verdict()).toEqual({ code: 1, text: expect.stringContaining(`the first bad event is number ${honest.length - 1}. It is missing`) as string });
  });

  it('names an event that is missing in the file', async () => {
    const response = await fetch(`${server.issuer}/api/admin/audit/export`, { headers: { authorization: `Bearer ${token}` } });
    const lines = (await response.text()).split('\n');
    await server.inside(CheckpointDelivery).deliverToFile();
    await remember();
    const at = lines.findIndex((line) => line.includes('"leaf_hash"')) + 4;
    const { sequence } = JSON.parse(lines[at]!) as { sequence: number };
    expect(await verify(lines.filter((_, index) => index !== at).join('\n'))).toEqual({ code: 1, text: expect.stringContaining(`the first bad event is number ${sequence}. It is missing`) as string });
  });
});

describe('the server', () => {
  it('signs no log that is not what it signed before, and says so once', async () => {
    expect(await server.inside(Checkpoints).upToDate()).toMatchObject({ size: honest.length });
    await rewrite(honest.map((row, at) => (at === 7 ? rehashed(row, row.body.replace('"outcome":"success"', '"outcome":"refused"')) : row)));
    expect((await call<{ code: string }>(server, 'GET', '/api/admin/audit/checkpoints/latest', { token })).body.code).toBe('no_checkpoint');
    expect(await server.inside(Checkpoints).upToDate()).toBeUndefined();
    const found = (await rows()).filter(({ type }) => type === 'audit_log.damaged');
    expect(found.map(({ body }) => (JSON.parse(body) as { details: { finding: string } }).details.finding)).toEqual([expect.stringContaining('are not those that were signed')]);
  });

  it('signs no database that was put back, nor one whose checkpoints were deleted, since the file outside tells', async () => {
    await forgetCheckpoints();
    await rewrite(honest.slice(0, -4));
    expect(await server.inside(Checkpoints).upToDate()).toBeUndefined();
    const before = readFileSync(checkpointFile, 'utf8');
    await server.inside(CheckpointDelivery).deliverToFile();
    expect(readFileSync(checkpointFile, 'utf8')).toBe(before);
    await rewrite(honest);
    expect(await server.inside(Checkpoints).upToDate()).toMatchObject({ size: honest.length });
  });
});
