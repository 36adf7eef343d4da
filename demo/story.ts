/** Tells what happens, one line a step, and stops at the first surprise. */
export class Story {
  private step = 0;

  chapter(title: string): void {
    console.log(`\n${title}`);
  }

  /** A step that came out as it should. */
  done(what: string, detail = ''): void {
    this.step++;
    console.log(`  ${String(this.step).padStart(2)}. ✓ ${what}${detail ? `\n        ${detail}` : ''}`);
  }

  get steps(): number {
    return this.step;
  }
}

/** What a server should never have answered. */
export class Surprise extends Error {}

/** @throws Surprise */
export function expectThat(condition: boolean, expectation: string, seen: unknown): asserts condition {
  if (!condition) throw new Surprise(`expected ${expectation}, but got ${typeof seen === 'string' ? seen : JSON.stringify(seen)}`);
}

/** Shortens what would fill the screen. */
export function brief(text: string, length = 24): string {
  return text.length > length ? `${text.slice(0, length)}…` : text;
}
