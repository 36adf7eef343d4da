import { randomBytes } from 'node:crypto';
import { closeSync, constants, copyFileSync, existsSync, fsyncSync, linkSync, mkdirSync, openSync, unlinkSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Creates a private file (0600, its folder 0700) with this text unless the file exists. Of several processes exactly one
 * writes, and nobody ever sees half a file: the text is made durable under a name of its own and then linked into place.
 */
export function writeOnce(file: string, text: string): void {
  if (existsSync(file)) return;
  const folder = dirname(file);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const draft = `${file}.${randomBytes(8).toString('hex')}`;
  const descriptor = openSync(draft, 'wx', 0o600);
  try {
    try {
      writeSync(descriptor, text);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    placeUnlessTaken(draft, file);
  } finally {
    unlinkSync(draft);
  }
  syncFolder(folder);
}

function placeUnlessTaken(draft: string, file: string): void {
  try {
    linkSync(draft, file);
  } catch (error) {
    if (isTaken(error)) return;
    // File systems without hard links (some container mounts): an exclusive copy is the next best.
    try {
      copyFileSync(draft, file, constants.COPYFILE_EXCL);
    } catch (copyError) {
      if (!isTaken(copyError)) throw copyError;
    }
  }
}

function isTaken(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'EEXIST';
}

function syncFolder(folder: string): void {
  if (process.platform === 'win32') return; // folders cannot be opened there
  const descriptor = openSync(folder, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
