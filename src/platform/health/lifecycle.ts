import { Injectable } from '@nestjs/common';

/** Whether this process is on its way out. Set once, by the shutdown. */
@Injectable()
export class Lifecycle {
  private hasBegunToEnd = false;

  get isShuttingDown(): boolean {
    return this.hasBegunToEnd;
  }

  beginShutdown(): void {
    this.hasBegunToEnd = true;
  }
}
