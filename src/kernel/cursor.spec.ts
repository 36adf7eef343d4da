import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { decodeCursor, encodeCursor } from './cursor.js';

const key = randomBytes(32);
const refused = expect.objectContaining({ kind: 'invalid', code: 'invalid_cursor' });

describe('a list cursor', () => {
  it('brings back the position it was made from', () => {
    fc.assert(fc.property(fc.array(fc.string({ unit: 'grapheme' })), (position) => { expect(decodeCursor(key, encodeCursor(key, position))).toEqual(position); }));
  });

  it('goes into a query string as it is', () => {
    fc.assert(fc.property(fc.array(fc.string()), (position) => /^[\w-]+$/.test(encodeCursor(key, position))));
  });

  it('is refused when any of its bytes was changed', () => {
    const bytes = Buffer.from(encodeCursor(key, ['2030-01-01T00:00:00.000Z', 'agent-7']), 'base64url');
    for (let index = 0; index < bytes.length; index += 1) {
      const forged = Buffer.from(bytes);
      forged[index]! ^= 1;
      expect(() => decodeCursor(key, forged.toString('base64url'))).toThrow(refused);
    }
  });

  it('is refused when it was cut anywhere, or drawn out', () => {
    const bytes = Buffer.from(encodeCursor(key, ['a', 'b']), 'base64url');
    for (let length = 0; length < bytes.length; length += 1) expect(() => decodeCursor(key, bytes.subarray(0, length).toString('base64url'))).toThrow(refused);
    expect(() => decodeCursor(key, Buffer.concat([bytes, Buffer.from(' ')]).toString('base64url'))).toThrow(refused);
  });

  it('is refused when another key made it', () => {
    expect(() => decodeCursor(key, encodeCursor(randomBytes(32), ['a']))).toThrow(refused);
  });

  it.each(['', '0', '%00', 'null', '[]', 'a b', '\0', 'é'.repeat(50), 'A'.repeat(10_000)])('is refused when it is %j', (made) => {
    expect(() => decodeCursor(key, made)).toThrow(refused);
  });
});
