import { elapsed } from '../../kernel/clock.js';

interface Entry<V> {
  readonly answer: Promise<V | undefined>;
  readonly startedAt: number;
  isLoading: boolean;
  /** The answer, once it is there. */
  value?: V;
}

export interface ShortLivedCacheOptions {
  /** How old an answer may be, counted from the moment it was asked of the database. Milliseconds. */
  readonly ttlMs?: number;
  /** Answers kept at most, the unknown ones among them; the oldest goes first. */
  readonly capacity?: number;
}

/**
 * Answers that may be a second old, for hot paths. A fresh one costs a map lookup; however many ask for a stale one, it is
 * read once. An answer that was being read when its key was invalidated is never served to anyone who asks afterwards.
 */
export class ShortLivedCache<V> {
  private readonly entries = new Map<string, Entry<V>>();
  private readonly ttlMs: number;
  private readonly capacity: number;

  constructor(private readonly load: (key: string) => Promise<V | undefined>, options: ShortLivedCacheOptions = {}) {
    this.ttlMs = options.ttlMs ?? 1000;
    this.capacity = options.capacity ?? 20_000;
  }

  /** Rejects as `load` does; a failure is not kept. */
  get(key: string): Promise<V | undefined> {
    const entry = this.entries.get(key);
    if (entry !== undefined && (entry.isLoading || this.isFresh(entry))) return entry.answer;
    return this.refresh(key);
  }

  /** The fresh answer that is there already; undefined when there is none, or when the answer is undefined. A promise costs more than the rest. */
  peek(key: string): V | undefined {
    const entry = this.entries.get(key);
    return entry !== undefined && !entry.isLoading && this.isFresh(entry) ? entry.value : undefined;
  }

  invalidate(key: string): void {
    this.entries.delete(key);
  }

  clear(): void {
    this.entries.clear();
  }

  private isFresh(entry: Entry<V>): boolean {
    const age = elapsed() - entry.startedAt;
    // Tests put back even this clock; that is no reason to trust the answer for longer.
    return age >= 0 && age < this.ttlMs;
  }

  private refresh(key: string): Promise<V | undefined> {
    const entry: Entry<V> = { startedAt: elapsed(), isLoading: true, answer: this.load(key) };
    entry.answer.then(
      (value) => {
        entry.value = value;
        entry.isLoading = false;
      },
      () => { if (this.entries.get(key) === entry) this.entries.delete(key); },
    );
    // Deleted first, so that the map's order is the order of refreshing.
    this.entries.delete(key);
    if (this.entries.size >= this.capacity) this.entries.delete(this.entries.keys().next().value!);
    this.entries.set(key, entry);
    return entry.answer;
  }
}
