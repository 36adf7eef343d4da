/** Texts are let go from one multiple of this to the next, at most, and each time an event tells how many. */
export const REMOVED_AT_ONCE = 4096;

interface Missing {
  readonly first: number;
  readonly last: number;
  readonly count: number;
}

/**
 * Holds the texts that are missing in a log against what its events tell of those that were let go: who takes old texts away has to
 * say so, and such an event keeps its own text for as long as anything is left of what it tells of.
 */
export class RemovedTexts {
  /** By block of so many events, as are those that were told of. */
  private readonly missing = new Map<number, Missing>();
  private readonly told = new Map<number, number>();
  /** Pieces of the log that went whole: from one number up to before another. */
  private readonly gone: { readonly first: number; readonly next: number }[] = [];

  /** @param from number of the first event that is looked at: the block that it is in the middle of says nothing */
  constructor(private readonly from: number) {}

  /** Events without their texts, which follow one another. */
  lack(first: number, count: number): void {
    for (let at = first; at < first + count;) {
      const block = Math.floor(at / REMOVED_AT_ONCE);
      const next = Math.min(first + count, (block + 1) * REMOVED_AT_ONCE);
      const known = this.missing.get(block);
      this.missing.set(block, { first: known?.first ?? at, last: next - 1, count: (known?.count ?? 0) + next - at });
      at = next;
    }
  }

  /** An event, as it stands in the log: it may tell of texts that went. */
  read(body: string): void {
    if (!body.includes('"audit_log.pruned"')) return;
    const { type, details } = JSON.parse(body) as { type?: unknown; details?: { first: number; next: number; events?: number; whole?: boolean } };
    if (type !== 'audit_log.pruned' || !details) return;
    const { first, next, events = 0, whole = false } = details;
    const block = Math.floor(first / REMOVED_AT_ONCE);
    if (whole) this.gone.push({ first, next });
    else this.told.set(block, (this.told.get(block) ?? 0) + events);
  }

  /** The first block in which another number of texts is missing than was told of. */
  get untold(): Missing | undefined {
    const isTold = (block: number, { first, last, count }: Missing) =>
      block * REMOVED_AT_ONCE < this.from || this.told.get(block) === count || this.gone.some((piece) => piece.first <= first && last < piece.next);
    return [...this.missing].sort(([a], [b]) => a - b).find(([block, missing]) => !isTold(block, missing))?.[1];
  }
}
