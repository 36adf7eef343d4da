/** Quotas are so many requests in so long. Milliseconds. */
export const WINDOW_MS = 60_000;

const MOST_KEYS = 100_000;
const SHARED_BUCKETS = 1024;
const SWEPT_AT_ONCE = 5_000;
/** Sums of fractions of the window may miss it by this much. Milliseconds. */
const ROUNDING = 1e-3;

/** What one party has used up. */
export interface Bucket {
  readonly key: string;
  /** When all of the quota is there again, by the clock of the limit. Milliseconds. */
  until: number;
  /** How much of that other nodes have not been told of. Milliseconds. */
  unshared: number;
  isListed: boolean;
}

/** What one node tells the others of one key. */
export interface Debt {
  readonly bucket: Bucket;
  /** Used up since it told last. Milliseconds; less than nothing when more was given back. */
  readonly spent: number;
  /** Used up before, as far as it knows. Milliseconds. */
  readonly remembered: number;
  /** When that was so, by the clock of the limit. */
  readonly at: number;
}

/**
 * One limit: so many requests a window for each key, by the generic cell rate algorithm. A request moves the time at which the
 * quota is whole again on by a window divided by the quota, and is refused when that would be more than a window from now. So
 * nobody gets more than the quota at once, nor, in any time, more than the quota and what that time brings back. It is one number
 * for each key, which nodes can add to, and of which the larger one is the stricter: see `CountExchange`.
 *
 * Memory is bounded. Once very many keys are counted at the same time, which only a flood of made-up ones does, new keys share
 * buckets: they are limited together, and never not at all.
 */
export class RateLimit {
  private readonly buckets = new Map<string, Bucket>();
  private readonly unshared: Bucket[] = [];
  private isShared = false;
  private costMs: number;
  private sweep = this.buckets.values();

  /**
   * @param name unique among limits
   * @param quota requests in a window
   * @param clock milliseconds, never set back: nobody must be locked out, or let in, because somebody set the time
   */
  constructor(readonly name: string, readonly quota: number, private readonly clock: () => number = () => performance.now(), private readonly mostKeys = MOST_KEYS) {
    this.costMs = WINDOW_MS / quota;
  }

  /** Keeps account of what other nodes have to be told, for somebody who tells them. */
  share(): void {
    this.isShared = true;
  }

  /** Grants half of the quota, and at least one request, from now on, or all of it. What was used before stays used. */
  beStrict(isStrict: boolean): void {
    this.costMs = Math.min(WINDOW_MS, WINDOW_MS / this.quota * (isStrict ? 2 : 1));
  }

  /** Uses up one request, if there is one left. Answers 0 then, else how long until there is one; milliseconds. */
  take(key: string): number {
    const bucket = this.bucketOf(key);
    const at = this.clock();
    const until = Math.max(bucket.until, at) + this.costMs;
    const wait = until - at - WINDOW_MS;
    if (wait > ROUNDING) return wait;
    bucket.until = until;
    this.note(bucket, this.costMs);
    return 0;
  }

  /** Takes back what was taken. */
  giveBack(key: string): void {
    const bucket = this.bucketOf(key);
    bucket.until -= this.costMs;
    this.note(bucket, -this.costMs);
  }

  /** The quota as it is granted now. */
  get granted(): number {
    return Math.floor(WINDOW_MS / this.costMs + ROUNDING);
  }

  /** Requests that are left. */
  remaining(key: string): number {
    return Math.max(0, Math.floor((WINDOW_MS - this.used(key)) / this.costMs + ROUNDING));
  }

  /** Until the whole quota is there again. Milliseconds. */
  used(key: string): number {
    return Math.max(0, (this.buckets.get(this.nameOf(key))?.until ?? 0) - this.clock());
  }

  /** Until there is a request left; 0 when there is one. Milliseconds. */
  waitFor(key: string): number {
    return Math.max(0, this.used(key) + this.costMs - WINDOW_MS);
  }

  /** Some of what other nodes do not know of, each key once. It counts as told from here on. */
  takeDebts(most: number): Debt[] {
    const at = this.clock();
    return this.unshared.splice(0, most).map((bucket) => {
      // What time has brought back since nobody owes any more.
      const ahead = Math.max(0, bucket.until - at);
      const spent = Math.min(bucket.unshared, ahead);
      Object.assign(bucket, { unshared: 0, isListed: false });
      return { bucket, spent, remembered: ahead - spent, at };
    });
  }

  /** Notes what has to be told still. */
  putBack({ bucket, spent }: Debt): void {
    this.note(bucket, spent);
  }

  /** @param ahead what all nodes together used up, when the debt was told: milliseconds until the quota is whole */
  learn({ bucket, at }: Debt, ahead: number): void {
    bucket.until = Math.max(bucket.until, at + ahead + bucket.unshared);
  }

  /** Forgets some of the keys whose quota is whole. Call it now and then. */
  forget(): void {
    const at = this.clock();
    for (let seen = 0; seen < SWEPT_AT_ONCE; seen += 1) {
      const { value: bucket, done } = this.sweep.next();
      if (done) {
        this.sweep = this.buckets.values();
        return;
      }
      if (bucket.until <= at && !bucket.isListed) this.buckets.delete(bucket.key);
    }
  }

  private note(bucket: Bucket, spent: number): void {
    if (!this.isShared) return;
    bucket.unshared += spent;
    if (bucket.isListed) return;
    bucket.isListed = true;
    this.unshared.push(bucket);
  }

  private bucketOf(key: string): Bucket {
    const known = this.buckets.get(key);
    if (known) return known;
    const name = this.nameOf(key);
    let bucket = this.buckets.get(name);
    if (!bucket) this.buckets.set(name, bucket = { key: name, until: 0, unshared: 0, isListed: false });
    return bucket;
  }

  private nameOf(key: string): string {
    if (this.buckets.size < this.mostKeys || this.buckets.has(key)) return key;
    let hash = 0;
    for (let index = 0; index < key.length; index += 1) hash = (Math.imul(hash, 31) + key.charCodeAt(index)) | 0;
    return `shared:${(hash >>> 0) % SHARED_BUCKETS}`;
  }
}
