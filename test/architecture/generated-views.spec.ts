import { existsSync, readFileSync } from 'node:fs';
import { generatedViews, staleViews } from '../../src/generated-views.js';

/** The others need the build: `npm run generate -- --check`, which CI runs, looks at those as well. */
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
});
