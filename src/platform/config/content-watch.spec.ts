import { Logger } from '@nestjs/common';
import { ContentWatch } from './content-watch.js';

/** What each look sees, and what comes of it. */
class Script {
  readonly dealtWith: string[] = [];
  readonly watch: ContentWatch;
  private index = 0;
  private onEnd?: () => void;

  constructor(private readonly contents: readonly string[], deal: (content: string, attempt: number) => Promise<void> = () => Promise.resolve()) {
    this.watch = new ContentWatch('the file', () => Promise.resolve(this.next()), (content) => {
      this.dealtWith.push(content);
      return deal(content, this.dealtWith.length);
    }, 1);
  }

  /** Plays until every content was seen and what it brought about is over. */
  async play(handled: string): Promise<string[]> {
    const isOver = new Promise<void>((done) => { this.onEnd = done; });
    this.watch.start(handled);
    await isOver;
    await this.watch.stop();
    return this.dealtWith;
  }

  private next(): string {
    const content = this.contents[Math.min(this.index, this.contents.length - 1)]!;
    this.index += 1;
    if (this.index === this.contents.length + 1) this.onEnd!();
    return content;
  }
}

beforeAll(() => Logger.overrideLogger(false));
afterAll(() => Logger.overrideLogger(new Logger()));

describe('a watch over what people edit', () => {
  it.each<[string, string[], string[]]>([
    ['tells of nothing while nothing changes', ['a', 'a', 'a'], []],
    ['tells of a change once', ['a', 'b', 'b', 'b', 'b'], ['b']],
    ['tells of what was handled before when it comes back', ['b', 'b', 'a', 'a', 'a'], ['b', 'a']],
    ['does not tell of what is still being written', ['b', 'bc', 'bcd', 'bcde', 'bcde'], ['bcde']],
    ['does not tell of a change that was taken back before it settled', ['b', 'a', 'b', 'a', 'a', 'a'], []],
  ])('%s', async (_what, contents, expected) => {
    expect(await new Script(contents).play('a')).toEqual(expected);
  });

  it('tries again what could not be dealt with', async () => {
    const script = new Script(['b', 'b', 'b', 'b', 'b', 'b', 'b'], (_content, attempt) => (attempt < 3 ? Promise.reject(new Error('the database is away')) : Promise.resolve()));
    expect(await script.play('a')).toEqual(['b', 'b', 'b']);
  });

  it('ends when it is stopped, after what is under way', async () => {
    let isDone = false;
    const script = new Script(['b', 'b', 'c', 'c', 'c', 'c'], async () => {
      await new Promise((done) => { setTimeout(done, 50); });
      isDone = true;
    });
    script.watch.start('a');
    while (script.dealtWith.length === 0) await new Promise((done) => { setTimeout(done, 1); });
    await script.watch.stop();
    expect(isDone).toBe(true);
    await new Promise((done) => { setTimeout(done, 20); });
    expect(script.dealtWith).toEqual(['b']);
  });
});
