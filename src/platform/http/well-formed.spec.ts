import { malformedFields } from './well-formed.js';

describe('malformedFields', () => {
  it('finds nothing in text of any script, nor in what is no text', () => {
    expect(malformedFields({ a: 'Ärger', b: ['👩🏽', '\u{10FFFF}', '\uE000'], c: { d: 1, e: null, f: true }, '👩🏽': '' })).toEqual([]);
    for (const value of ['', 1, null, undefined, true, []]) expect(malformedFields(value)).toEqual([]);
  });

  it('names the field of each half of a surrogate pair, in values and in names', () => {
    expect(malformedFields({ a: '\uD800', b: [{ c: 'x\uDC00' }, 'ok', '\uDC00\uD800'], 'd\uD83D': 1 })).toEqual(['a', 'b.0.c', 'b.2', 'd\uFFFD']);
    expect(malformedFields('\uD800')).toEqual(['']);
  });
});
