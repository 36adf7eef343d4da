import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { isBuilt } from './build-stamp.mjs';

const root = resolve(import.meta.dirname, '..');

/** Builds `dist` when the sources changed since the last build. Does nothing where `dist` was shipped without sources or compiler. */
export function ensureBuilt() {
  if (!existsSync(join(root, 'src')) || !existsSync(join(root, 'node_modules/typescript')) || isBuilt()) return;
  const started = performance.now();
  process.stderr.write('Building Legate …');
  const build = spawnSync(process.execPath, [join(root, 'scripts/build.mjs'), '--no-check'], { cwd: root, encoding: 'utf8' });
  if (build.status !== 0) {
    process.stderr.write(` failed.\n${build.stdout}${build.stderr}`);
    process.exit(1);
  }
  process.stderr.write(` done in ${((performance.now() - started) / 1000).toFixed(1)} s.\n`);
}
