import { createHash } from 'node:crypto';

/** How many entries a status list has. Always so many, used or not: its length tells nobody how many tokens there are. */
export const LIST_SIZE = 2 ** 20;

const HALF_BITS = 10;
const HALF = 2 ** HALF_BITS;
/** Four make the result look like chance to whoever does not know the seed (Luby and Rackoff). */
const ROUNDS = 4;

/**
 * Scatters positions over a status list: each of 0 … `LIST_SIZE - 1` gets an index of its own in the same range, and from indexes
 * nobody can tell which tokens were issued one after the other (draft-ietf-oauth-status-list, "Unlinkability"). A Feistel network
 * over both halves of the position, whose round functions are tables made from the seed.
 *
 * @param seed random bytes, one for each list
 */
export function scatteredOver(seed: Buffer): (position: number) => number {
  const random = createHash('shake256', { outputLength: 2 * ROUNDS * HALF }).update(seed).digest();
  const tables = Uint16Array.from({ length: ROUNDS * HALF }, (_, at) => random.readUInt16LE(2 * at) % HALF);
  return (position) => {
    let left = position >>> HALF_BITS;
    let right = position % HALF;
    for (let round = 0; round < ROUNDS; round += 1) {
      const next = left ^ tables[round * HALF + right]!;
      left = right;
      right = next;
    }
    return left * HALF + right;
  };
}
