import fc from 'fast-check';
import { RateLimit, WINDOW_MS } from './rate-limit.js';

let at: number;
const limitOf = (quota: number, mostKeys?: number) => new RateLimit('test', quota, () => at, mostKeys);
/** How many of so many requests are granted. */
const granted = (limit: RateLimit, times: number, key = 'a') => Array.from({ length: times }, () => limit.take(key)).filter((wait) => wait === 0).length;

beforeEach(() => { at = 1_000_000; });

describe('a rate limit', () => {
  it('grants the quota at once, and no more', () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 5000 }), (quota) => {
      const limit = limitOf(quota);
      expect(granted(limit, quota + 50)).toBe(quota);
    }));
  });

  it('never grants more than the quota and what time has brought back, in whatever span of time', () => {
    const steps = fc.array(fc.record({ pause: fc.integer({ min: 0, max: WINDOW_MS / 2 }), asked: fc.integer({ min: 0, max: 60 }) }), { maxLength: 40 });
    fc.assert(fc.property(fc.integer({ min: 1, max: 40 }), steps, (quota, sequence) => {
      const limit = limitOf(quota);
      const grants: number[] = [];
      for (const { pause, asked } of sequence) {
        at += pause;
        for (let index = 0; index < asked; index += 1) if (limit.take('a') === 0) grants.push(at);
      }
      const excess = (first: number, last: number) => last - first + 1 - quota - (grants[last]! - grants[first]!) * quota / WINDOW_MS;
      for (let first = 0; first < grants.length; first += 1) {
        for (let last = first; last < grants.length; last += 1) if (excess(first, last) > 1e-6) return false;
      }
      return true;
    }), { numRuns: 200 });
  });

  it('grants one again exactly when it says so', () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 2000 }), (quota) => {
      const limit = limitOf(quota);
      granted(limit, quota);
      const wait = limit.take('a');
      expect(limit.waitFor('a')).toBeCloseTo(wait, 6);
      at += wait - 0.01;
      expect(limit.take('a')).toBeGreaterThan(0);
      at += 0.02;
      expect(limit.take('a')).toBe(0);
    }));
  });

  it('counts nothing for what it refuses, and each key for itself', () => {
    const limit = limitOf(10);
    expect(granted(limit, 1000)).toBe(10);
    at += WINDOW_MS;
    expect([granted(limit, 20), granted(limit, 20, 'b')]).toEqual([10, 10]);
  });

  it('has again what was given back', () => {
    const limit = limitOf(3);
    granted(limit, 3);
    limit.giveBack('a');
    expect(granted(limit, 3)).toBe(1);
  });

  it('tells what is left, and when all of it will be', () => {
    const limit = limitOf(60);
    expect([limit.remaining('a'), limit.used('a')]).toEqual([60, 0]);
    granted(limit, 20);
    expect([limit.remaining('a'), limit.used('a')]).toEqual([40, 20_000]);
    at += 500;
    expect(limit.remaining('a')).toBe(40);
    at += 500;
    expect(limit.remaining('a')).toBe(41);
  });

  it('grants half while it is strict, at least one, and what was used before stays used', () => {
    const [limit, single] = [limitOf(10), limitOf(1)];
    granted(limit, 4);
    for (const strict of [limit, single]) strict.beStrict(true);
    // Six tenths of a window are left, and each request takes two.
    expect([limit.granted, granted(limit, 20), granted(single, 5)]).toEqual([5, 3, 1]);
    limit.beStrict(false);
    expect(granted(limit, 20)).toBe(0);
    at += WINDOW_MS;
    expect([limit.granted, granted(limit, 20)]).toEqual([10, 10]);
  });

  it('bounds its memory: a flood of made-up keys ends up limited together, and keys known before keep their own count', () => {
    const limit = limitOf(5, 100);
    granted(limit, 1, 'known');
    for (let index = 0; index < 5000; index += 1) limit.take(`made up ${index}`);
    const later = Array.from({ length: 20_000 }, (_, index) => limit.take(`later ${index}`)).filter((wait) => wait === 0);
    expect(later.length).toBeLessThanOrEqual(1024 * 5);
    expect(granted(limit, 10, 'known')).toBe(4);
  });

  it('forgets keys whose quota is whole, and no others', () => {
    const limit = limitOf(2, 3);
    for (const key of ['a', 'b', 'c']) granted(limit, 2, key);
    at += WINDOW_MS / 2;
    granted(limit, 1, 'c');
    at += WINDOW_MS / 2;
    for (let turn = 0; turn < 3; turn += 1) limit.forget();
    // There is room for two of their own again, and c is still remembered.
    expect([granted(limit, 5, 'd'), granted(limit, 5, 'e'), granted(limit, 5, 'c')]).toEqual([2, 2, 1]);
  });

  it('tells other nodes no more than is owed still', () => {
    const limit = limitOf(60);
    limit.share();
    granted(limit, 30);
    at += 20_000;
    expect(limit.takeDebts(10)).toMatchObject([{ spent: 10_000, remembered: 0 }]);
    expect(limit.takeDebts(10)).toEqual([]);
    granted(limit, 5);
    expect(limit.takeDebts(10)).toMatchObject([{ spent: 5_000, remembered: 10_000 }]);
  });

  it('learns from other nodes what they granted, and unlearns nothing', () => {
    const limit = limitOf(60);
    limit.share();
    granted(limit, 10);
    const [debt] = limit.takeDebts(1);
    granted(limit, 5);
    limit.learn(debt!, 40_000);
    expect(limit.remaining('a')).toBe(15);
    limit.learn(debt!, 0);
    expect(limit.remaining('a')).toBe(15);
  });

  it('tells again what could not be told', () => {
    const limit = limitOf(60);
    limit.share();
    granted(limit, 10);
    limit.putBack(limit.takeDebts(1)[0]!);
    granted(limit, 1);
    expect(limit.takeDebts(10)).toMatchObject([{ spent: 11_000 }]);
  });
});
