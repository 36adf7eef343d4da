import { elapsed } from '../../kernel/clock.js';

const MOST_KEYS = 100_000;
const SHARED_BUCKETS = 1024;
const FORGOTTEN_AT_ONCE = 10;

/** How often something was tried in a window, and how long that window lasts still. Milliseconds. */
export interface Count {
  readonly attempts: number;
  readonly leftMs: number;
}

interface Window {
  attempts: number;
  /** How many of them no other node was told of. */
  untold: number;
  until: number;
}

/**
 * Counts in this process's memory, of which it takes a bounded part: once very many keys are counted at the same time, which
 * only a flood of made-up ones does, new keys share buckets. They are then limited together, and never not at all.
 */
export class LocalLimiter {
  /** The oldest first: all last equally long. */
  private readonly windows = new Map<string, Window>();
  private readonly windowMs: number;

  constructor(seconds: number, private readonly mostKeys = MOST_KEYS) {
    this.windowMs = seconds * 1000;
  }

  /** @param key hexadecimal digest */
  count(key: string): Count {
    const window = this.windows.get(this.nameOf(key));
    const leftMs = window ? window.until - elapsed() : 0;
    return leftMs > 0 ? { attempts: window!.attempts, leftMs } : { attempts: 0, leftMs: 0 };
  }

  /** Counts one attempt more, of which nobody else knows. */
  add(key: string): Count {
    const { attempts, leftMs } = this.count(key);
    this.learn(key, { attempts: attempts + 1, leftMs: leftMs || this.windowMs });
    this.putBack(key, 1);
    return this.count(key);
  }

  /** What to tell other nodes: how many attempts they may know of, and how many they do not. These count as told from here on. */
  takeUntold(key: string): { readonly known: Count; readonly untold: number } {
    const { attempts, leftMs } = this.count(key);
    const window = leftMs > 0 ? this.windows.get(this.nameOf(key)) : undefined;
    const untold = window?.untold ?? 0;
    if (window) window.untold = 0;
    return { known: { attempts: attempts - untold, leftMs }, untold };
  }

  /** Notes what has to be told still. */
  putBack(key: string, untold: number): void {
    const window = this.windows.get(this.nameOf(key));
    if (window) window.untold += untold;
  }

  /** Remembers what all nodes together counted, if that is more than is remembered here. */
  learn(key: string, { attempts, leftMs }: Count): void {
    if (leftMs <= 0 || attempts <= this.count(key).attempts) return;
    const name = this.nameOf(key);
    const at = elapsed();
    const known = this.windows.get(name);
    if (known && known.until > at) {
      Object.assign(known, { attempts, until: at + leftMs });
      return;
    }
    this.forget(at);
    this.windows.delete(name);
    this.windows.set(name, { attempts, untold: 0, until: at + leftMs });
  }

  private forget(at: number): void {
    let seen = 0;
    for (const [name, { until }] of this.windows) {
      if (until > at || (seen += 1) > FORGOTTEN_AT_ONCE) return;
      this.windows.delete(name);
    }
  }

  private nameOf(key: string): string {
    if (this.windows.size < this.mostKeys || this.windows.has(key)) return key;
    return `shared:${parseInt(key.slice(0, 8), 16) % SHARED_BUCKETS}`;
  }
}
