import { useClock } from '../../kernel/clock.js';
import { Sparingly } from './sparingly.js';

describe('a warning that repeats', () => {
  it('is let through once an interval, with the number held back', () => {
    let time = 1_000_000;
    const restore = useClock({ now: () => time });
    const sparingly = new Sparingly(60_000);
    expect(sparingly.admit()).toBe(0);
    time += 59_999;
    expect(sparingly.admit()).toBeUndefined();
    expect(sparingly.admit()).toBeUndefined();
    time += 1;
    expect(sparingly.admit()).toBe(2);
    time -= 3_600_000;
    expect(sparingly.admit()).toBe(0);
    restore();
  });
});
