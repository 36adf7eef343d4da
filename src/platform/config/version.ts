import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The version in `package.json`, found above this file: the sources and the built files lie at different depths. */
export const productVersion: string = readVersion(import.meta.dirname);

function readVersion(folder: string): string {
  const file = join(folder, 'package.json');
  if (existsSync(file)) return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
  if (dirname(folder) === folder) throw new Error('package.json is missing: it names the version');
  return readVersion(dirname(folder));
}
