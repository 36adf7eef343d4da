import { hash } from 'node:crypto';

/**
 * The Merkle tree of RFC 6962 section 2.1, kept as its frontier: the roots of the perfect subtrees that the leaves so
 * far make up, largest first. That is all that appending needs, and there are at most 64 of them.
 */
export interface Frontier {
  /** Number of leaves. */
  readonly size: number;
  /** Base64 SHA-256 hashes, one for each 1-bit of `size`, most significant first. */
  readonly hashes: readonly string[];
}

export const EMPTY_FRONTIER: Frontier = { size: 0, hashes: [] };

/** What a node is hashed from: a prefix and two hashes. One for all: each event costs the writer such a hash. */
const NODE = Buffer.alloc(1 + 32 + 32, 1);

/** SHA-256(0x00 ‖ body), base64. */
export function leafHash(body: string): string {
  return hash('sha256', `\0${body}`, 'base64');
}

/** SHA-256(0x01 ‖ left ‖ right), base64. */
export function nodeHash(left: string, right: string): string {
  NODE.write(left, 1, 'base64');
  NODE.write(right, 33, 'base64');
  return hash('sha256', NODE, 'base64');
}

/** The frontier after these leaves were appended. */
export function extend(frontier: Frontier, leafHashes: readonly string[]): Frontier {
  const hashes = [...frontier.hashes];
  let size = frontier.size;
  for (const leaf of leafHashes) {
    let merged = leaf;
    // Each trailing 1-bit of the size is a perfect subtree as large as the one being carried: they join.
    for (let bits = size; bits % 2 === 1; bits = Math.floor(bits / 2)) merged = nodeHash(hashes.pop()!, merged);
    hashes.push(merged);
    size += 1;
  }
  return { size, hashes };
}

/** The tree head: the root hash over all leaves; SHA-256 of nothing for the empty tree. */
export function rootHash(frontier: Frontier): string {
  return joined(frontier.hashes);
}

/** The hash of a node, from those of the perfect subtrees that it joins, largest first. */
export function joined(hashes: readonly string[]): string {
  return hashes.length === 0 ? hash('sha256', '', 'base64') : hashes.reduceRight((right, left) => nodeHash(left, right));
}
