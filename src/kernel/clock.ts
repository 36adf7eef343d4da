/** The one source of time. Tests freeze or move it; production code never calls `Date.now()` itself. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number;
  /** As `now` unless given. */
  elapsed?(): number;
}

const system: Required<Clock> = { now: () => Date.now(), elapsed: () => performance.timeOrigin + performance.now() };
let current: Clock = system;

/** Milliseconds since the Unix epoch. */
export function now(): number {
  return current.now();
}

/**
 * For how long things take and are kept in memory: milliseconds since some moment, by a clock that nobody sets. What the database or
 * anybody else shall read is dated by `now`.
 */
export function elapsed(): number {
  return current.elapsed ? current.elapsed() : current.now();
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
