/** Builds when needed, then runs one built file: `node scripts/run.mjs dist/bench/bench.js --seconds 5`. */
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ensureBuilt } from './ensure-built.mjs';

const [file, ...rest] = process.argv.slice(2);
if (!file) {
  console.error('Say which built file to run, for example: node scripts/run.mjs dist/bench/bench.js');
  process.exit(2);
}
ensureBuilt();
const entry = resolve(file);
process.argv = [process.argv[0], entry, ...rest];
await import(pathToFileURL(entry).href);
