import type { OnApplicationShutdown, OnModuleInit } from '@nestjs/common';
import { createClient } from 'redis';
import { elapsed } from '../../kernel/clock.js';
import type { Log } from '../logging/log.js';
import { Sparingly } from '../logging/sparingly.js';

const CONNECT_TIMEOUT_MS = 2_000;
/** What waits for Redis waits no longer than this: it is an accelerator, and there is always a local answer. */
const ANSWER_TIMEOUT_MS = 250;
/** After it stayed silent once, it is left alone for this long, so that not every request waits in vain. */
const REST_MS = 5_000;
const LONGEST_PAUSE_MS = 5_000;
const ONE_WARNING_PER_MS = 60_000;

type Client = ReturnType<typeof createClient>;

/**
 * The connection to Redis, when one is configured. It is made in the background and made again for as long as the server
 * runs: neither the start nor a request ever waits for it. Losing it is logged once a minute.
 */
export class RedisConnection implements OnModuleInit, OnApplicationShutdown {
  readonly client: Client;
  private readonly troubles = new Sparingly(ONE_WARNING_PER_MS);
  private isLost = false;
  private restsUntil = 0;

  constructor(url: string, private readonly log: Log) {
    this.client = createClient({
      url,
      // A command that cannot be sent now is answered locally; sending it later would only count old attempts twice.
      disableOfflineQueue: true,
      commandsQueueMaxLength: 1_000,
      socket: { connectTimeout: CONNECT_TIMEOUT_MS, reconnectStrategy: (attempts: number) => Math.min(100 * 2 ** attempts, LONGEST_PAUSE_MS) },
    });
    this.client.on('error', (error: unknown) => this.report(error));
    this.client.on('ready', () => this.recover());
  }

  /** Is it worth asking now? */
  get isReady(): boolean {
    return this.client.isReady && elapsed() >= this.restsUntil;
  }

  /**
   * Sends a command and waits for its answer, but not for long: the client's own time limit ends when a command has been sent,
   * and a Redis that is stopped takes commands without ever answering.
   *
   * @throws Error when it does not answer
   */
  async ask<T>(command: (client: Client) => Promise<T>): Promise<T> {
    if (!this.client.isReady) throw new Error('not connected to Redis');
    let timer: NodeJS.Timeout | undefined;
    const silence = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`Redis did not answer within ${ANSWER_TIMEOUT_MS} ms`)), ANSWER_TIMEOUT_MS);
    });
    const answer = command(this.client);
    answer.catch(() => undefined);
    try {
      const result = await Promise.race([answer, silence]);
      this.recover();
      return result;
    } catch (error) {
      this.restsUntil = elapsed() + REST_MS;
      this.report(error);
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  onModuleInit(): void {
    // Rejects only when the client is closed before it ever connected; every failed attempt before that is an 'error' event.
    this.client.connect().catch((error: unknown) => this.log.debug({ err: error }, 'the connection to Redis was given up'));
  }

  onApplicationShutdown(): void {
    if (this.client.isOpen) this.client.destroy();
  }

  private report(error: unknown): void {
    this.isLost = true;
    const unsaid = this.troubles.admit();
    if (unsaid !== undefined) this.log.warn({ err: error, more_since_last: unsaid }, 'Redis does not answer; this node limits by itself, more strictly');
  }

  private recover(): void {
    if (!this.isLost) return;
    this.isLost = false;
    this.restsUntil = 0;
    this.log.info('Redis answers again');
  }
}
