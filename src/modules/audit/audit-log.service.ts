import { setImmediate as nextTurn } from 'node:timers/promises';
import { Injectable, Logger } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { DomainError } from '../../kernel/domain-error.js';
import { DatabasePool } from '../../platform/database/database-pool.js';
import { isDatabaseUnavailable } from '../../platform/database/database-unavailable.js';
import type { AuditEvent } from './audit-event.js';
import { auditRecord, columnsOf, type AuditRecord } from './audit-record.js';
import { coverLog } from './audit-partitions.js';
import { auditOverloaded, auditUnavailable, rowRefused } from './audit.errors.js';
import { extend, type Frontier } from './merkle-log.js';

const BATCH_LIMIT = 256;
const QUEUE_LIMIT = 10_000;

/** A table whose rows exist only together with their audit events. */
export interface CompanionTable {
  readonly name: string;
  /** SQL of those columns that a new row may have. */
  readonly columns: string;
  /**
   * A `SELECT position, reason` of those rows that may not come to be, as the database stands. It finds the rows in the relation
   * `given`, which has the columns of the table and `ordinality`, the position, counted from 1.
   */
  readonly refusals: string;
}

/** A row of the companion table, under its column names. */
export type CompanionRow = Readonly<Record<string, unknown>>;

interface Entry {
  readonly record: AuditRecord;
  readonly row?: CompanionRow;
  readonly meanwhile?: () => void;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Why an entry may not come to be, by its place among those given. */
interface Refusal {
  readonly index: number;
  readonly reason: string;
}

export interface CommitObserver {
  (batch: { size: number; milliseconds: number; wasContended: boolean }): void;
}

/**
 * The append-only log, and the writer that everything durable and hot goes through (group commit).
 *
 * 1. Requests in flight put their event, and the row that must exist with it, on a queue.
 * 2. One batch at a time takes up to 256 of them, extends the Merkle frontier and sends one statement.
 * 3. That statement moves the head row on from exactly the size that the frontier was computed for. When another node,
 *    or a transaction of ours, has moved it since, it changes nothing, and the batch goes again under the head's lock.
 * 4. Each request resolves when its batch is durable.
 *
 * The head is also the fence of every revocation: whatever ends a token appends an event, so it moves the head, so a row
 * that was checked before it cannot slip in after it. See docs/decisions/0001-the-audit-head-is-the-fence.md.
 */
@Injectable()
export class AuditLog {
  private readonly logger = new Logger(AuditLog.name);
  private readonly queue: Entry[] = [];
  private isFlushing = false;
  /** The head as we left it: a guess, whose size and hashes the statement checks (a transaction that rolled back may have spoilt it). */
  private head?: Frontier;
  /** The log has pieces for the events before this number, as far as we know. */
  private covered = 0;
  private companion?: CompanionTable;
  private optimisticStatement = '';
  private observer?: CommitObserver;
  private readonly recordedRefusals = new WeakSet<object>();

  constructor(private readonly dataSource: DataSource, private readonly database: DatabasePool) {}

  /** Names the one table whose rows are committed with their events. */
  useCompanion(companion: CompanionTable): void {
    this.companion = companion;
    this.optimisticStatement = optimisticStatement(companion);
  }

  observeCommits(observer: CommitObserver): void {
    this.observer = observer;
  }

  /**
   * Records facts that stand alone (refusals, sign-ins). Resolves when they are durable.
   * @throws DomainError `audit_unavailable`, `audit_overloaded`
   */
  async record(...events: AuditEvent[]): Promise<void> {
    await Promise.all(events.map((event) => this.enqueue(event)));
  }

  /**
   * Records a refusal under a name of its own, for a request that then ends with this error: what records the refusals of all
   * requests leaves it alone.
   * @throws the error; DomainError `audit_unavailable`, `audit_overloaded` instead of it
   */
  async recordRefusal(event: Omit<AuditEvent, 'outcome'>, error: Error): Promise<never> {
    await this.record({ ...event, outcome: 'refused' });
    this.noteRecorded(error);
    throw error;
  }

  /** Notes that a refusal is on record, be it as one of many. */
  noteRecorded(error: Error): void {
    this.recordedRefusals.add(error);
  }

  /** Is this refusal on record already? */
  hasRecorded(error: unknown): boolean {
    return typeof error === 'object' && error !== null && this.recordedRefusals.has(error);
  }

  /**
   * Makes a row of the companion table come to be together with its event, or neither.
   *
   * @param meanwhile what is left to do before this resolves, and needs no waiting for it: it is done while the database writes, for
   *   all requests of a batch in a row. What it throws this rejects with; the row has come to be all the same
   * @throws DomainError `row_refused` with the reason in `details.reason`; `audit_unavailable`, `audit_overloaded`
   */
  commit(event: AuditEvent, row: CompanionRow, meanwhile?: () => void): Promise<void> {
    return this.enqueue(event, row, meanwhile);
  }

  /**
   * Records facts inside the caller's transaction. Call it last: it holds the head until that transaction ends.
   * @throws DomainError `audit_unavailable`
   */
  async recordIn(manager: EntityManager, ...events: AuditEvent[]): Promise<void> {
    await this.appendUnderLock(manager, events.map((event) => ({ record: auditRecord(event) })));
  }

  /**
   * Rows and events inside the caller's transaction, last of all. Every row is checked after the head is locked.
   * @throws DomainError `row_refused` for the first that may not come to be; `audit_unavailable`
   */
  async commitIn(manager: EntityManager, entries: readonly { event: AuditEvent; row?: CompanionRow }[]): Promise<void> {
    const { refusals: [refusal] } = await this.appendUnderLock(manager, entries.map(({ event, row }) => ({ record: auditRecord(event), row })), { allOrNothing: true });
    if (refusal) throw rowRefused(refusal.reason);
  }

  private enqueue(event: AuditEvent, row?: CompanionRow, meanwhile?: () => void): Promise<void> {
    if (this.queue.length >= QUEUE_LIMIT) return Promise.reject(auditOverloaded());
    return new Promise((resolve, reject) => {
      this.queue.push({ record: auditRecord(event), row, meanwhile, resolve, reject });
      if (this.isFlushing) return;
      this.isFlushing = true;
      // The rest of this turn's requests get to join the batch.
      setImmediate(() => { void this.flush(); });
    });
  }

  private async flush(): Promise<void> {
    while (this.queue.length > 0) {
      const batch = this.queue.splice(0, BATCH_LIMIT);
      const started = performance.now();
      let wasContended = false;
      try {
        const [isAppended] = await Promise.all([this.appendOptimistically(batch), doMeanwhile(batch)]);
        if (!isAppended) {
          wasContended = true;
          await this.appendContended(batch);
        } else {
          for (const entry of batch) entry.resolve();
        }
      } catch (cause) {
        this.head = undefined;
        this.covered = 0;
        // Whoever waited behind a batch that a lost database refused has waited long enough: the next one would take as long.
        const refused = isDatabaseUnavailable(cause) ? [...batch, ...this.queue.splice(0)] : batch;
        this.logger.error(`${refused.length} audit events could not be written: ${String(cause)}`);
        for (const entry of refused) entry.reject(cause instanceof DomainError ? cause : auditUnavailable(cause));
      }
      this.observer?.({ size: batch.length, milliseconds: performance.now() - started, wasContended });
    }
    this.isFlushing = false;
  }

  /** One round trip. Answers false when the head was not where we thought, or a row may not come to be; nothing is written then. */
  private async appendOptimistically(batch: readonly Entry[]): Promise<boolean> {
    if (!this.head || !this.companion) return false;
    const next = extend(this.head, batch.map((entry) => entry.record.leafHash));
    if (next.size > this.covered) return false;
    const rows = batch.filter((entry) => entry.row);
    const { rowCount } = await this.database.pool.query({
      name: 'audit-append',
      text: this.optimisticStatement,
      values: [
        rows.length === 0 ? '[]' : JSON.stringify(rows.map((entry) => entry.row)),
        this.head.size, next.size, next.hashes, this.head.hashes, ...columnsOf(batch.map((entry) => entry.record)),
      ],
    });
    if (rowCount !== batch.length) return false;
    this.head = next;
    return true;
  }

  private async appendContended(batch: readonly Entry[]): Promise<void> {
    const { refusals, covered } = await this.dataSource.transaction((manager) => this.appendUnderLock(manager, batch));
    this.covered = covered;
    const reasonOf = new Map(refusals.map(({ index, reason }) => [index, reason]));
    batch.forEach((entry, index) => {
      const reason = reasonOf.get(index);
      if (reason) entry.reject(rowRefused(reason));
      else entry.resolve();
    });
  }

  /** Locks the head, checks the rows as the database stands then, and appends those that may come to be. */
  private async appendUnderLock(
    manager: EntityManager, entries: readonly Pick<Entry, 'record' | 'row'>[], { allOrNothing = false } = {},
  ): Promise<{ refusals: Refusal[]; covered: number }> {
    const [head] = await manager.query<{ size: string; frontier: string[] }[]>(`SELECT size, frontier FROM audit_heads WHERE log = 'main' FOR UPDATE`);
    if (!head) throw auditUnavailable(new Error('the head row of the audit log is missing'));

    // A new statement, hence a new snapshot: it sees everything that was revoked before the lock was ours.
    const refusals = await this.refusalsOf(manager, entries);
    if (allOrNothing && refusals.length > 0) return { refusals, covered: this.covered };
    const refused = new Set(refusals.map(({ index }) => index));
    const accepted = entries.filter((_, index) => !refused.has(index));
    if (accepted.length === 0) return { refusals, covered: this.covered };

    const size = Number(head.size);
    const next = extend({ size, hashes: head.frontier }, accepted.map((entry) => entry.record.leafHash));
    const covered = next.size > this.covered ? await coverLog(manager, next.size) : this.covered;
    const rows = accepted.filter((entry) => entry.row).map((entry) => entry.row);
    if (rows.length > 0) await manager.query(`WITH ${given(this.companion!)} ${insertGiven(this.companion!)}`, [JSON.stringify(rows)]);
    try {
      await manager.query(APPEND, [size, next.size, next.hashes, ...columnsOf(accepted.map((entry) => entry.record))]);
    } catch (cause) {
      throw isDatabaseUnavailable(cause) ? cause : auditUnavailable(cause);
    }
    this.head = next;
    return { refusals, covered };
  }

  private async refusalsOf(manager: EntityManager, entries: readonly Pick<Entry, 'row'>[]): Promise<Refusal[]> {
    const indexes = entries.flatMap((entry, index) => (entry.row ? [index] : []));
    if (indexes.length === 0) return [];
    if (!this.companion) throw new TypeError('no companion table was named');
    const found = await manager.query<{ position: string; reason: string }[]>(`WITH ${given(this.companion)} ${this.companion.refusals}`, [JSON.stringify(indexes.map((index) => entries[index]!.row))]);
    return found.map(({ position, reason }) => ({ index: indexes[Number(position) - 1]!, reason }));
  }
}

/** The rows, from a JSON array in `$1`. */
function given({ name }: CompanionTable): string {
  return `given AS MATERIALIZED (SELECT * FROM ROWS FROM (json_populate_recordset(NULL::${name}, $1::json)) WITH ORDINALITY)`;
}

function insertGiven({ name, columns }: CompanionTable): string {
  return `INSERT INTO ${name} (${columns}) SELECT ${columns} FROM given`;
}

/** @param base number of the parameter with the sequence number of the first event; `columnsOf` them in those from `columns` on */
function insertEvents(base: number, columns: number): string {
  const [id, organization, type, outcome, time, task, leaf, bodies] = Array.from({ length: 8 }, (_, at) => `$${columns + at}`);
  return `INSERT INTO audit_events (sequence, event_id, organization_id, type, outcome, occurred_at, task_id, leaf_hash, body)
  SELECT $${base}::bigint + position - 1, event_id, organization_id, type, outcome, occurred_at, task_id, decode(leaf_hash, 'base64'), body
  FROM unnest(${id}::uuid[], ${organization}::uuid[], ${type}::text[], ${outcome}::text[], ${time}::timestamptz[], ${task}::uuid[], ${leaf}::text[], string_to_array(${bodies}, E'\\n'))
    WITH ORDINALITY AS event (event_id, organization_id, type, outcome, occurred_at, task_id, leaf_hash, body, position)`;
}

/** In one question: everybody else who writes waits for its answer. */
const APPEND = `WITH moved AS (UPDATE audit_heads SET size = $2, frontier = $3 WHERE log = 'main') ${insertEvents(1, 4)}`;

/** The statement leaves at the end of this turn: the database has it by the next one. */
async function doMeanwhile(batch: readonly Entry[]): Promise<void> {
  await nextTurn();
  for (const { meanwhile, reject } of batch) {
    try {
      meanwhile?.();
    } catch (error) {
      reject(error);
    }
  }
}

function optimisticStatement(companion: CompanionTable): string {
  return `WITH ${given(companion)},
    refused AS (${companion.refusals}),
    head AS (
      UPDATE audit_heads SET size = $3, frontier = $4
      WHERE log = 'main' AND size = $2 AND frontier = $5 AND NOT EXISTS (SELECT FROM refused)
      RETURNING size
    ),
    companions AS (${insertGiven(companion)} WHERE EXISTS (SELECT FROM head))
    ${insertEvents(2, 6)} WHERE EXISTS (SELECT FROM head)`;
}
