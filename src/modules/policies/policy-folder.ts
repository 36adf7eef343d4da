import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { LARGEST_FILE, type PolicyFile } from './policy-file.js';

/** How a folder stands: which files it has, and what would change when one of them did. */
export type FolderState = string;

export type FolderContent =
  | { readonly kind: 'missing' }
  /** It was being changed while it was read. */
  | { readonly kind: 'unsettled' }
  | { readonly kind: 'unreadable'; readonly reason: string }
  | { readonly kind: 'files'; readonly files: readonly PolicyFile[] };

const MOST_FILES = 200;
/** Files that change together are written one after the other: a state that lasts no longer is on the way to another. Milliseconds. */
export const SETTLING_MS = 50;

/** The state of the folder. A link that is pointed elsewhere changes it, too. */
export async function folderState(folder: string): Promise<FolderState> {
  try {
    const real = await realpath(folder);
    const names = await policyFileNames(real);
    const files = await Promise.all(names.map(async (name) => {
      const { ino, size, mtimeNs, ctimeNs } = await stat(join(real, name), { bigint: true });
      return [name, ino, size, mtimeNs, ctimeNs].join(' ');
    }));
    return [real, ...files].join('\n');
  } catch (error) {
    return `${codeOf(error)} ${String(error)}`;
  }
}

/** Reads all of the folder, provided that it stays in this state meanwhile and was in it a moment before. */
export async function readFolder(folder: string, state: FolderState): Promise<FolderContent> {
  await sleep(SETTLING_MS);
  if (await folderState(folder) !== state) return { kind: 'unsettled' };
  const content = await readFiles(folder);
  return await folderState(folder) === state ? content : { kind: 'unsettled' };
}

async function readFiles(folder: string): Promise<FolderContent> {
  try {
    const real = await realpath(folder);
    const names = await policyFileNames(real);
    if (names.length > MOST_FILES) return { kind: 'unreadable', reason: `there are more than ${MOST_FILES} files` };
    const files: PolicyFile[] = [];
    for (const name of names) {
      const { size } = await stat(join(real, name));
      if (size > LARGEST_FILE) return { kind: 'unreadable', reason: `${name} is larger than ${LARGEST_FILE} bytes` };
      files.push({ name, text: await readFile(join(real, name), 'utf8') });
    }
    return { kind: 'files', files };
  } catch (error) {
    return codeOf(error) === 'ENOENT' ? { kind: 'missing' } : { kind: 'unreadable', reason: codeOf(error) };
  }
}

async function policyFileNames(folder: string): Promise<string[]> {
  const names = await readdir(folder);
  return names.filter((name) => /^[^.].*\.ya?ml$/.test(name)).sort();
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? 'error';
}
