import { epochSeconds, now, nowDate, useClock } from './clock.js';

describe('the clock', () => {
  it('tells real time until a test says otherwise', () => {
    const before = Date.now();
    expect(now()).toBeGreaterThanOrEqual(before);
    expect(now()).toBeLessThanOrEqual(Date.now());
  });

  it('tells the same instant as milliseconds, as a date and as whole seconds, rounded down', () => {
    const restore = useClock({ now: () => 1_900_000_000_999 });
    expect([now(), nowDate().getTime(), epochSeconds()]).toEqual([1_900_000_000_999, 1_900_000_000_999, 1_900_000_000]);
    restore();
  });

  it('goes back to the clock before when a test is done with its own', () => {
    const outer = useClock({ now: () => 1 });
    const inner = useClock({ now: () => 2 });
    expect(now()).toBe(2);
    inner();
    expect(now()).toBe(1);
    outer();
    expect(now()).toBeGreaterThan(2);
  });
});
