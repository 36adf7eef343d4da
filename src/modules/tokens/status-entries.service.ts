import { randomBytes } from 'node:crypto';
import { Injectable, Logger } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { now, nowDate } from '../../kernel/clock.js';
import { Config } from '../../platform/config/config.js';
import { LIST_SIZE, scatteredOver } from './status-index.js';

export { LIST_SIZE } from './status-index.js';

/** Where the lists are served, below the issuer. */
export const STATUS_LISTS_PATH = '/api/status-lists';

/** The place of one token in a status list (draft-ietf-oauth-status-list, "Referenced Token"). */
export interface StatusEntry {
  /** Its place among the entries of all lists: the number of the list, times `LIST_SIZE`, and the index. */
  readonly entry: number;
  readonly index: number;
  readonly uri: string;
}

/** Entries that this node alone may hand out. */
interface Lease {
  readonly listNumber: number;
  readonly uri: string;
  readonly scatter: (position: number) => number;
  /** The first position that is not handed out yet, and the first behind those leased. */
  next: number;
  readonly end: number;
  /** For how long a token that gets one of them may live. Seconds. */
  readonly longestLife: number;
  /** Milliseconds since the epoch. */
  readonly until: number;
}

/** At full speed a lease lasts for about a second; what a node that ends has left of one is lost. */
const LEASED_AT_ONCE = 4096;
const LEASE_MS = 3600 * 1000;
/** A list takes no more entries after so long, however few it has: then it is over, and gone, a while later. */
const OPEN_MS = 24 * 3600 * 1000;
/** Clocks of nodes differ. */
const SLACK_MS = 60 * 1000;
const SEED_BYTES = 32;
const NAME_BYTES = 9;

/**
 * Gives each JWT access token its place in a status list before it is signed. Nodes lease entries from the list that is open, and
 * hand them out one by one in an order of nobody's knowing (`status-index.ts`), so that a token costs no question to the database.
 */
@Injectable()
export class StatusEntries {
  private readonly logger = new Logger(StatusEntries.name);
  private lease?: Lease;
  /** Fetched ahead, while `lease` still has some. */
  private spare?: Lease;
  private leasing?: Promise<void>;

  constructor(private readonly dataSource: DataSource, private readonly config: Config) {}

  /**
   * An entry for a token; undefined where tokens name no list. A promise only while this node has none at hand, since a promise costs
   * more than the rest. Never wait for it within a transaction: the embedded database has no second connection (`allotIn`).
   *
   * @param lifetime of the token, seconds
   */
  allot(lifetime: number): StatusEntry | undefined | Promise<StatusEntry> {
    if (this.config.statusListTtl === 0) return undefined;
    return this.take(lifetime) ?? this.leaseAndTake(lifetime);
  }

  /** The same within a transaction. An entry that it has to lease there is good for this token alone, and taken back with the transaction. */
  async allotIn(manager: EntityManager, lifetime: number): Promise<StatusEntry | undefined> {
    if (this.config.statusListTtl === 0) return undefined;
    const taken = this.take(lifetime);
    if (taken) return taken;
    const lease = await this.leaseFrom(manager, 1, lifetime);
    return entryAt(lease, lease.next);
  }

  private take(lifetime: number): StatusEntry | undefined {
    const { lease } = this;
    if (lease === undefined || lifetime > lease.longestLife || now() >= lease.until) return undefined;
    const entry = entryAt(lease, lease.next++);
    if (lease.next === lease.end) {
      this.lease = this.spare;
      this.spare = undefined;
    } else if (lease.end - lease.next === LEASED_AT_ONCE / 2) this.leaseAhead(lifetime);
    return entry;
  }

  private async leaseAndTake(lifetime: number): Promise<StatusEntry> {
    for (;;) {
      await (this.leasing ??= this.leaseMore(lifetime, (lease) => { this.lease = lease; }));
      const entry = this.take(lifetime);
      if (entry) return entry;
    }
  }

  private leaseAhead(lifetime: number): void {
    this.leasing ??= this.leaseMore(lifetime, (lease) => {
      // The rest may be gone meanwhile.
      if (this.lease) this.spare = lease;
      else this.lease = lease;
    });
    // Whoever then finds none asks for itself, and is told why there is none.
    this.leasing.catch((error: unknown) => { this.logger.warn(`no entries of a status list could be leased ahead: ${String(error)}`); });
  }

  private async leaseMore(lifetime: number, keep: (lease: Lease) => void): Promise<void> {
    try {
      keep(await this.dataSource.transaction((manager) => this.leaseFrom(manager, LEASED_AT_ONCE, lifetime)));
    } finally {
      this.leasing = undefined;
    }
  }

  /** From the list that is open, or from a new one when that is full or has been open for long enough. */
  private async leaseFrom(manager: EntityManager, count: number, lifetime: number): Promise<Lease> {
    const at = now();
    await manager.query(`SELECT pg_advisory_xact_lock(hashtext('status list'))`);
    const [{ ttl }] = await manager.query<[{ ttl: number | null }]>('SELECT max(access_token_ttl) AS ttl FROM resources');
    const longestLife = Math.max(lifetime, this.config.accessTokenTtl, ttl ?? 0);
    const [[open]] = await manager.query<[LeasedRow[], number]>(
      `UPDATE status_lists SET leased = leased + $1, longest_life = greatest(longest_life, $2), ends_at = opened_at + make_interval(secs => $3 + greatest(longest_life, $2))
       WHERE number = (SELECT max(number) FROM status_lists) AND leased + $1 <= ${LIST_SIZE} AND opened_at > $4 RETURNING ${LEASED}`,
      [count, longestLife, (OPEN_MS + LEASE_MS + SLACK_MS) / 1000, new Date(at - OPEN_MS)]);
    const row = open ?? await this.openList(manager, count, longestLife);
    const first = row.leased - count;
    return {
      listNumber: Number(row.number), uri: `${this.config.issuer}${STATUS_LISTS_PATH}/${row.name}`, scatter: scatteredOver(row.seed), next: first, end: first + count,
      longestLife: row.longest_life, until: at + LEASE_MS,
    };
  }

  private async openList(manager: EntityManager, count: number, longestLife: number): Promise<LeasedRow> {
    // The one before gets no more tokens when the last lease of it is over.
    await manager.query(
      'UPDATE status_lists SET ends_at = least(ends_at, $1::timestamptz + make_interval(secs => longest_life)) WHERE number = (SELECT max(number) FROM status_lists)',
      [new Date(now() + LEASE_MS + SLACK_MS)]);
    const [row] = await manager.query<[LeasedRow]>(
      `INSERT INTO status_lists (name, seed, leased, longest_life, opened_at, ends_at) VALUES ($1, $2, $3, $4, $5, $6) RETURNING ${LEASED}`,
      [randomBytes(NAME_BYTES).toString('base64url'), randomBytes(SEED_BYTES), count, longestLife, nowDate(), new Date(now() + OPEN_MS + LEASE_MS + SLACK_MS + longestLife * 1000)]);
    return row;
  }
}

const LEASED = 'number, name, seed, leased, longest_life';

interface LeasedRow {
  readonly number: string;
  readonly name: string;
  readonly seed: Buffer;
  readonly leased: number;
  readonly longest_life: number;
}

function entryAt({ listNumber, uri, scatter }: Lease, position: number): StatusEntry {
  const index = scatter(position);
  return { entry: listNumber * LIST_SIZE + index, index, uri };
}
