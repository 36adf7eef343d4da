import { parse } from 'node:querystring';
import fc from 'fast-check';
import { plainForm } from './plain-form.js';

describe('a plain form', () => {
  const piece = fc.oneof(fc.constantFrom('a', 'b', '=', '&', '+', '%', '%3D', '%26', '%E2%82%AC', '%FF', '__proto__', 'ü', '\0'), fc.string({ maxLength: 3 }));
  const text = fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join(''));

  it('says the same as the library reads, or nothing', () => {
    fc.assert(fc.property(text, (form) => {
      const plain = plainForm(form);
      if (plain) expect({ ...plain }).toEqual({ ...parse(form) });
    }), { numRuns: 2000 });
  });

  it('says nothing exactly of what has a field twice, or an empty one', () => {
    fc.assert(fc.property(text, (form) => {
      const read = parse(form);
      expect(plainForm(form) === undefined).toBe(Object.values(read).some((value) => typeof value !== 'string' || value === ''));
    }), { numRuns: 2000 });
  });

  it('says nothing of more fields than are read', () => {
    const fields = Array.from({ length: 1001 }, (_, index) => `f${index}=x`);
    expect(plainForm(fields.join('&'))).toBeUndefined();
    expect(plainForm(fields.slice(1).join('&'))).toEqual(parse(fields.slice(1).join('&')));
  });
});
