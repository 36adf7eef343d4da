import { progress } from '@clack/prompts';

export interface ProgressBar {
  /** @param done of what there is in all, e.g. bytes */
  reach(done: number): void;
  end(message: string): void;
}

const STEPS = 100;

/** A bar on the terminal, beside what goes to the standard output; nothing where there is no terminal. */
export function progressBar(message: string, total: number | undefined): ProgressBar {
  if (!process.stderr.isTTY || !total) return { reach: () => undefined, end: () => undefined };
  const bar = progress({ max: STEPS, output: process.stderr });
  bar.start(message);
  let shown = 0;
  return {
    reach: (done) => {
      const step = Math.min(STEPS, Math.floor(done / total * STEPS));
      if (step > shown) bar.advance(step - shown);
      shown = Math.max(shown, step);
    },
    end: (last) => bar.stop(last),
  };
}
