import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { bootstrapToken, call } from '../support/api.js';
import { startApplication, type TestApplication } from '../support/application.js';

const run = promisify(execFile);
const folder = mkdtempSync(join(tmpdir(), 'legate-command-'));
const at = (name: string) => join(folder, name);
let server: TestApplication;

beforeAll(async () => {
  server = await startApplication();
  writeFileSync(at('secret'), `${server.clientSecret}\n`);
  writeFileSync(at('wrong'), `it's the wrong one: 100%!`);
});
afterAll(async () => {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

function legate(...words: string[]): Promise<{ code: number; out: string; err: string }> {
  return run(process.execPath, ['dist/cli/legate.js', ...words])
    .then(({ stdout, stderr }) => ({ code: 0, out: stdout, err: stderr }), (error: { code: number; stdout: string; stderr: string }) => ({ code: error.code, out: error.stdout, err: error.stderr }));
}

const credentials = () => ['--client-id', 'bootstrap', '--client-secret-file', at('secret')];

describe('the command line', () => {
  it('takes the log along and proves it, with the key and a checkpoint of the server', async () => {
    expect(await legate('audit', 'export', '--server', server.issuer, ...credentials(), '--output', at('log.ndjson'))).toEqual({ code: 0, out: '', err: '' });
    const token = await bootstrapToken(server);
    const keys = await call<{ data: { verifier_key: string }[] }>(server, 'GET', '/api/admin/audit/keys', { token });
    writeFileSync(at('checkpoint'), (JSON.parse(readFileSync(at('log.ndjson'), 'utf8').trimEnd().split('\n').at(-1)!) as { checkpoint: string }).checkpoint);
    const proven = await legate('audit', 'verify', at('log.ndjson'), '--checkpoint', at('checkpoint'), '--key', keys.body.data[0]!.verifier_key);
    expect(proven).toEqual({ code: 0, out: expect.stringMatching(/^Proven: \d+ events of localhost:\d+\/audit, from number 0 to \d+, by 1 checkpoint\. Of \d+ events of others, or whose texts were let go, there are hashes alone\.\n$/) as string, err: '' });
    const asJson = await legate('audit', 'verify', at('log.ndjson'), '--checkpoint', at('checkpoint'), '--key', keys.body.data[0]!.verifier_key, '--json');
    expect(JSON.parse(asJson.out)).toMatchObject({ proven: true, checkpoints: 1 });
  });

  it('goes on from an export, and makes a table', async () => {
    const { size } = JSON.parse(readFileSync(at('log.ndjson'), 'utf8').split('\n')[0]!) as { size: number };
    const rest = await legate('audit', 'export', '--server', server.issuer, ...credentials(), '--after', String(size));
    expect(JSON.parse(rest.out.split('\n')[0]!)).toMatchObject({ first: size });
    expect((await legate('audit', 'export', '--server', `${server.issuer}/`, ...credentials(), '--format', 'csv')).out).toMatch(/^sequence,id,time,/);
  });

  it.each<[string, () => string[], number, RegExp]>([
    ['an export that is there already', () => ['audit', 'export', '--server', server.issuer, ...credentials(), '--output', at('log.ndjson')], 2, /is there already/],
    ['no credentials', () => ['audit', 'export', '--server', server.issuer], 2, /^Name --token-file/],
    ['a server that is not there', () => ['audit', 'export', '--server', 'http://127.0.0.1:9', ...credentials()], 1, /cannot be reached/],
    ['a wrong secret', () => ['audit', 'export', '--server', server.issuer, '--client-id', 'bootstrap', '--client-secret-file', at('wrong')], 1, /^The server refused it \(401\): /],
    ['a format that is none', () => ['audit', 'export', '--server', server.issuer, ...credentials(), '--format', 'xml'], 1, /^The server refused it \(400\): /],
    ['no file', () => ['audit', 'verify', at('nothing'), '--checkpoint', at('checkpoint'), '--key', 'x'], 2, /neither a verifier key nor a file/],
    ['no key', () => ['audit', 'verify', at('log.ndjson'), '--checkpoint', at('checkpoint')], 1, /required option '--key/],
    ['another key', () => ['audit', 'verify', at('log.ndjson'), '--checkpoint', at('checkpoint'), '--key', 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW'], 1, /nothing can be proven/],
  ])('says in one sentence what is wrong with %s', async (_, words, code, sentence) => {
    const answer = await legate(...words());
    expect(answer).toMatchObject({ code, out: '' });
    expect(answer.err).toMatch(new RegExp(sentence.source, 'm'));
    expect(answer.err).not.toMatch(/\n\s+at /);
  });
});
