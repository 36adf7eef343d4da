import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';

/** A file system of one's own with little room, to fill up. */
export interface SmallDisk {
  readonly folder: string;
  /** Leaves no room for anybody. */
  fill(): void;
  free(): void;
  remove(): void;
}

/** Why there can be none here; undefined when there can. */
export function whyNoSmallDisk(): string | undefined {
  if (userInfo().uid !== 0) return 'only root may mount a file system';
  try {
    mountSmallDisk(1).remove();
    return undefined;
  } catch {
    return 'no file system may be mounted here';
  }
}

export function mountSmallDisk(mebibytes: number): SmallDisk {
  const folder = mkdtempSync(join(tmpdir(), 'legate-disk-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${mebibytes}m,mode=700`, 'tmpfs', folder], { stdio: 'ignore' });
  } catch (error) {
    rmSync(folder, { recursive: true });
    throw error;
  }
  const ballast = join(folder, 'ballast');
  return {
    folder,
    fill: () => {
      const { bavail, bsize } = statfsSync(folder);
      // Whoever writes at the same time may have been quicker: then it is full as well.
      for (let blocks = bavail; blocks > 0; blocks = Math.floor(blocks / 2)) {
        try {
          writeFileSync(ballast, Buffer.alloc(blocks * bsize), { flag: 'a' });
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
        }
      }
    },
    free: () => rmSync(ballast),
    remove: () => {
      execFileSync('umount', [folder], { stdio: 'ignore' });
      rmSync(folder, { recursive: true });
    },
  };
}
