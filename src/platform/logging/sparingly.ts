import { now } from '../../kernel/clock.js';

/** Lets one through in each interval, and counts the others: for warnings that would repeat with every request while something is down. */
export class Sparingly {
  private last = -Infinity;
  private held = 0;

  constructor(private readonly intervalMs: number) {}

  /** @returns how many were held back since the last one let through, or undefined when this one is held back too */
  admit(): number | undefined {
    const at = now();
    // A clock that was set back must not silence the warning until it catches up.
    if (at - this.last < this.intervalMs && at >= this.last) {
      this.held += 1;
      return undefined;
    }
    const held = this.held;
    this.last = at;
    this.held = 0;
    return held;
  }
}
