import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { openEmbeddedDatabase } from './embedded-database.js';

const MODULE = resolve('dist/src/platform/database/embedded-database.js');
const run = promisify(execFile);

/** Opens the folder in a process of its own and runs the code with `database`. */
const script = (code: string) => `const { openEmbeddedDatabase } = await import(process.argv[1]); const database = await openEmbeddedDatabase(process.argv[2]); ${code}`;
const inAnotherProcess = (folder: string, code: string) => run(process.execPath, ['--input-type=module', '-e', script(code), MODULE, folder]);

describe('the embedded database', () => {
  let folder: string;
  /** Holds a database with one row. The tests that need one take a copy: making one takes seconds. */
  let made: string;
  let dataDir: string;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'legate-embedded-'));
    made = join(folder, 'not', 'yet', 'there');
    const { instance, close } = await openEmbeddedDatabase(made);
    await instance.exec('CREATE TABLE notes (text text); INSERT INTO notes VALUES ($$kept$$)');
    await close();
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  beforeEach(() => {
    dataDir = mkdtempSync(join(folder, 'copy-'));
    cpSync(made, dataDir, { recursive: true });
  });

  it('is made where there is none, and is there again when it is opened again', async () => {
    expect(existsSync(join(made, 'db', 'PG_VERSION'))).toBe(true);
    const { instance, close } = await openEmbeddedDatabase(made);
    expect((await instance.query('SELECT text FROM notes')).rows).toEqual([{ text: 'kept' }]);
    await close();
  });

  it('belongs to one process: a second on the same folder is refused in one clear sentence and changes nothing', async () => {
    const first = await openEmbeddedDatabase(dataDir);
    const refusal = await inAnotherProcess(dataDir, `await database.close()`).catch((error: { stderr: string }) => error.stderr);
    expect(refusal).toContain(`Another process is using ${join(dataDir, 'db')}. Stop it, or set LEGATE_DATA_DIR to another folder.`);
    expect((await first.instance.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    await first.close();
  });

  it('can be taken over as soon as it was closed', async () => {
    await (await openEmbeddedDatabase(dataDir)).close();
    await expect(inAnotherProcess(dataDir, `await database.close(); console.log('mine')`)).resolves.toMatchObject({ stdout: 'mine\n' });
  });

  it('keeps every acknowledged row when its process is killed, and is free again soon', async () => {
    const writer = spawn(process.execPath, ['--input-type=module', '-e', script(`
      await database.instance.exec('CREATE TABLE counted (n integer)');
      for (let n = 1; ; n += 1) { await database.instance.query('INSERT INTO counted VALUES ($1)', [n]); process.stdout.write(n + '\\n'); }`), MODULE, dataDir]);
    let said = '';
    writer.stdout.on('data', (chunk: Buffer) => { said += chunk.toString(); });
    while (said.length < 500 && writer.exitCode === null) await new Promise((done) => { setTimeout(done, 20); });
    writer.kill('SIGKILL');
    await once(writer, 'close');
    const acknowledged = Number(said.trimEnd().split('\n').at(-1));
    const { instance, close } = await openEmbeddedDatabase(dataDir);
    const { rows: [kept] } = await instance.query<{ highest: number; many: number }>('SELECT max(n) AS highest, count(*)::int AS many FROM counted');
    await close();
    expect(kept!.highest).toBe(kept!.many);
    expect(kept!.highest).toBeGreaterThanOrEqual(acknowledged);
    // One row more may have been written than was said.
    expect(kept!.highest).toBeLessThanOrEqual(acknowledged + 1);
    expect(acknowledged).toBeGreaterThan(20);
  });
});
