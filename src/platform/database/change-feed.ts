import { Inject, Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import type { Client } from 'pg';
import { Config } from '../config/config.js';
import { answeringWithin } from './answering-client.js';
import { EMBEDDED_DATABASE } from './embedded-database.token.js';
import type { EmbeddedDatabase } from './embedded-database.js';

const CHANNEL = 'legate_changed';
const RECONNECT_MS = 500;
/** On a connection where nothing is asked, silence is noticed by the operating system alone, which by itself waits for two hours. */
const KEEP_ALIVE_MS = 10_000;

/** `kind` of thing that changed and its id; `*` for both when anything may have changed unseen. */
export type ChangeListener = (kind: string, id: string) => void;

/**
 * Tells every node what changed on any of them (LISTEN/NOTIFY), so that caches drop it. Delivery is an accelerator:
 * caches also expire by themselves within a second, and after a lost connection everything counts as changed.
 */
@Injectable()
export class ChangeFeed implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger(ChangeFeed.name);
  private readonly listeners = new Set<ChangeListener>();
  private client?: Client;
  private isConnected = true;
  private retry?: NodeJS.Timeout;
  private isClosed = false;

  constructor(private readonly config: Config, @Inject(EMBEDDED_DATABASE) private readonly embedded: EmbeddedDatabase | null) {}

  subscribe(listener: ChangeListener): void {
    this.listeners.add(listener);
  }

  async onApplicationBootstrap(): Promise<void> {
    if (this.embedded) await this.embedded.instance.listen(CHANNEL, (payload) => this.deliver(payload));
    else await this.connect();
  }

  async onApplicationShutdown(): Promise<void> {
    this.isClosed = true;
    clearTimeout(this.retry);
    await this.client?.end().catch(() => undefined);
  }

  private async connect(): Promise<void> {
    const timeout = this.config.databaseTimeoutMs;
    const client = new (answeringWithin(timeout))({
      connectionString: this.config.databaseUrl, application_name: 'legate-changes', connectionTimeoutMillis: timeout, keepAlive: true, keepAliveInitialDelayMillis: KEEP_ALIVE_MS,
    });
    let isLost = false;
    const lost = (error?: Error) => {
      if (isLost || this.isClosed) return;
      isLost = true;
      // Once for each outage, not for each attempt.
      if (this.isConnected) this.logger.warn(`the change feed lost its connection and tries to get it back: ${error?.message ?? 'closed'}`);
      this.isConnected = false;
      client.end().catch(() => undefined);
      this.retry = setTimeout(() => { void this.connect(); }, RECONNECT_MS);
    };
    client.on('error', lost);
    client.on('end', () => lost());
    client.on('notification', ({ payload }) => this.deliver(payload ?? ''));
    try {
      await client.connect();
      await client.query(`LISTEN ${CHANNEL}`);
      this.client = client;
      if (!this.isConnected) this.logger.log('the change feed has its connection back');
      this.isConnected = true;
      this.deliver('*:*');
    } catch (error) {
      lost(error as Error);
    }
  }

  private deliver(payload: string): void {
    const colon = payload.indexOf(':');
    const kind = payload.slice(0, colon);
    const id = payload.slice(colon + 1);
    for (const listener of this.listeners) {
      try {
        listener(kind, id);
      } catch (error) {
        this.logger.error('a change listener failed', error as Error);
      }
    }
  }
}
