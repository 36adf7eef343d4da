import type { EntityManager } from 'typeorm';
import { SPAN } from './audit-mentions.js';

export const HASH_BYTES = 32;

/** The hashes that stand one after the other, base64. */
export function hashesIn(packed: Buffer): string[] {
  return Array.from({ length: packed.length / HASH_BYTES }, (_, at) => packed.toString('base64', at * HASH_BYTES, (at + 1) * HASH_BYTES));
}

/**
 * The leaf hashes of the events from `from` on and before `to`, one after the other: those of events that are there, and before them
 * those that events left behind when their piece of the log went. Shorter than it should be where some are missing.
 */
export async function leafHashes(reader: Pick<EntityManager, 'query'>, from: number, to: number): Promise<Buffer> {
  // In one value: thousands of rows of one hash each would cost this process more than hashing them.
  const [kept] = await reader.query<[{ hashes: Buffer | null; first: string | null }]>(
    `SELECT string_agg(leaf_hash, '' ORDER BY sequence) AS hashes, min(sequence) AS first FROM audit_events WHERE sequence >= $1 AND sequence < $2`, [from, to]);
  const hashes = kept.hashes ?? Buffer.alloc(0);
  const first = kept.first === null ? to : Number(kept.first);
  if (first === from) return hashes;
  const span = Math.floor(from / SPAN);
  const [left] = await reader.query<[{ hashes: Buffer | null }]>(
    `SELECT string_agg(hashes, '' ORDER BY span) AS hashes FROM audit_leaves WHERE span >= $1 AND span < $2`, [span, Math.ceil(first / SPAN)]);
  const start = (from - span * SPAN) * HASH_BYTES;
  return Buffer.concat([(left.hashes ?? Buffer.alloc(0)).subarray(start, start + (first - from) * HASH_BYTES), hashes]);
}
