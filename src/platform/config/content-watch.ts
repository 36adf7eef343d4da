import { Logger } from '@nestjs/common';
import { Sparingly } from '../logging/sparingly.js';

const REPEAT_WARNING_MS = 60_000;

/**
 * Watches what people edit while the server runs. It looks now and then instead of listening for file events: editors replace
 * files, mounts of Kubernetes swap links, and shared folders tell nobody.
 *
 * A change counts once two looks in a row have seen the same, so what is being written is not taken for what was meant. What
 * cannot be dealt with now is dealt with at a later look.
 */
export class ContentWatch {
  private readonly logger = new Logger(ContentWatch.name);
  private readonly warnings = new Sparingly(REPEAT_WARNING_MS);
  private handled = '';
  private seen = '';
  private timer?: NodeJS.Timeout;
  private looking?: Promise<void>;

  /**
   * @param name for the log
   * @param look tells the content as text; whatever differs in it is a change
   * @param changed deals with new content; when it rejects it is called again
   */
  constructor(
    private readonly name: string,
    private readonly look: () => Promise<string>,
    private readonly changed: (content: string) => Promise<void>,
    private readonly everyMs: number,
  ) {}

  /** @param handled the content that has been dealt with already */
  start(handled: string): void {
    this.handled = this.seen = handled;
    this.wait();
  }

  /** Looks no more, and waits for what is under way. */
  async stop(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    await this.looking;
  }

  private wait(): void {
    const timer = setTimeout(() => {
      this.looking = this.turn().finally(() => { if (this.timer === timer) this.wait(); });
    }, this.everyMs).unref();
    this.timer = timer;
  }

  private async turn(): Promise<void> {
    try {
      const content = await this.look();
      const isSettled = content === this.seen;
      this.seen = content;
      if (!isSettled || content === this.handled) return;
      await this.changed(content);
      this.handled = content;
    } catch (error) {
      const held = this.warnings.admit();
      if (held !== undefined) this.logger.warn(`${this.name} changed, which could not be dealt with yet and will be tried again: ${String(error)}`);
    }
  }
}
