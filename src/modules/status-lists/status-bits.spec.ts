import { LIST_BYTES, writeStatuses } from './status-bits.js';

const indexes = (...numbers: number[]) => {
  const buffer = Buffer.alloc(4 * numbers.length);
  numbers.forEach((number, at) => buffer.writeUInt32BE(number, 4 * at));
  return buffer;
};

describe('the statuses of a list', () => {
  it('begin with the lowest bit of the first byte, as in the example of the specification', () => {
    const statuses = new Uint8Array(2);
    writeStatuses(statuses, indexes(0, 3, 4, 5, 7, 8, 9, 13, 15), true);
    expect(Buffer.from(statuses).toString('hex')).toBe('b9a3');
  });

  it('say whether any of them changed', () => {
    const statuses = new Uint8Array(LIST_BYTES);
    expect(writeStatuses(statuses, indexes(1, 2), false)).toBe(false);
    expect(writeStatuses(statuses, indexes(1, 2), true)).toBe(true);
    expect(writeStatuses(statuses, indexes(2), true)).toBe(false);
    expect(writeStatuses(statuses, indexes(1), false)).toBe(true);
    expect(statuses[0]).toBe(4);
    expect(writeStatuses(statuses, Buffer.alloc(0), true)).toBe(false);
  });

  it('reach to the last index', () => {
    const statuses = new Uint8Array(LIST_BYTES);
    writeStatuses(statuses, indexes(2 ** 20 - 1), true);
    expect(statuses.at(-1)).toBe(0x80);
  });
});
