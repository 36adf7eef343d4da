import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { generatedViews, staleViews } from '../../src/generated-views.js';

/** The others need the build; the last test has them made from there. */
const fromCode = generatedViews.filter(({ isFromBuild }) => !isFromBuild);
const committed = (path: string) => (existsSync(path) ? readFileSync(path, 'utf8') : undefined);

describe('a committed file that is made from the code', () => {
  it.each(fromCode)('$path is current', async (view) => {
    expect(committed(view.path)).toBe(await view.render());
  });

  it.each(fromCode)('$path comes out the same each time, without spaces at line ends and with one line break at its own', async ({ render }) => {
    const text = await render();
    expect(await render()).toBe(text);
    expect(text).toMatch(/[^\n]\n$/);
    expect(text).not.toMatch(/[ \t]\n/);
  });

  it('is found stale when one character differs, and when it is missing', async () => {
    const planted = fromCode.map(({ path }) => path);
    const stale = (read: (path: string) => string | undefined) => staleViews(fromCode, read).then((views) => views.map(({ path }) => path));
    expect(await stale(committed)).toEqual([]);
    expect(await stale((path) => committed(path)!.replace('a', 'b'))).toEqual(planted);
    expect(await stale(() => undefined)).toEqual(planted);
  });

  it('is current also when it takes the build to make it', async () => {
    const check = spawn(process.execPath, ['scripts/generate.mjs', '--check'], { stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    check.stderr.on('data', (chunk) => { said += String(chunk); });
    const [code] = await once(check, 'exit') as [number];
    expect([code, said.split('\n').filter((line) => line.startsWith('Stale'))]).toEqual([0, []]);
  }, 180_000);
});
