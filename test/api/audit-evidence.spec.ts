import { createHash } from 'node:crypto';
import { DataSource } from 'typeorm';
import { openCheckpoint, readVerifierKey } from '../../src/modules/audit/checkpoint-note.js';
import { ExportVerifier } from '../../src/modules/audit/export-verifier.js';
import { isConsistent, rootByInclusion } from '../../src/modules/audit/merkle-proof.js';
import { bootstrapToken, call } from '../support/api.js';
import { startApplication, type TestApplication } from '../support/application.js';

interface CheckpointBody { tree_size: number; root_hash: string; note: string }
interface InclusionBody { sequence: number; event: string; leaf_hash: string; tree_size: number; root_hash: string; path: string[]; checkpoint: CheckpointBody | null }
interface ConsistencyBody { from: number; from_root_hash: string; to: number; to_root_hash: string; path: string[] }
interface KeyBody { verifier_key: string; retired_at: string | null }

let server: TestApplication;
let token: string;

beforeAll(async () => {
  server = await startApplication();
  token = await bootstrapToken(server);
});
afterAll(() => server.stop());

async function get<T>(path: string) {
  return call<T>(server, 'GET', `/api/admin/audit${path}`, { token });
}

async function verifiers() {
  return (await get<{ data: KeyBody[] }>('/keys')).body.data.map(({ verifier_key: key }) => readVerifierKey(key)!);
}

/** Sequence number of an event of the caller's organization. */
async function ownEvent(): Promise<number> {
  const [{ sequence }] = await server.inside(DataSource).query<[{ sequence: string }]>(`SELECT min(sequence) AS sequence FROM audit_events WHERE type = 'token.issued'`);
  return Number(sequence);
}

async function latest() {
  return (await get<CheckpointBody>('/checkpoints/latest')).body;
}

describe('a checkpoint of the audit log', () => {
  it('is signed by a key that anybody can be given', async () => {
    const { note, tree_size: size, root_hash: root } = await latest();
    expect(openCheckpoint(note, await verifiers())).toMatchObject({ origin: `${new URL(server.issuer).host}/audit`, size, root });
  });

  it('is listed, the newest first, without losing one between pages', async () => {
    const sizes = new Set<number>();
    for (let at = 0; at < 3; at += 1) {
      await call(server, 'GET', '/api/admin/audit/export', { token });
      sizes.add((await latest()).tree_size);
    }
    const listed: number[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const { body }: { body: { data: CheckpointBody[]; next_cursor: string | null } } = await get(`/checkpoints?limit=1${cursor && `&cursor=${encodeURIComponent(cursor)}`}`);
      listed.push(...body.data.map(({ tree_size: size }) => size));
      cursor = body.next_cursor;
    }
    expect(listed).toEqual([...listed].sort((a, b) => b - a));
    for (const size of sizes) expect(listed).toContain(size);
  });

  it('stays good after its key was replaced, and the next one is signed by the new key', async () => {
    const before = await latest();
    const { status, body } = await call<KeyBody>(server, 'POST', '/api/admin/audit/keys/rotate', { token });
    expect(status).toBe(200);
    const after = await latest();
    const known = await verifiers();
    expect(openCheckpoint(before.note, known)).toBeDefined();
    expect(openCheckpoint(after.note, [readVerifierKey(body.verifier_key)!])).toMatchObject({ size: after.tree_size });
    expect(openCheckpoint(before.note, [readVerifierKey(body.verifier_key)!])).toBeUndefined();
    const { data } = (await get<{ data: KeyBody[] }>('/keys')).body;
    expect(data.map(({ retired_at: retired }) => retired === null)).toEqual([true, false]);
  });
});

describe('the metrics', () => {
  it('show how much of the log is signed', async () => {
    const { tree_size: size } = await latest();
    const text = await (await fetch(`${server.issuer}/metrics`)).text();
    const [, signed] = /^legate_audit_events\{state="signed"\} (\d+)$/m.exec(text)!;
    const [, written] = /^legate_audit_events\{state="written"\} (\d+)$/m.exec(text)!;
    expect(Number(signed)).toBeGreaterThanOrEqual(size);
    expect(Number(written)).toBeGreaterThanOrEqual(Number(signed));
  });
});

describe('a proof from the audit log', () => {
  it('shows that an event is in the log, with nothing but its text, the path and a checkpoint', async () => {
    const { body: proof } = await get<InclusionBody>(`/proofs/inclusion?sequence=${await ownEvent()}`);
    const leaf = createHash('sha256').update(`\0${proof.event}`).digest('base64');
    const signed = openCheckpoint(proof.checkpoint!.note, await verifiers())!;
    expect(rootByInclusion(leaf, proof.sequence, signed.size, proof.path)).toBe(signed.root);
    const { id } = JSON.parse(proof.event) as { id: string };
    expect((await get<InclusionBody>(`/proofs/inclusion?event_id=${id}`)).body).toMatchObject({ sequence: proof.sequence, event: proof.event });
  });

  it('is for a log that has the event, and is not longer than it is', async () => {
    const sequence = await ownEvent();
    expect((await get<{ code: string }>(`/proofs/inclusion?sequence=${sequence}&tree_size=${sequence}`)).body.code).toBe('not_in_tree');
    expect((await get<{ code: string }>(`/proofs/inclusion?sequence=${sequence}&tree_size=900000000`)).body.code).toBe('size_out_of_range');
    expect((await get<InclusionBody>(`/proofs/inclusion?sequence=${sequence}&tree_size=${sequence + 1}`)).body).toMatchObject({ sequence, tree_size: sequence + 1 });
  });

  it('of an event of the installation, or of another organization, is not for those of this one', async () => {
    const [{ sequence }] = await server.inside(DataSource).query<[{ sequence: string }]>('SELECT min(sequence) AS sequence FROM audit_events WHERE organization_id IS NULL');
    expect((await get<{ code: string }>(`/proofs/inclusion?sequence=${sequence}`)).body.code).toBe('audit_event_not_found');
  });

  it('shows that a log goes on from what was signed before', async () => {
    const before = await latest();
    await call(server, 'GET', '/api/admin/audit/export', { token });
    const after = await latest();
    const { body } = await get<ConsistencyBody>(`/proofs/consistency?from=${before.tree_size}&to=${after.tree_size}`);
    expect(body).toMatchObject({ from_root_hash: before.root_hash, to_root_hash: after.root_hash });
    expect(isConsistent({ size: before.tree_size, root: before.root_hash }, { size: after.tree_size, root: after.root_hash }, body.path)).toBe(true);
  });

  it.each([
    ['/proofs/inclusion', 400, 'name_one_event'],
    ['/proofs/inclusion?sequence=1&event_id=0193f3a0-0000-7000-8000-000000000000', 400, 'name_one_event'],
    ['/proofs/inclusion?sequence=-1', 400, 'invalid_request'],
    ['/proofs/inclusion?sequence=1.5', 400, 'invalid_request'],
    ['/proofs/inclusion?event_id=none', 400, 'invalid_request'],
    ['/proofs/inclusion?sequence=900000000', 404, 'audit_event_not_found'],
    ['/proofs/inclusion?event_id=0193f3a0-0000-7000-8000-000000000000', 404, 'audit_event_not_found'],
    ['/proofs/consistency', 400, 'invalid_request'],
    ['/proofs/consistency?from=5&to=4', 400, 'size_out_of_range'],
    ['/proofs/consistency?from=1&to=900000000', 400, 'size_out_of_range'],
    ['/export?format=xml', 400, 'invalid_request'],
    ['/export?after=900000000', 400, 'size_out_of_range'],
    ['/export?organization=all', 403, 'platform_administrator_required'],
  ])('%s is refused with %i %s', async (path, status, code) => {
    const answer = await get<{ code: string }>(path);
    expect([answer.status, answer.body.code]).toEqual([status, code]);
  });
});

async function exported(query = ''): Promise<string> {
  const response = await fetch(`${server.issuer}/api/admin/audit/export${query}`, { headers: { authorization: `Bearer ${token}` } });
  expect(response.status).toBe(200);
  return response.text();
}

describe('an export of the audit log', () => {
  it('is proven by a checkpoint, and tells what is the organization’s and nothing else', async () => {
    const text = await exported();
    const { note } = await latest();
    const verifier = new ExportVerifier([openCheckpoint(note, await verifiers())!]);
    // One event more than the export has: this request for the checkpoint made none.
    for (const line of text.trimEnd().split('\n')) verifier.add(line);
    const verdict = verifier.verdict();
    expect(verdict.finding).toBeUndefined();
    expect(verdict.provenSize).toBe(openCheckpoint(note, await verifiers())!.size);
    const [{ count }] = await server.inside(DataSource).query<[{ count: string }]>('SELECT count(*) FROM audit_events WHERE organization_id IS NOT NULL');
    expect(verdict.events).toBe(Number(count));
    expect(verdict.hidden).toBe(verdict.provenSize - verdict.events);
    expect(verdict.hidden).toBeGreaterThan(0);
    expect(text).not.toContain('"organization_id":null,"actor"');
  });

  it('goes on from the one before', async () => {
    const first = JSON.parse((await exported()).split('\n')[0]!) as { size: number };
    const next = await exported(`?after=${first.size}`);
    const verifier = new ExportVerifier([openCheckpoint((await latest()).note, await verifiers())!]);
    for (const line of next.trimEnd().split('\n')) verifier.add(line);
    expect(verifier.verdict()).toMatchObject({ finding: undefined, events: 1 });
    expect(next).toContain('"audit_log.exported"');
  });

  it('is a table as well, in which nothing is a formula', async () => {
    const table = await exported('?format=csv');
    const [head, ...rows] = table.split('\r\n');
    expect(head).toMatch(/^sequence,id,time,type,outcome,/);
    expect(rows.length).toBeGreaterThan(5);
    expect(rows.at(-1)).toBe('');
    expect(table).not.toMatch(/(^|,)[=+@]/m);
  });
});
