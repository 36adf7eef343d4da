/** The one source of time. Tests freeze or move it; production code never calls `Date.now()` itself. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number;
}

let current: Clock = { now: () => Date.now() };

/** Milliseconds since the Unix epoch. */
export function now(): number {
  return current.now();
}

export function nowDate(): Date {
  return new Date(current.now());
}

/** Whole seconds since the Unix epoch: RFC 7519's NumericDate. */
export function epochSeconds(): number {
  return Math.floor(current.now() / 1000);
}

/** Replaces the clock and returns a function that puts the former one back. */
export function useClock(clock: Clock): () => void {
  const former = current;
  current = clock;
  return () => { current = former; };
}
