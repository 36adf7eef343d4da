import fc from 'fast-check';
import { canonicalJson, type JsonValue } from './canonical-json.js';

/** The number of these IEEE 754 bits. */
function double(bits: string): number {
  return Buffer.from(bits, 'hex').readDoubleBE();
}

/** JSON values without the one number and the one kind of string that JSON cannot carry there and back. */
const json = fc.jsonValue({ maxDepth: 4 }).filter((value) => /^\P{Surrogate}*$/u.test(flat(value)));

function flat(value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value !== 'object' || value === null) return '';
  return Object.entries(value).map(([name, member]) => name + flat(member)).join('');
}

/** The same value with the members of every object in the opposite order. */
function reordered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reordered);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).reverse().map(([name, member]) => [name, reordered(member)]));
}

describe('canonical JSON (RFC 8785)', () => {
  it('writes the example of section 3.2.2 as section 3.2.3 shows it', () => {
    const example = JSON.parse(String.raw`{
      "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
      "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
      "literals": [null, true, false]
    }`) as JsonValue;
    expect(canonicalJson(example)).toBe('{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}');
  });

  it('sorts members by UTF-16 code units, as in section 3.2.3', () => {
    const unsorted = {
      '\u20ac': 'Euro Sign', '\r': 'Carriage Return', '\ufb33': 'Hebrew Letter Dalet With Dagesh', '1': 'One', '\ud83d\ude00': 'Emoji: Grinning Face',
      '\u0080': 'Control', '\u00f6': 'Latin Small Letter O With Diaeresis',
    };
    expect(canonicalJson(unsorted).match(/:"([^"]*)"/g)).toEqual([
      ':"Carriage Return"', ':"One"', ':"Control"', ':"Latin Small Letter O With Diaeresis"', ':"Euro Sign"', ':"Emoji: Grinning Face"', ':"Hebrew Letter Dalet With Dagesh"',
    ]);
  });

  it.each([
    ['0000000000000000', '0'], ['8000000000000000', '0'], ['0000000000000001', '5e-324'], ['8000000000000001', '-5e-324'],
    ['7fefffffffffffff', '1.7976931348623157e+308'], ['4340000000000000', '9007199254740992'], ['4430000000000000', '295147905179352830000'],
    ['44b52d02c7e14af5', '9.999999999999997e+22'], ['44b52d02c7e14af6', '1e+23'], ['44b52d02c7e14af7', '1.0000000000000001e+23'],
    ['444b1ae4d6e2ef4e', '999999999999999700000'], ['444b1ae4d6e2ef50', '1e+21'], ['3eb0c6f7a0b5ed8c', '9.999999999999997e-7'],
    ['3eb0c6f7a0b5ed8d', '0.000001'], ['41b3de4355555555', '333333333.3333333'], ['becbf647612f3696', '-0.0000033333333333333333'], ['43143ff3c1cb0959', '1424953923781206.2'],
  ])('writes the number of the bits %s as %s (appendix B)', (bits, written) => {
    expect(canonicalJson(double(bits))).toBe(written);
  });

  it('can be read again as the same value', () => {
    fc.assert(fc.property(json, (value) => { expect(JSON.parse(canonicalJson(value as JsonValue))).toEqual(withoutMinusZero(value)); }));
  });

  it('does not depend on the order in which members were added', () => {
    fc.assert(fc.property(json, (value) => canonicalJson(reordered(value) as JsonValue) === canonicalJson(value as JsonValue)));
  });

  it('says the same again after it was read', () => {
    fc.assert(fc.property(json, (value) => canonicalJson(JSON.parse(canonicalJson(value as JsonValue)) as JsonValue) === canonicalJson(value as JsonValue)));
  });

  it('leaves out members without a value', () => {
    expect(canonicalJson({ b: undefined, a: 1, c: { d: undefined } })).toBe('{"a":1,"c":{}}');
  });

  it.each([
    ['not a number', Number.NaN], ['infinity', -Infinity], ['half of a surrogate pair', 'a\uDEAD'], ['half of a surrogate pair in a name', { '\uD83D': 1 }],
    ['a function', () => 1], ['a bigint', 1n], ['nothing in a list', [undefined]],
  ])('refuses %s', (_name, value) => {
    expect(() => canonicalJson(value as JsonValue)).toThrow(TypeError);
  });

  it('takes text that only looks like half of a surrogate pair', () => {
    expect(canonicalJson('\\ud83d')).toBe('"\\\\ud83d"');
  });
});

/** RFC 8785 section 3.2.2.3 writes minus zero as zero, as ECMAScript does. */
function withoutMinusZero(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value)) as unknown;
}
