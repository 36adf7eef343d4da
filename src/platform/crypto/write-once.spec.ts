import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ts from 'typescript';

const PROCESSES = 6;

describe('a file that is written once', () => {
  let folder: string;
  beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'legate-once-')); });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('is written by one of several processes that start together, and all read the same whole text', async () => {
    const { outputText } = ts.transpileModule(readFileSync(join(import.meta.dirname, 'write-once.ts'), 'utf8'), { compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 } });
    writeFileSync(join(folder, 'write-once.mjs'), outputText);
    writeFileSync(join(folder, 'run.mjs'), `
      import { readFileSync } from 'node:fs';
      import { writeOnce } from './write-once.mjs';
      process.stdin.once('data', () => {
        writeOnce('data/key', process.argv[2].repeat(100_000));
        const text = readFileSync('data/key', 'utf8');
        process.stdout.write(text.length + text[0] + new Set(text).size);
        process.exit();
      });
      process.stdout.write('ready;');
    `);
    const answers = await race();
    expect(new Set(answers).size).toBe(1);
    expect(answers[0]).toMatch(/^100000[a-f]1$/);
    expect(readdirSync(join(folder, 'data'))).toEqual(['key']);
    expect(readFileSync(join(folder, 'data', 'key'))).toHaveLength(100_000);
  });

  /** Starts the processes, lets them go when all are ready, and collects what each printed after that. */
  async function race(): Promise<string[]> {
    const children = Array.from({ length: PROCESSES }, (_, index) =>
      spawn(process.execPath, ['run.mjs', 'abcdef'.charAt(index)], { cwd: folder, stdio: ['pipe', 'pipe', 'inherit'] }));
    const outputs = children.map(() => '');
    const ended = children.map((child) => new Promise((resolve) => { child.once('close', resolve); }));
    await Promise.all(children.map((child, index) => new Promise<void>((resolve) => {
      child.stdout.on('data', (chunk: Buffer) => {
        outputs[index] += chunk.toString();
        if (outputs[index]!.includes('ready;')) resolve();
      });
    })));
    for (const child of children) child.stdin.write('go');
    await Promise.all(ended);
    return outputs.map((output) => output.replace('ready;', ''));
  }
});
