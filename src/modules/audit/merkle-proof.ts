import { nodeHash } from './merkle-log.js';

/** A perfect subtree of the log: the 2^`level` leaves from `index` × 2^`level` on. */
export interface Subtree {
  readonly level: number;
  readonly index: number;
}

/** What a proof is made of, in its order: each node as the perfect subtrees that it joins, largest first. */
export type ProofPlan = readonly (readonly Subtree[])[];

/**
 * What has to be hashed to prove that a leaf is in the log: the path of RFC 6962 section 2.1.1, from the leaf upwards.
 *
 * @param index of the leaf, from 0
 * @param size of the log, more than `index`
 */
export function inclusionPlan(index: number, size: number): ProofPlan {
  return pathOf(index, 0, size);
}

/**
 * What has to be hashed to prove that the log of `newer` leaves begins with the one of `older`: RFC 6962 section 2.1.2.
 *
 * @param older 1 ≤ `older` ≤ `newer`
 */
export function consistencyPlan(older: number, newer: number): ProofPlan {
  return subproof(older, 0, newer, true);
}

/** The subtrees that the first `size` leaves are made of, largest first: their hashes are the log's frontier. */
export function frontierPlan(size: number): readonly Subtree[] {
  return subtreesOf(0, size);
}

/**
 * The root that a leaf and its path lead to (RFC 9162 section 2.1.3.2). The leaf is in the log if it is the log's.
 *
 * @returns undefined when the path has not the length that such a leaf has
 */
export function rootByInclusion(leaf: string, index: number, size: number, path: readonly string[]): string | undefined {
  if (!isCount(index) || !isCount(size) || index >= size) return undefined;
  let [place, last] = [index, size - 1];
  let root = leaf;
  for (const sibling of path) {
    if (last === 0) return undefined;
    if (place % 2 === 1 || place === last) {
      root = nodeHash(sibling, root);
      while (place % 2 === 0 && place !== 0) [place, last] = [half(place), half(last)];
    } else root = nodeHash(root, sibling);
    [place, last] = [half(place), half(last)];
  }
  return last === 0 ? root : undefined;
}

/** Does this proof show that the log with the newer root begins with the one that has the older root? RFC 9162 section 2.1.4.2. */
export function isConsistent(older: { size: number; root: string }, newer: { size: number; root: string }, proof: readonly string[]): boolean {
  if (!isCount(older.size) || !isCount(newer.size) || older.size > newer.size) return false;
  if (older.size === newer.size) return proof.length === 0 && older.root === newer.root;
  if (older.size === 0) return proof.length === 0;
  const path = [...proof];
  let [place, last] = [older.size - 1, newer.size - 1];
  while (place % 2 === 1) [place, last] = [half(place), half(last)];
  const seed = place === 0 ? older.root : path.shift();
  if (seed === undefined) return false;
  let [olderRoot, newerRoot] = [seed, seed];
  for (const sibling of path) {
    if (last === 0) return false;
    if (place % 2 === 1 || place === last) {
      olderRoot = nodeHash(sibling, olderRoot);
      newerRoot = nodeHash(sibling, newerRoot);
      while (place % 2 === 0 && place !== 0) [place, last] = [half(place), half(last)];
    } else newerRoot = nodeHash(newerRoot, sibling);
    [place, last] = [half(place), half(last)];
  }
  return last === 0 && olderRoot === older.root && newerRoot === newer.root;
}

/** PATH(m, D[start:end]) of RFC 6962 section 2.1.1. */
function pathOf(index: number, start: number, end: number): Subtree[][] {
  if (end - start === 1) return [];
  const middle = start + largestPowerBelow(end - start);
  return index < middle ? [...pathOf(index, start, middle), subtreesOf(middle, end)] : [...pathOf(index, middle, end), subtreesOf(start, middle)];
}

/** SUBPROOF(m, D[start:end], b) of RFC 6962 section 2.1.2; `older` counts from the beginning of the log. */
function subproof(older: number, start: number, end: number, isWhole: boolean): Subtree[][] {
  if (older === end) return isWhole ? [] : [subtreesOf(start, end)];
  const middle = start + largestPowerBelow(end - start);
  return older <= middle
    ? [...subproof(older, start, middle, isWhole), subtreesOf(middle, end)]
    : [...subproof(older, middle, end, false), subtreesOf(start, middle)];
}

/** `start` is a multiple of the largest power of two that fits between: so it is for every node of the tree. */
function subtreesOf(start: number, end: number): Subtree[] {
  const subtrees: Subtree[] = [];
  for (let at = start; at < end;) {
    const level = Math.floor(Math.log2(end - at));
    subtrees.push({ level, index: at / 2 ** level });
    at += 2 ** level;
  }
  return subtrees;
}

function largestPowerBelow(count: number): number {
  return 2 ** Math.ceil(Math.log2(count) - 1);
}

/** Not by shifting bits: a log may have more than 2^31 leaves. */
function half(value: number): number {
  return Math.floor(value / 2);
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}
