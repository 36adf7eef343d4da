import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Logger } from '@nestjs/common';
import { auditTrail } from '../../../test/support/directory.js';
import { throwawayDatabase, type ThrowawayDatabase } from '../../../test/support/throwaway-database.js';
import { Config, environmentSchema } from '../../platform/config/config.js';
import { ChangeFeed } from '../../platform/database/change-feed.js';
import { AuditLog } from '../audit/audit-log.service.js';
import { ScopeFile } from './scope-file.service.js';
import { Scope } from './scope.entity.js';
import { ScopesService } from './scopes.service.js';

let database: ThrowawayDatabase;
let scopes: ScopesService;
let folder: string;
let path: string;
/** Nodes that a test has started. */
let running: ScopeFile[] = [];

beforeAll(async () => {
  Logger.overrideLogger(false);
  database = await throwawayDatabase([Scope]);
  const config = new Config(environmentSchema.parse({}));
  scopes = new ScopesService(database.dataSource.getRepository(Scope), config, new ChangeFeed(config, null));
  await database.dataSource.transaction((manager) => scopes.ensureBuiltIns(manager));
  folder = mkdtempSync(join(tmpdir(), 'legate-scopes-'));
});

beforeEach(async () => {
  path = join(folder, `scopes-${Math.random()}.yaml`);
  await database.dataSource.query(`DELETE FROM scopes WHERE source = 'file'`);
});

afterEach(async () => {
  await Promise.all(running.map((node) => node.beforeApplicationShutdown()));
  running = [];
});

afterAll(async () => {
  Logger.overrideLogger(new Logger());
  rmSync(folder, { recursive: true, force: true });
  await database.drop();
});

/** A node that has read the file at its start, and goes on watching it. */
async function start(environment: { LEGATE_SCOPES_FILE?: string } = { LEGATE_SCOPES_FILE: path }): Promise<ScopeFile> {
  const config = new Config(environmentSchema.parse(environment));
  const node = new ScopeFile(config, scopes, database.dataSource, new AuditLog(database.dataSource, database.pool));
  await node.onModuleInit();
  node.onApplicationBootstrap();
  running.push(node);
  return node;
}

const list = (...names: string[]) => `scopes:\n${names.map((name) => `  - name: ${name}\n`).join('')}`;

/** Names of the active scopes from the file. */
async function active(): Promise<string[]> {
  const rows = await database.dataSource.query<{ name: string }[]>(`SELECT name FROM scopes WHERE source = 'file' AND is_active ORDER BY name`);
  return rows.map(({ name }) => name);
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  for (let attempt = 0; attempt < 100 && !await condition(); attempt += 1) await new Promise((done) => { setTimeout(done, 100); });
  expect(await condition()).toBe(true);
}

const becomes = (...names: string[]) => until(async () => JSON.stringify(await active()) === JSON.stringify(names));

async function events(): Promise<Record<string, unknown>[]> {
  return (await auditTrail(database.dataSource)).filter(({ type, details }) => String(type).startsWith('scope_file.') && (details as { file: string }).file === path);
}

describe('the scopes of the file', () => {
  it('are there for every organization once the server has started, and that is on record', async () => {
    writeFileSync(path, 'scopes:\n  - { name: files:read, description: Read., category: files, is_default: true }\n  - { name: files:all, implies: [files:read], is_sensitive: true, requires_approval: true }\n');
    await start();
    const rows = await database.dataSource.getRepository(Scope).findBy({ source: 'file' });
    expect(rows).toHaveLength(2);
    expect(rows.find(({ name }) => name === 'files:read')).toMatchObject({ organizationId: null, description: 'Read.', category: 'files', implies: [], isDefault: true, isSensitive: false, requiresApproval: false, isActive: true });
    expect(rows.find(({ name }) => name === 'files:all')).toMatchObject({ description: null, category: null, implies: ['files:read'], isDefault: false, isSensitive: true, requiresApproval: true, isActive: true });
    expect((await scopes.graphOf(null)).covers(new Set(['files:all']), 'files:read:mine')).toBe(true);
    expect(await events()).toMatchObject([{ type: 'scope_file.loaded', outcome: 'success', organization_id: null, details: { scopes: 2, defined: ['files:all', 'files:read'], ended: [] } }]);
  });

  it('are written once, by whichever node comes first', async () => {
    writeFileSync(path, list('files:read', 'files:write'));
    await Promise.all([start(), start(), start()]);
    await start();
    expect(await active()).toEqual(['files:read', 'files:write']);
    expect(await events()).toHaveLength(1);
  });

  it('are told to every node that they changed', async () => {
    const heard: string[] = [];
    const stopListening = await database.listen('legate_changed', (payload) => heard.push(payload));
    writeFileSync(path, list('files:read'));
    await start();
    await stopListening();
    expect(heard).toEqual(['scope:*']);
  });

  it('become inactive when they leave it, keep their rows, and come back with it', async () => {
    writeFileSync(path, list('files:read', 'files:write'));
    await start();
    const [before] = await database.dataSource.query<{ id: string }[]>(`SELECT id FROM scopes WHERE name = 'files:read'`);
    writeFileSync(path, list('files:write'));
    await becomes('files:write');
    expect((await scopes.graphOf(null)).isActive('files:read')).toBe(false);
    expect((await events()).at(-1)).toMatchObject({ type: 'scope_file.loaded', details: { defined: [], ended: ['files:read'] } });
    writeFileSync(path, 'scopes: []');
    await becomes();
    writeFileSync(path, list('files:read'));
    await becomes('files:read');
    expect((await database.dataSource.query<{ id: string }[]>(`SELECT id FROM scopes WHERE name = 'files:read'`))[0]).toEqual(before);
  });

  it('follow it however it is replaced: written over, renamed into place, or by a link that is swapped', async () => {
    writeFileSync(path, list('over:read'));
    await start();
    writeFileSync(`${path}.new`, list('renamed:read'));
    renameSync(`${path}.new`, path);
    await becomes('renamed:read');
    mkdirSync(`${path}.d`);
    writeFileSync(`${path}.d/one`, list('linked:one'));
    writeFileSync(`${path}.d/two`, list('linked:two'));
    unlinkSync(path);
    symlinkSync(`${path}.d/one`, path);
    await becomes('linked:one');
    symlinkSync(`${path}.d/two`, `${path}.link`);
    renameSync(`${path}.link`, path);
    await becomes('linked:two');
    expect((await events()).map(({ type }) => type)).toEqual(Array.from({ length: 4 }, () => 'scope_file.loaded'));
  });
});

describe('a file that cannot be taken', () => {
  it.each<[string, string, string]>([
    ['broke off', 'scopes:\n  - { name: files:write', 'not YAML'],
    ['is empty', '', 'must have the member scopes'],
    ['implies what is not there', 'scopes:\n  - { name: files:write, implies: [files:gone] }', 'files:gone, which the file does not define'],
    ['redefines a scope of the server', list('files:write', 'agents:read'), 'agents:read belongs to this server'],
    ['is too large', `scopes: []\n#${'x'.repeat(1024 * 1024)}`, 'larger than 1 MiB'],
  ])('because it %s changes nothing, and is on record with the reason', async (_what, content, problem) => {
    writeFileSync(path, list('files:read'));
    await start();
    writeFileSync(path, content);
    await until(async () => (await events()).length === 2);
    expect((await events())[1]).toMatchObject({
      type: 'scope_file.refused', outcome: 'refused', reason: 'scope_file_invalid', organization_id: null, actor: { kind: 'system' },
      details: { problems: [expect.stringContaining(problem)], problem_count: 1 },
    });
    expect(await active()).toEqual(['files:read']);
    writeFileSync(path, list('files:write'));
    await becomes('files:write');
  });

  it('keeps no server from starting, with what was good before', async () => {
    writeFileSync(path, list('files:read'));
    await start();
    writeFileSync(path, 'nonsense');
    await start();
    expect(await active()).toEqual(['files:read']);
    expect((await events()).filter(({ type }) => type === 'scope_file.refused').length).toBeGreaterThan(0);
  });

  it('is one that was named and is not there', async () => {
    await start();
    expect(await events()).toMatchObject([{ type: 'scope_file.refused', details: { problems: ['There is no such file.'] } }]);
    writeFileSync(path, list('files:read'));
    await becomes('files:read');
    unlinkSync(path);
    await until(async () => (await events()).length === 3);
    expect(await active()).toEqual(['files:read']);
  });

  it('is not the default one that is missing: that defines nothing', async () => {
    writeFileSync(path, list('files:read'));
    await start();
    const former = process.cwd();
    process.chdir(folder);
    try {
      await (await start({})).beforeApplicationShutdown();
    } finally {
      process.chdir(former);
    }
    expect(await active()).toEqual([]);
  });
});

describe('a file that is being written', () => {
  it('is never taken for what is not whole, though every piece of it could be read', async () => {
    const [one, two] = [Array.from({ length: 40 }, (_, index) => `one:s${index}`).sort(), Array.from({ length: 40 }, (_, index) => `two:s${index}`).sort()];
    writeFileSync(path, list(...one));
    await start();
    const seen = new Set<string>();
    const end = Date.now() + 4_000;
    for (let turn = 0; Date.now() < end; turn += 1) {
      const whole = list(...(turn % 2 === 0 ? two : one));
      // Half of it, ending with a line: YAML like any other. No two halves are the same, or two looks could take one for the other.
      writeFileSync(path, `${whole.slice(0, whole.indexOf('\n', whole.length / 2) + 1)}# ${turn}\n`);
      await new Promise((done) => { setTimeout(done, 20); });
      writeFileSync(path, whole);
      seen.add(JSON.stringify(await active()));
      await new Promise((done) => { setTimeout(done, turn % 5 === 4 ? 1_100 : 80); });
    }
    expect([...seen].filter((names) => names !== JSON.stringify(one) && names !== JSON.stringify(two))).toEqual([]);
    writeFileSync(path, list('three:read'));
    await becomes('three:read');
  }, 30_000);
});
