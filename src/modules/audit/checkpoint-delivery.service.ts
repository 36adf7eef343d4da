import { Injectable, Logger, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { AwsClient } from 'aws4fetch';
import { DataSource } from 'typeorm';
import { Config } from '../../platform/config/config.js';
import { Sparingly } from '../../platform/logging/sparingly.js';
import { AuditKeys } from './audit-keys.service.js';
import { CheckpointFile } from './checkpoint-file.service.js';
import { Checkpoints, type StoredCheckpoint } from './checkpoints.service.js';

const LOOK_EVERY_MS = 1000;
const LONGEST_PAUSE_MS = 60_000;
const PAGE = 100;
const TIMEOUT_MS = 10_000;

interface Destination {
  readonly name: string;
  send(checkpoint: StoredCheckpoint): Promise<void>;
}

/**
 * Brings every checkpoint out of the database: into this node's file, and to a webhook and an object store. In order, at least
 * once, and again for as long as it takes: what arrived is kept in the database, or seen in the file itself. Never inside a transaction.
 */
@Injectable()
export class CheckpointDelivery implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger(CheckpointDelivery.name);
  private readonly destinations: readonly Destination[];
  private readonly warnings = new Map<string, Sparingly>();
  private readonly timers = new Map<string, NodeJS.Timeout>();
  private readonly running = new Set<Promise<void>>();
  private isClosed = false;
  /** The file as it was left: its last checkpoint, and its length. */
  private inFile: { readonly size?: number; readonly bytes: number } = { bytes: -1 };

  constructor(
    config: Config,
    private readonly dataSource: DataSource,
    private readonly checkpoints: Checkpoints,
    private readonly keys: AuditKeys,
    private readonly file: CheckpointFile,
  ) {
    this.destinations = [
      ...(config.auditWebhook ? [webhook(config.auditWebhook)] : []),
      ...(config.auditObjects ? [objectStore(config.auditObjects)] : []),
    ];
  }

  onApplicationBootstrap(): void {
    this.repeat(this.file.path, () => this.deliverToFile());
    for (const destination of this.destinations) this.repeat(destination.name, () => this.deliver(destination));
  }

  /** Lets what is under way arrive, while the database is still there. */
  async beforeApplicationShutdown(): Promise<void> {
    this.isClosed = true;
    for (const timer of this.timers.values()) clearTimeout(timer);
    await Promise.all(this.running);
  }

  /** Appends what the file has not yet. @returns whether there is more */
  async deliverToFile(): Promise<boolean> {
    const latest = await this.checkpoints.latest();
    // Most looks find nothing new on either side.
    if (latest?.size === this.inFile.size && await this.file.bytes() === this.inFile.bytes) return false;
    const last = await this.file.latest(await this.keys.verifiers());
    const next = await this.checkpoints.after(last?.size ?? 0, PAGE);
    if (next.length > 0) await this.file.append(next.map(({ note }) => note));
    this.inFile = { size: next.at(-1)?.size ?? last?.size, bytes: await this.file.bytes() };
    return next.length === PAGE;
  }

  private async deliver({ name, send }: Destination): Promise<boolean> {
    const size = await this.lease(name);
    if (size === undefined) return false;
    let arrived = size;
    try {
      const next = await this.checkpoints.after(size, PAGE);
      for (const checkpoint of next) {
        if (this.isClosed) break;
        await send(checkpoint);
        arrived = checkpoint.size;
      }
      return next.length === PAGE;
    } finally {
      await this.dataSource.query('UPDATE audit_deliveries SET size = greatest(size, $2), leased_until = now() WHERE destination = $1', [name, arrived]);
    }
  }

  /** One node at a time sends to a destination. @returns what arrived there; undefined when another is at it */
  private async lease(name: string): Promise<number | undefined> {
    const [leased] = await this.dataSource.query<{ size: string }[]>(
      `INSERT INTO audit_deliveries AS known (destination, leased_until) VALUES ($1, now() + interval '30 minutes')
       ON CONFLICT (destination) DO UPDATE SET leased_until = excluded.leased_until WHERE known.leased_until <= now() RETURNING size`, [name]);
    return leased && Number(leased.size);
  }

  private repeat(name: string, work: () => Promise<boolean>, pause = LOOK_EVERY_MS): void {
    if (this.isClosed) return;
    this.timers.set(name, setTimeout(() => {
      const turn = this.turn(name, work, pause).finally(() => this.running.delete(turn));
      this.running.add(turn);
    }, pause).unref());
  }

  private async turn(name: string, work: () => Promise<boolean>, pause: number): Promise<void> {
    let next = LOOK_EVERY_MS;
    try {
      while (!this.isClosed && await work());
    } catch (error) {
      next = Math.min(LONGEST_PAUSE_MS, 2 * pause);
      const warnings = this.warnings.get(name) ?? new Sparingly(60_000);
      this.warnings.set(name, warnings);
      if (warnings.admit() !== undefined) this.logger.error(`checkpoints of the audit log do not reach ${name}, and are sent again: ${reasonOf(error)}`);
    }
    this.repeat(name, work, next);
  }
}

function webhook({ url, token }: NonNullable<Config['auditWebhook']>): Destination {
  return {
    name: url,
    send: async ({ note }) => {
      const headers = { 'content-type': 'text/plain; charset=utf-8', ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) };
      await mustSucceed(await fetch(url, { method: 'POST', headers, body: note, redirect: 'error', signal: AbortSignal.timeout(TIMEOUT_MS) }));
    },
  };
}

/** One object for each checkpoint. Its name sorts as its size does, and the same checkpoint always has the same. */
function objectStore({ url, region, accessKeyId, secretAccessKey }: NonNullable<Config['auditObjects']>): Destination {
  const client = accessKeyId !== undefined && secretAccessKey !== undefined ? new AwsClient({ accessKeyId, secretAccessKey, region, service: 's3', retries: 0 }) : undefined;
  return {
    name: url,
    send: async ({ size, note }) => {
      const target = `${url.replace(/\/$/, '')}/checkpoint-${String(size).padStart(16, '0')}`;
      const request = { method: 'PUT', headers: { 'content-type': 'text/plain; charset=utf-8' }, body: note, redirect: 'error', signal: AbortSignal.timeout(TIMEOUT_MS) } as const;
      await mustSucceed(await (client ? client.fetch(target, request) : fetch(target, request)));
    },
  };
}

async function mustSucceed(response: Response): Promise<void> {
  // Read to the end, so that the connection can be used again.
  await response.arrayBuffer();
  if (!response.ok) throw new Error(`it answered ${response.status}`);
}

/** fetch says "fetch failed" and nothing more; what failed is in the cause. */
function reasonOf(error: unknown): string {
  return error instanceof Error && error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : String(error);
}
