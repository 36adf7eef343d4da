import fc from 'fast-check';
import { microsAsUsd, usdInMicros } from './usd.js';

describe('an amount of dollars', () => {
  it.each<[unknown, number, string]>([
    ['0', 0, '0'], [0, 0, '0'], ['0.0125', 12_500, '0.0125'], [0.0125, 12_500, '0.0125'], [0.1, 100_000, '0.1'], ['0.10', 100_000, '0.1'], [0.000001, 1, '0.000001'],
    ['12', 12_000_000, '12'], [3.000001, 3_000_001, '3.000001'], ['1000000', 1_000_000_000_000, '1000000'], ['007', 7_000_000, '7'],
  ])('%j is %d millionths of a dollar, which is %s', (amount, micros, decimal) => {
    expect(usdInMicros(amount)).toBe(micros);
    expect(microsAsUsd(micros)).toBe(decimal);
  });

  it.each([-1, '-1', 0.0000001, '0.0000001', '1e3', 1e21, NaN, Infinity, '', '.5', '1.', '1,5', ' 1', '1000000.000001', 1000001, null, undefined, true, {}, ['1'], '١'])('is not %p', (amount) => {
    expect(usdInMicros(amount)).toBeUndefined();
  });

  it('is kept to the last millionth', () => {
    fc.assert(fc.property(fc.integer({ min: 0, max: 1_000_000_000_000 }), (micros) => usdInMicros(microsAsUsd(micros)) === micros));
  });
});
