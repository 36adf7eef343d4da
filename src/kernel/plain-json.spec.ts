import { isPlainJson } from './plain-json.js';

const nested = (levels: number): unknown => (levels === 0 ? 1 : { a: nested(levels - 1) });

describe('plain JSON', () => {
  it.each([[null], [true], [0], [-1.5], [''], ['é😀'], [[]], [{}], [{ a: [1, { b: null }] }], [nested(16)]])('is %j', (value) => {
    expect(isPlainJson(value)).toBe(true);
  });

  it.each([
    ['more than 16 levels', nested(17)],
    ['a name that reaches a prototype', JSON.parse('{"a":{"__proto__":{"x":1}}}')],
    ['the name constructor', JSON.parse('{"constructor":1}')],
    ['NUL', { a: 'x\0' }],
    ['NUL in a name', { 'x\0': 1 }],
    ['half of a surrogate pair', ['\uD83D']],
    ['infinity', [Infinity]],
    ['nothing', [undefined]],
    ['a function', { a: () => 1 }],
  ])('is not what has %s', (_name, value) => {
    expect(isPlainJson(value)).toBe(false);
  });
});
