import fc from 'fast-check';
import { EMPTY_FRONTIER, extend, joined, leafHash, rootHash } from './merkle-log.js';
import { consistencyPlan, frontierPlan, inclusionPlan, isConsistent, rootByInclusion, type ProofPlan, type Subtree } from './merkle-proof.js';

const LEAVES = Array.from({ length: 300 }, (_, index) => leafHash(`event ${index}`));
const rootOf = (size: number) => rootHash(extend(EMPTY_FRONTIER, LEAVES.slice(0, size)));
const hashOf = ({ level, index }: Subtree) => rootHash(extend(EMPTY_FRONTIER, LEAVES.slice(index * 2 ** level, (index + 1) * 2 ** level)));
const made = (plan: ProofPlan) => plan.map((node) => joined(node.map(hashOf)));

describe('an inclusion proof', () => {
  it('leads from every leaf of every log to its root', () => {
    for (let size = 1; size <= 70; size += 1) {
      for (let index = 0; index < size; index += 1) {
        expect(rootByInclusion(LEAVES[index]!, index, size, made(inclusionPlan(index, size)))).toBe(rootOf(size));
      }
    }
  });

  it('leads nowhere for another leaf, another place, another size or another path', () => {
    fc.assert(fc.property(fc.integer({ min: 2, max: 300 }), fc.nat(), fc.nat(), (size, a, b) => {
      const index = a % size;
      const other = (index + 1 + b % (size - 1)) % size;
      const path = made(inclusionPlan(index, size));
      expect(rootByInclusion(LEAVES[other]!, index, size, path)).not.toBe(rootOf(size));
      expect(rootByInclusion(LEAVES[index]!, other, size, path)).not.toBe(rootOf(size));
      expect(rootByInclusion(LEAVES[index]!, index, size, path.slice(1))).not.toBe(rootOf(size));
      expect(rootByInclusion(LEAVES[index]!, index, size, [...path, path[0]!])).not.toBe(rootOf(size));
      expect(rootByInclusion(LEAVES[index]!, index, size, path.map((hash, at) => (at === b % path.length ? leafHash(hash) : hash)))).not.toBe(rootOf(size));
    }));
  });

  it('is none for a leaf that is not in the log yet, or for what is no number', () => {
    expect(rootByInclusion(LEAVES[0]!, 1, 1, [])).toBeUndefined();
    expect(rootByInclusion(LEAVES[0]!, -1, 1, [])).toBeUndefined();
    expect(rootByInclusion(LEAVES[0]!, 0.5, 1, [])).toBeUndefined();
    expect(rootByInclusion(LEAVES[0]!, 0, Number.NaN, [])).toBeUndefined();
  });

  it('is as long as the tree is high, also beyond 2^32 leaves', () => {
    expect(inclusionPlan(2 ** 40 + 5, 2 ** 41)).toHaveLength(41);
    expect(inclusionPlan(2 ** 40, 2 ** 40 + 1)).toEqual([[{ level: 40, index: 0 }]]);
  });
});

describe('a consistency proof', () => {
  it('shows of every log that it begins with every shorter one', () => {
    for (let newer = 1; newer <= 70; newer += 1) {
      for (let older = 1; older <= newer; older += 1) {
        expect(isConsistent({ size: older, root: rootOf(older) }, { size: newer, root: rootOf(newer) }, made(consistencyPlan(older, newer)))).toBe(true);
      }
    }
  });

  it('shows nothing of a log that went another way', () => {
    fc.assert(fc.property(fc.integer({ min: 2, max: 300 }), fc.nat(), fc.nat(), (newer, a, b) => {
      const older = 1 + a % (newer - 1);
      const proof = made(consistencyPlan(older, newer));
      const forked = rootHash(extend(EMPTY_FRONTIER, LEAVES.slice(0, older).map((leaf, at) => (at === b % older ? leafHash('forged') : leaf))));
      expect(isConsistent({ size: older, root: forked }, { size: newer, root: rootOf(newer) }, proof)).toBe(false);
      expect(isConsistent({ size: older, root: rootOf(older) }, { size: newer, root: forked }, proof)).toBe(false);
      expect(isConsistent({ size: older, root: rootOf(older) }, { size: newer, root: rootOf(newer) }, proof.slice(1))).toBe(false);
      expect(isConsistent({ size: older, root: rootOf(older) }, { size: newer, root: rootOf(newer) }, [...proof, proof[0]!])).toBe(false);
    }));
  });

  it('is empty between a log and itself, and then asks for the same root', () => {
    expect(isConsistent({ size: 7, root: rootOf(7) }, { size: 7, root: rootOf(7) }, [])).toBe(true);
    expect(isConsistent({ size: 7, root: rootOf(7) }, { size: 7, root: rootOf(6) }, [])).toBe(false);
    expect(isConsistent({ size: 8, root: rootOf(8) }, { size: 7, root: rootOf(7) }, [])).toBe(false);
  });
});

describe('the subtrees of a log', () => {
  it('have the hashes of its frontier', () => {
    for (let size = 0; size <= 70; size += 1) expect(frontierPlan(size).map(hashOf)).toEqual(extend(EMPTY_FRONTIER, LEAVES.slice(0, size)).hashes);
  });
});
