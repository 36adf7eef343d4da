import { Injectable, Logger, type BeforeApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { now } from '../../kernel/clock.js';

const FLUSH_MS = 30_000;
/** Rows of one statement; what is above waits for the next. */
const MOST_A_FLUSH = 2000;
/** What is used beyond this many clients and secrets between two flushes is not noted: it is a convenience, not a record. */
const MOST_PENDING = 20_000;

interface Use {
  readonly secretId: string | null;
  readonly clientId: string;
  readonly at: number;
}

/** Notes when clients and their secrets were last used, in memory, and writes it down now and then: never while a request waits. */
@Injectable()
export class SecretUsage implements OnModuleInit, BeforeApplicationShutdown {
  private readonly logger = new Logger(SecretUsage.name);
  private readonly pending = new Map<string, Use>();
  private timer?: NodeJS.Timeout;

  constructor(private readonly dataSource: DataSource) {}

  onModuleInit(): void {
    this.timer = setInterval(() => { void this.flush(); }, FLUSH_MS).unref();
  }

  async beforeApplicationShutdown(): Promise<void> {
    clearInterval(this.timer);
    await this.flush();
  }

  /** @param secretId undefined when the client authenticated in another way */
  touch(secretId: string | undefined, clientId: string): void {
    const key = secretId ?? clientId;
    if (this.pending.size >= MOST_PENDING && !this.pending.has(key)) return;
    this.pending.set(key, { secretId: secretId ?? null, clientId, at: now() });
  }

  /** Writes what is noted. Rows that somebody is changing just now are skipped rather than waited for. */
  async flush(): Promise<void> {
    const batch = [...this.pending].slice(0, MOST_A_FLUSH);
    if (batch.length === 0) return;
    for (const [key] of batch) this.pending.delete(key);
    const uses = batch.map(([, use]) => use);
    try {
      await this.dataSource.query(
        `WITH used AS (SELECT * FROM unnest($1::uuid[], $2::text[], $3::timestamptz[]) AS u (secret_id, client_id, at)),
           secrets AS (
             UPDATE client_secrets s SET last_used_at = greatest(s.last_used_at, used.at) FROM used
             WHERE s.id = used.secret_id AND s.id IN (SELECT id FROM client_secrets WHERE id = ANY ($1) ORDER BY id FOR NO KEY UPDATE SKIP LOCKED))
         UPDATE clients c SET last_used_at = greatest(c.last_used_at, latest.at)
         FROM (SELECT client_id, max(at) AS at FROM used GROUP BY client_id) latest
         WHERE c.id = latest.client_id AND c.id IN (SELECT id FROM clients WHERE id = ANY ($2) ORDER BY id FOR NO KEY UPDATE SKIP LOCKED)`,
        [uses.map(({ secretId }) => secretId), uses.map(({ clientId }) => clientId), uses.map(({ at }) => new Date(at))],
      );
    } catch (error) {
      this.logger.warn(`when secrets were last used could not be written down: ${String(error)}`);
      for (const [key, use] of batch) if (!this.pending.has(key)) this.pending.set(key, use);
    }
  }
}
