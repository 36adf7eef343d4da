/** Tells whether `dist` was made from the sources as they are now. */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';

export const STAMP_FILE = '.build-stamp';

const root = resolve(import.meta.dirname, '..');
const SOURCES = ['src', 'migrations', 'bench', 'demo', 'cli', 'scripts/build.mjs', 'scripts/bundle.mjs', 'tsconfig.json', 'tsconfig.build.json', 'package-lock.json'];

/** SHA-256 over the names and contents of everything that a build reads. */
export function sourceStamp() {
  const hash = createHash('sha256');
  for (const source of SOURCES) add(hash, source);
  return hash.digest('hex');
}

export function isBuilt() {
  const file = join(root, 'dist', STAMP_FILE);
  return existsSync(file) && readFileSync(file, 'utf8') === sourceStamp();
}

function add(hash, path) {
  const full = join(root, path);
  const what = statSync(full, { throwIfNoEntry: false });
  if (what?.isDirectory()) for (const name of readdirSync(full).sort()) add(hash, `${path}/${name}`);
  else if (what?.isFile() && !path.endsWith('.spec.ts')) hash.update(`${path}\0`).update(readFileSync(full)).update('\0');
}
