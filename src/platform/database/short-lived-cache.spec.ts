import { useClock } from '../../kernel/clock.js';
import { ShortLivedCache } from './short-lived-cache.js';

let at: number;
let putBack: () => void;

beforeEach(() => {
  at = 1_000_000;
  putBack = useClock({ now: () => at });
});

afterEach(() => putBack());

describe('a short-lived cache', () => {
  it('reads once, however many ask at the same time', async () => {
    let reads = 0;
    const cache = new ShortLivedCache(async () => { reads += 1; return reads; });
    const answers = await Promise.all(Array.from({ length: 20 }, () => cache.get('a')));
    expect(answers).toEqual(Array.from({ length: 20 }, () => 1));
    expect(reads).toBe(1);
  });

  it('reads again after a second, counted from when it asked, whatever the clock is set to', async () => {
    let reads = 0;
    const cache = new ShortLivedCache(async () => { reads += 1; return reads; });
    await cache.get('a');
    at += 999;
    expect(await cache.get('a')).toBe(1);
    at += 1;
    expect(await cache.get('a')).toBe(2);
    const restore = useClock({ now: () => at - 3_600_000, elapsed: () => at });
    expect(await cache.get('a')).toBe(2);
    at += 1000;
    expect(await cache.get('a')).toBe(3);
    restore();
  });

  it('gives without waiting only what is there and fresh', async () => {
    const cache = new ShortLivedCache(async (key) => key.toUpperCase());
    expect(cache.peek('a')).toBeUndefined();
    const asked = cache.get('a');
    expect(cache.peek('a')).toBeUndefined();
    await asked;
    expect(cache.peek('a')).toBe('A');
    at += 1000;
    expect(cache.peek('a')).toBeUndefined();
    at -= 1000;
    cache.invalidate('a');
    expect(cache.peek('a')).toBeUndefined();
  });

  it('gives nobody without waiting what was read before its key was invalidated', async () => {
    let answer: (value: string) => void = () => undefined;
    const cache = new ShortLivedCache(() => new Promise<string>((resolve) => { answer = resolve; }));
    const asked = cache.get('a');
    cache.invalidate('a');
    answer('old');
    await asked;
    expect(cache.peek('a')).toBeUndefined();
  });

  it('keeps that there is nothing, too', async () => {
    let reads = 0;
    const cache = new ShortLivedCache(async () => { reads += 1; return undefined; });
    await cache.get('a');
    await cache.get('a');
    expect(reads).toBe(1);
  });

  it('does not keep a failure', async () => {
    let reads = 0;
    const cache = new ShortLivedCache(async () => {
      reads += 1;
      if (reads === 1) throw new Error('gone');
      return reads;
    });
    await expect(cache.get('a')).rejects.toThrow('gone');
    expect(await cache.get('a')).toBe(2);
  });

  it('never serves an answer that was being read when its key was invalidated to someone who asks afterwards', async () => {
    const pending: ((value: string) => void)[] = [];
    const cache = new ShortLivedCache<string>(() => new Promise((resolve) => pending.push(resolve)));
    const before = cache.get('a');
    cache.invalidate('a');
    const after = cache.get('a');
    pending[1]!('new');
    pending[0]!('old');
    expect(await before).toBe('old');
    expect(await after).toBe('new');
    expect(await cache.get('a')).toBe('new');
  });

  it('forgets the answer it read longest ago when it is full', async () => {
    const read: string[] = [];
    const cache = new ShortLivedCache(async (key) => { read.push(key); return key; }, { capacity: 2 });
    for (const key of ['a', 'b', 'c', 'c', 'b', 'a']) await cache.get(key);
    expect(read).toEqual(['a', 'b', 'c', 'a']);
  });
});
