/**
 * `npm run generate`: writes the committed files that are made from the code, building first when needed.
 * With `--check` it writes nothing, names those that are stale, and ends with 1 if there are any.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { ensureBuilt } from './ensure-built.mjs';

ensureBuilt();
const { generatedViews, staleViews } = await import('../dist/src/generated-views.js');

const fileOf = (path) => resolve(import.meta.dirname, '..', path);
const stale = await staleViews(generatedViews, (path) => (existsSync(fileOf(path)) ? readFileSync(fileOf(path), 'utf8') : undefined));
const names = stale.map(({ path }) => path).join(', ');

if (process.argv.includes('--check')) {
  if (stale.length > 0) {
    console.error(`Stale: ${names}. Run "npm run generate" and commit the result.`);
    process.exitCode = 1;
  }
} else {
  for (const { path, text } of stale) {
    mkdirSync(dirname(fileOf(path)), { recursive: true });
    writeFileSync(fileOf(path), text);
  }
  console.log(stale.length > 0 ? `Wrote ${names}.` : 'Everything was current.');
}
