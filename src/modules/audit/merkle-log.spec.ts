import { hash } from 'node:crypto';
import fc from 'fast-check';
import { EMPTY_FRONTIER, extend, leafHash, nodeHash, rootHash } from './merkle-log.js';

/** The root by the recursive definition of RFC 6962 section 2.1, from all leaves at once. */
function rootOfLeaves(leafHashes: readonly string[]): string {
  if (leafHashes.length === 0) return hash('sha256', '', 'base64');
  if (leafHashes.length === 1) return leafHashes[0]!;
  let split = 1;
  while (split * 2 < leafHashes.length) split *= 2;
  return nodeHash(rootOfLeaves(leafHashes.slice(0, split)), rootOfLeaves(leafHashes.slice(split)));
}

describe('the Merkle log', () => {
  it('has the published root for the published leaves of the Certificate Transparency test vectors', () => {
    const leaves = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f']
      .map((hex) => Buffer.from(hex, 'hex').toString('latin1'));
    const root = rootHash(extend(EMPTY_FRONTIER, leaves.map(leafHash)));
    expect(Buffer.from(root, 'base64').toString('hex')).toBe('5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328');
  });

  it('has the hash of nothing as the root of the empty log', () => {
    expect(rootHash(EMPTY_FRONTIER)).toBe(hash('sha256', '', 'base64'));
  });

  it('has the root of the recursive definition, however the leaves were batched', () => {
    fc.assert(fc.property(fc.array(fc.array(fc.string(), { maxLength: 9 }), { maxLength: 20 }), (batches) => {
      const frontier = batches.reduce((grown, batch) => extend(grown, batch.map(leafHash)), EMPTY_FRONTIER);
      expect(frontier.size).toBe(batches.flat().length);
      expect(rootHash(frontier)).toBe(rootOfLeaves(batches.flat().map(leafHash)));
    }));
  });
});
