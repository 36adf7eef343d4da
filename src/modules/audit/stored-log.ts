import type { DataSource } from 'typeorm';
import { SPAN } from './audit-mentions.js';
import { hashesIn, leafHashes } from './leaf-hashes.js';
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
 * Reads the whole stored log and holds it against its own hashes, its numbering and the head's frontier, in constant memory. Of
 * texts that were not to be kept any longer the hashes are left.
 * This finds damage; that nobody rewrote the log whole is for checkpoints kept elsewhere to show.
 */
export async function verifyStoredLog(dataSource: DataSource): Promise<LogVerdict> {
  let frontier = await leftBehind(dataSource);
  for (;;) {
    const page = await dataSource.query<{ sequence: string; body: string | null; leaf_hash: Buffer }[]>(
      'SELECT sequence, body, leaf_hash FROM audit_events WHERE sequence >= $1 ORDER BY sequence LIMIT $2', [frontier.size, PAGE]);
    for (const { sequence, body, leaf_hash: stored } of page) {
      const hash = body === null ? stored.toString('base64') : leafHash(body);
      if (Number(sequence) !== frontier.size || stored.toString('base64') !== hash) return { size: frontier.size, isIntact: false, firstBad: frontier.size };
      frontier = extend(frontier, [hash]);
    }
    if (page.length < PAGE) break;
  }
  const [head] = await dataSource.query<{ size: string; frontier: string[] }[]>(`SELECT size, frontier FROM audit_heads WHERE log = 'main'`);
  const isIntact = head !== undefined && Number(head.size) === frontier.size && head.frontier.join() === frontier.hashes.join();
  return isIntact ? { size: frontier.size, isIntact } : { size: frontier.size, isIntact, firstBad: frontier.size };
}

/** The frontier after the pieces of the log that are gone. */
async function leftBehind(dataSource: DataSource): Promise<Frontier> {
  let frontier: Frontier = EMPTY_FRONTIER;
  const [{ first }] = await dataSource.query<[{ first: string | null }]>('SELECT min(first) AS first FROM audit_partitions');
  while (frontier.size < Number(first ?? 0)) {
    const hashes = await leafHashes(dataSource, frontier.size, Math.min(frontier.size + SPAN * 16, Number(first)));
    if (hashes.length === 0) break;
    frontier = extend(frontier, hashesIn(hashes));
  }
  return frontier;
}
