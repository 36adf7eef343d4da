import { promisify } from 'node:util';
import { deflate } from 'node:zlib';
import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { epochSeconds, now, nowDate } from '../../kernel/clock.js';
import { Config } from '../../platform/config/config.js';
import { signCompact } from '../../platform/crypto/jws.js';
import { KeyRing } from '../../platform/crypto/key-ring.service.js';
import { ShortLivedCache } from '../../platform/database/short-lived-cache.js';
import { STATUS_LISTS_PATH } from '../tokens/status-entries.service.js';
import { LIST_BYTES, STATUS_BITS } from './status-bits.js';
import { statusListNotFound, statusListsBehind } from './status-lists.errors.js';

/** At the usual level: the highest one, which the specification recommends, takes ten times as long for a tenth less. */
const compress = promisify(deflate);

/** How old what this node knows of a list's changes may be. */
const FRESH_MS = 100;
/** Names that were asked for, real or not, and lists that are kept written. */
const REMEMBERED = 1000;
const KEPT = 50;
/** How old the first event may be that the lists do not know of yet. */
const LONGEST_BEHIND_MS = 30_000;
/** For how long a list is good at least that was not asked for again. */
const SHORTEST_VALIDITY = 300;
const KEY_DIGITS = 8;
const NAME = /^[\w-]{12}$/;

/** A status list token (draft-ietf-oauth-status-list, "Status List Token") as it is served. */
export interface StatusListToken {
  readonly text: string;
  /** The same on every node for as long as it says the same. */
  readonly tag: string;
}

interface ListState {
  readonly number: string;
  readonly version: string;
}

interface Written extends StatusListToken {
  readonly version: string;
  readonly period: number;
}

/** Writes and signs status lists as they are in the database, when somebody asks for one that has changed. */
@Injectable()
export class StatusLists {
  /** Seconds that verifiers may keep a list before they ask again. */
  readonly maxAge: number;
  private readonly validity: number;
  private readonly states = new ShortLivedCache<ListState>((name) => this.readState(name), { ttlMs: FRESH_MS, capacity: REMEMBERED });
  private readonly written = new Map<string, Promise<Written>>();

  constructor(private readonly dataSource: DataSource, private readonly config: Config, private readonly keyRing: KeyRing) {
    // Lists that name entries of tokens outlive the setting.
    this.maxAge = Math.max(1, config.statusListTtl);
    this.validity = Math.max(SHORTEST_VALIDITY, 2 * this.maxAge);
    keyRing.subscribe(() => this.written.clear());
  }

  /** @throws DomainError `status_list_not_found`, `status_lists_behind` */
  async find(name: string): Promise<StatusListToken> {
    const state = NAME.test(name) ? await this.states.get(name) : undefined;
    if (!state) throw statusListNotFound();
    for (;;) {
      const latest = this.written.get(name);
      const known = await latest;
      if (known && known.period === this.period() && BigInt(known.version) >= BigInt(state.version)) return known;
      // However many ask meanwhile, it is written once.
      if (this.written.get(name) === latest) return this.write(name, state);
    }
  }

  /** The addresses of all lists in which a token can still be (draft-ietf-oauth-status-list, "Status List Aggregation"). */
  async addresses(): Promise<string[]> {
    const rows = await this.dataSource.query<{ name: string }[]>('SELECT name FROM status_lists WHERE ends_at > $1 ORDER BY number', [nowDate()]);
    return rows.map(({ name }) => this.addressOf(name));
  }

  private write(name: string, { number }: ListState): Promise<Written> {
    const text = this.writeNow(name, number);
    this.written.delete(name);
    if (this.written.size >= KEPT) this.written.delete(this.written.keys().next().value!);
    this.written.set(name, text);
    text.catch(() => { if (this.written.get(name) === text) this.written.delete(name); });
    return text;
  }

  private async writeNow(name: string, number: string): Promise<Written> {
    const [row] = await this.dataSource.query<{ statuses: Buffer | null; version: string }[]>('SELECT statuses, version FROM status_lists WHERE number = $1', [number]);
    if (!row) throw statusListNotFound();
    const list = await compress(row.statuses ?? Buffer.alloc(LIST_BYTES));
    const issuedAt = epochSeconds();
    const period = this.period();
    const key = this.keyRing.signingKeys().ES256;
    const text = signCompact({ typ: 'statuslist+jwt' }, {
      iss: this.config.issuer, sub: this.addressOf(name), iat: issuedAt, exp: issuedAt + this.validity, ttl: this.maxAge,
      status_list: { bits: STATUS_BITS, lst: list.toString('base64url'), aggregation_uri: `${this.config.issuer}${STATUS_LISTS_PATH}` },
    }, key);
    return { text, tag: `W/"${row.version}.${period}.${key.kid.slice(0, KEY_DIGITS)}"`, version: row.version, period };
  }

  private async readState(name: string): Promise<ListState | undefined> {
    const [row] = await this.dataSource.query<(ListState & { behind_since: Date | null })[]>(
      `SELECT l.number, l.version, (SELECT e.occurred_at FROM status_progress p JOIN audit_events e ON e.sequence = p.sequence) AS behind_since
       FROM status_lists l WHERE l.name = $1 AND l.ends_at > $2`, [name, nowDate()]);
    if (row?.behind_since && now() - row.behind_since.getTime() > LONGEST_BEHIND_MS) throw statusListsBehind();
    return row;
  }

  /** A list is signed anew, whether or not it has changed, when half of its time is over. */
  private period(): number {
    return Math.floor(epochSeconds() / (this.validity / 2));
  }

  private addressOf(name: string): string {
    return `${this.config.issuer}${STATUS_LISTS_PATH}/${name}`;
  }
}
