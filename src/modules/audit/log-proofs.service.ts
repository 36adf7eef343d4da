import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { auditEventNotFound, auditEventRemoved, noCheckpoint, notYetInTree, sizeOutOfRange } from './audit.errors.js';
import { Checkpoints, type StoredCheckpoint } from './checkpoints.service.js';
import type { LogReach } from './logged-event.js';
import { LogHashes } from './log-hashes.service.js';
import { consistencyPlan, inclusionPlan } from './merkle-proof.js';

export interface InclusionProof {
  readonly sequence: number;
  /** To the letter: the leaf hash is SHA-256 of a zero byte and this. */
  readonly event: string;
  readonly leafHash: string;
  readonly treeSize: number;
  readonly root: string;
  /** RFC 6962 section 2.1.1, from the leaf upwards, base64. */
  readonly path: readonly string[];
  /** The signed state of the log that it leads to, if one of this size was signed. */
  readonly checkpoint?: StoredCheckpoint;
}

export interface ConsistencyProof {
  readonly from: { readonly size: number; readonly root: string };
  readonly to: { readonly size: number; readonly root: string };
  /** RFC 6962 section 2.1.2, base64. */
  readonly path: readonly string[];
}

/** Proofs of what is in the log, for somebody who has a checkpoint and trusts nobody else. */
@Injectable()
export class LogProofs {
  constructor(private readonly dataSource: DataSource, private readonly hashes: LogHashes, private readonly checkpoints: Checkpoints) {}

  /**
   * @param reach whose event it has to be
   * @param treeSize of which log; of the last one that was signed, or one that is signed now, when left out
   * @throws DomainError `audit_event_not_found`, `audit_event_removed`, `not_in_tree`, `size_out_of_range`, `no_checkpoint`, `audit_log_incomplete`
   */
  async inclusion(reach: LogReach, sequence: number, treeSize?: number): Promise<InclusionProof> {
    const { leafHash, body } = await this.find(reach, sequence);
    const checkpoint = treeSize === undefined ? await this.covering(sequence) : await this.checkpointOf(treeSize);
    const size = treeSize ?? checkpoint!.size;
    if (size > await this.size()) throw sizeOutOfRange(await this.size());
    if (sequence >= size) throw notYetInTree(sequence, size);
    return {
      sequence, event: body, leafHash, treeSize: size, root: await this.hashes.rootAt(size), path: await this.hashes.ofPlan(inclusionPlan(sequence, size)),
      ...(checkpoint ? { checkpoint } : {}),
    };
  }

  /**
   * That the log of the larger size begins with the one of the smaller.
   * @throws DomainError `size_out_of_range`, `audit_log_incomplete`
   */
  async consistency(from: number, to: number): Promise<ConsistencyProof> {
    const size = await this.size();
    if (from < 1 || from > to || to > size) throw sizeOutOfRange(size);
    return {
      from: { size: from, root: await this.hashes.rootAt(from) },
      to: { size: to, root: await this.hashes.rootAt(to) },
      path: await this.hashes.ofPlan(consistencyPlan(from, to)),
    };
  }

  private async find(reach: LogReach, sequence: number): Promise<{ leafHash: string; body: string }> {
    const [row] = await this.dataSource.query<{ leaf_hash: Buffer; body: string | null }[]>(
      'SELECT leaf_hash, body FROM audit_events WHERE sequence = $1 AND ($2::uuid IS NULL OR organization_id = $2)', [sequence, reach === 'all' ? null : reach.organizationId]);
    if (!row) throw auditEventNotFound();
    if (row.body === null) throw auditEventRemoved();
    return { leafHash: row.leaf_hash.toString('base64'), body: row.body };
  }

  private async covering(sequence: number): Promise<StoredCheckpoint> {
    const latest = await this.checkpoints.latest();
    const covering = latest && latest.size > sequence ? latest : await this.checkpoints.upToDate();
    if (!covering || covering.size <= sequence) throw noCheckpoint();
    return covering;
  }

  private async checkpointOf(size: number): Promise<StoredCheckpoint | undefined> {
    const [found] = await this.checkpoints.after(size - 1, 1);
    return found?.size === size ? found : undefined;
  }

  private async size(): Promise<number> {
    const [head] = await this.dataSource.query<{ size: string }[]>(`SELECT size FROM audit_heads WHERE log = 'main'`);
    return Number(head?.size ?? 0);
  }
}
