import { Readable } from 'node:stream';
import { Injectable } from '@nestjs/common';
import { MasterKey } from '../../platform/crypto/master-key.js';
import type { Caller } from '../../platform/http/caller.js';
import { pageOf, pageStart, type Page, type PageQuery } from '../../platform/http/page.js';
import { doneBy } from '../audit/audit-event.js';
import { AuditLog } from '../audit/audit-log.service.js';
import { AuditSearch } from '../audit/audit-search.service.js';
import { noCheckpoint, sizeOutOfRange } from '../audit/audit.errors.js';
import { Checkpoints, type StoredCheckpoint } from '../audit/checkpoints.service.js';
import { LogExport } from '../audit/log-export.service.js';
import { LogProofs, type ConsistencyProof, type InclusionProof } from '../audit/log-proofs.service.js';
import { reachOf } from './audit-reading.service.js';

export type ExportFileFormat = 'ndjson' | 'csv';

const LIST = 'audit-checkpoints';

/** One event, by its sequence number or its id. */
export type EventName = { readonly sequence: number } | { readonly id: string };

/** What the log proves, for those who read it: each organization its own events, platform administrators all. */
@Injectable()
export class AuditEvidence {
  private readonly cursorKey: Buffer;

  constructor(
    private readonly checkpoints: Checkpoints,
    private readonly proofs: LogProofs,
    private readonly exports: LogExport,
    private readonly audit: AuditLog,
    private readonly search: AuditSearch,
    masterKey: MasterKey,
  ) {
    this.cursorKey = masterKey.derive('list-cursor');
  }

  /** The newest first. @throws DomainError `invalid_cursor` */
  async list(page: PageQuery): Promise<Page<StoredCheckpoint>> {
    const { limit, after } = pageStart(page, LIST, this.cursorKey);
    const rows = await this.checkpoints.list(limit + 1, after === undefined ? undefined : Number(after));
    return pageOf(rows, limit, LIST, ({ size }) => String(size), this.cursorKey);
  }

  /** The log as it is now, signed. @throws DomainError `no_checkpoint` */
  async latest(): Promise<StoredCheckpoint> {
    const checkpoint = await this.checkpoints.upToDate();
    if (!checkpoint) throw noCheckpoint();
    return checkpoint;
  }

  /** @throws DomainError `platform_administrator_required`, `audit_event_not_found`, `audit_event_removed`, `not_in_tree`, `size_out_of_range`, `no_checkpoint`, `audit_log_incomplete` */
  async inclusion(caller: Caller, event: EventName, { treeSize, organization }: { readonly treeSize?: number; readonly organization?: 'all' }): Promise<InclusionProof> {
    const reach = reachOf(caller, organization);
    return this.proofs.inclusion(reach, 'sequence' in event ? event.sequence : (await this.search.get(reach, event.id)).sequence, treeSize);
  }

  /** @throws DomainError `size_out_of_range`, `audit_log_incomplete` */
  consistency(from: number, to: number): Promise<ConsistencyProof> {
    return this.proofs.consistency(from, to);
  }

  /**
   * The events up to now, and that somebody took them along, as a file.
   *
   * @param options.after how many events of the log the reader has already
   * @throws DomainError `platform_administrator_required`, `no_checkpoint`, `size_out_of_range`
   */
  async export(caller: Caller, options: { readonly format: ExportFileFormat; readonly after?: number; readonly organization?: 'all' }): Promise<Readable> {
    const { format, after = 0, organization } = options;
    const reach = reachOf(caller, organization);
    // On record before anything leaves, and so in the export itself.
    await this.audit.record({
      type: 'audit_log.exported', outcome: 'success', organization_id: reach === 'all' ? null : reach.organizationId, ...doneBy(caller), details: { format, after },
    });
    const checkpoint = await this.latest();
    if (after > checkpoint.size) throw sizeOutOfRange(checkpoint.size);
    return Readable.from(format === 'csv' ? this.exports.table(reach, checkpoint.size, after) : this.exports.verifiable(reach, checkpoint, after), { objectMode: false });
  }
}
