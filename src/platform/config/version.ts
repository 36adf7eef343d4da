import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Where `package.json` is, found above this file: the sources and the built files lie at different depths. */
export const productFolder: string = folderAbove(import.meta.dirname);

/** The version in `package.json`. */
export const productVersion: string = (JSON.parse(readFileSync(join(productFolder, 'package.json'), 'utf8')) as { version: string }).version;

function folderAbove(folder: string): string {
  if (existsSync(join(folder, 'package.json'))) return folder;
  if (dirname(folder) === folder) throw new Error('package.json is missing: it names the version');
  return folderAbove(dirname(folder));
}
