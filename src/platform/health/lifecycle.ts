import { Injectable } from '@nestjs/common';

/** Whether this process is on its way out. Set once, by the shutdown. */
@Injectable()
export class Lifecycle {
  private hasBegunToEnd = false;
  private readonly listeners: (() => void)[] = [];

  get isShuttingDown(): boolean {
    return this.hasBegunToEnd;
  }

  /** For answers that would otherwise go on for ever: they have to end before the server waits for what is under way. */
  onShutdown(listener: () => void): void {
    this.listeners.push(listener);
  }

  beginShutdown(): void {
    this.hasBegunToEnd = true;
    for (const listener of this.listeners) listener();
  }
}
