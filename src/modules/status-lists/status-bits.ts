import { LIST_SIZE } from '../tokens/status-entries.service.js';

/** The statuses of a list, one bit each, the lowest bit of a byte first (draft-ietf-oauth-status-list, "Compressed Byte Array"). */
export const LIST_BYTES = LIST_SIZE / 8;

/** One bit tells two statuses apart: 0 VALID and 1 INVALID. */
export const STATUS_BITS = 1;

/**
 * Sets or clears the bits of these indexes.
 *
 * @param indexes 32-bit big-endian integers, one after the other
 * @returns whether any of them was another before
 */
export function writeStatuses(statuses: Uint8Array, indexes: Buffer, hasEnded: boolean): boolean {
  let hasChanged = false;
  for (let at = 0; at < indexes.length; at += 4) {
    const index = indexes.readUInt32BE(at);
    const before = statuses[index >>> 3]!;
    const bit = 1 << (index & 7);
    const after = hasEnded ? before | bit : before & ~bit;
    if (after === before) continue;
    statuses[index >>> 3] = after;
    hasChanged = true;
  }
  return hasChanged;
}
