import { setImmediate as nextTurn } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { nowDate } from '../../kernel/clock.js';
import { AuditKeys } from './audit-keys.service.js';
import type { StoredCheckpoint } from './checkpoints.service.js';
import { csvHeader, csvRow } from './csv-row.js';
import { auditLogIncomplete } from './audit.errors.js';
import { checkpointLine, EXPORT_FORMAT, eventLine, headerLine, hiddenLine } from './export-format.js';
import { HASH_BYTES, leafHashes } from './leaf-hashes.js';
import type { LogReach } from './logged-event.js';
import { LogHashes } from './log-hashes.service.js';
import { EMPTY_FRONTIER, extend, rootHash } from './merkle-log.js';
import type { Subtree } from './merkle-proof.js';

/** Events read at a time. A power of two, so that what is hidden in one page is never more than one subtree. */
const PAGE = 4096;

interface Row {
  readonly sequence: string;
  readonly leaf_hash: Buffer;
  /** Null for an event that is none of the reader's business, or was not to be kept any longer. */
  readonly body: string | null;
}

/** Writes the log out as text, page by page, while others go on writing it: what has a sequence number never changes. */
@Injectable()
export class LogExport {
  constructor(private readonly dataSource: DataSource, private readonly hashes: LogHashes, private readonly keys: AuditKeys) {}

  /**
   * The export that `legate audit verify` reads: lines with their line feeds, in pieces.
   *
   * @param after how many events the reader has already
   * @throws DomainError `audit_log_incomplete`
   */
  async *verifiable(reach: LogReach, checkpoint: StoredCheckpoint, after = 0): AsyncGenerator<string> {
    yield `${headerLine({
      format: EXPORT_FORMAT, origin: this.keys.origin, organization_id: reach === 'all' ? null : reach.organizationId,
      first: after, frontier: (await this.hashes.frontierAt(after)).hashes, size: checkpoint.size, exported_at: nowDate().toISOString(),
    })}\n`;
    for await (const page of this.pages(reach, after, checkpoint.size)) yield linesOf(page);
    yield `${checkpointLine(checkpoint.note)}\n`;
  }

  /** The same events as a table for people and spreadsheets (RFC 4180). It proves nothing. */
  async *table(reach: LogReach, size: number, after = 0): AsyncGenerator<string> {
    yield csvHeader();
    for await (const page of this.pages(reach, after, size)) {
      yield page.map(({ sequence, body }) => (body === null ? '' : csvRow(Number(sequence), body))).join('');
    }
  }

  private async *pages(reach: LogReach, start: number, end: number): AsyncGenerator<Row[]> {
    const organizationId = reach === 'all' ? null : reach.organizationId;
    for (let from = start; from < end;) {
      const to = Math.min(end, (Math.floor(from / PAGE) + 1) * PAGE);
      const page = await this.dataSource.query<Row[]>(
        `SELECT sequence, leaf_hash, CASE WHEN $3::uuid IS NULL OR organization_id = $3 THEN body END AS body
         FROM audit_events WHERE sequence >= $1 AND sequence < $2 ORDER BY sequence`, [from, to, organizationId]);
      const first = page.length === 0 ? to : Number(page[0]!.sequence);
      if (page.length < to - first) throw auditLogIncomplete(`events between ${first} and ${to} are missing`);
      yield first === from ? page : [...await this.left(from, first), ...page];
      from = to;
      // The embedded database answers without letting requests in between.
      await nextTurn();
    }
  }

  /** What events left behind whose piece of the log went. */
  private async left(from: number, to: number): Promise<Row[]> {
    const hashes = await leafHashes(this.dataSource, from, to);
    if (hashes.length < (to - from) * HASH_BYTES) throw auditLogIncomplete(`hashes between ${from} and ${to} are missing`);
    return Array.from({ length: to - from }, (_, at) => ({ sequence: String(from + at), leaf_hash: hashes.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES), body: null }));
  }
}

function linesOf(page: readonly Row[]): string {
  let text = '';
  for (let at = 0; at < page.length;) {
    const { sequence, leaf_hash: hash, body } = page[at]!;
    if (body !== null) {
      text += `${eventLine(Number(sequence), hash.toString('base64'), body)}\n`;
      at += 1;
      continue;
    }
    const { subtree, count } = largestHidden(page, at);
    const leaves = page.slice(at, at + count).map((row) => row.leaf_hash.toString('base64'));
    text += `${hiddenLine(subtree, rootHash(extend(EMPTY_FRONTIER, leaves)))}\n`;
    at += count;
  }
  return text;
}

/** The largest perfect subtree that begins here and hides nothing but what is hidden. */
function largestHidden(page: readonly Row[], at: number): { subtree: Subtree; count: number } {
  const sequence = Number(page[at]!.sequence);
  let run = 1;
  while (at + run < page.length && page[at + run]!.body === null) run += 1;
  let level = 0;
  while (sequence % 2 ** (level + 1) === 0 && 2 ** (level + 1) <= run) level += 1;
  return { subtree: { level, index: sequence / 2 ** level }, count: 2 ** level };
}
