import type { DataSource } from 'typeorm';
import { EMPTY_FRONTIER, extend, leafHash, type Frontier } from './merkle-log.js';

export interface LogVerdict {
  /** How many events there are. */
  readonly size: number;
  readonly isIntact: boolean;
  /** Sequence number of the first event that is missing, out of place, or not what its hash says. */
  readonly firstBad?: number;
}

const PAGE = 5000;

/**
 * Reads the whole stored log and holds it against its own hashes, its numbering and the head's frontier, in constant memory.
 * This finds damage; that nobody rewrote the log whole is for checkpoints kept elsewhere to show.
 */
export async function verifyStoredLog(dataSource: DataSource): Promise<LogVerdict> {
  let frontier: Frontier = EMPTY_FRONTIER;
  for (;;) {
    const page = await dataSource.query<{ sequence: string; body: string; leaf_hash: Buffer }[]>(
      'SELECT sequence, body, leaf_hash FROM audit_events WHERE sequence >= $1 ORDER BY sequence LIMIT $2', [frontier.size, PAGE]);
    for (const { sequence, body, leaf_hash: stored } of page) {
      const hash = leafHash(body);
      if (Number(sequence) !== frontier.size || stored.toString('base64') !== hash) return { size: frontier.size, isIntact: false, firstBad: frontier.size };
      frontier = extend(frontier, [hash]);
    }
    if (page.length < PAGE) break;
  }
  const [head] = await dataSource.query<{ size: string; frontier: string[] }[]>(`SELECT size, frontier FROM audit_heads WHERE log = 'main'`);
  const isIntact = head !== undefined && Number(head.size) === frontier.size && head.frontier.join() === frontier.hashes.join();
  return isIntact ? { size: frontier.size, isIntact } : { size: frontier.size, isIntact, firstBad: frontier.size };
}
