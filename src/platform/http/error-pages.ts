import type { Problem } from './problem.js';

/** A page that says what is wrong. */
export interface ErrorPage {
  readonly headers: Readonly<Record<string, string>>;
  readonly html: string;
}

/** Shows people what is wrong where people are. Whoever has pages provides it; the error filter asks it. */
export interface ErrorPages {
  /** Undefined where programs ask: they get problem details. */
  pageFor(path: string, problem: Problem): ErrorPage | undefined;
}
