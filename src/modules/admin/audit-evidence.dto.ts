import { IsIn, IsInt, IsUUID, Max, Min } from 'class-validator';
import { Type } from 'class-transformer';
import { IsOmittable } from '../../platform/http/omittable.js';
import type { AuditKey } from '../audit/audit-keys.service.js';
import type { StoredCheckpoint } from '../audit/checkpoints.service.js';
import type { ConsistencyProof, InclusionProof } from '../audit/log-proofs.service.js';

const LARGEST_SIZE = Number.MAX_SAFE_INTEGER;

/** A signed state of the audit log. */
export class CheckpointDto {
  /** How many events the log had. */
  tree_size: number;
  /** RFC 6962 tree head over them, base64. */
  root_hash: string;
  created_at: string;
  /** The same, signed: a checkpoint of C2SP (https://c2sp.org/tlog-checkpoint). Keep it elsewhere. */
  note: string;

  static of(checkpoint: StoredCheckpoint): CheckpointDto {
    return { tree_size: checkpoint.size, root_hash: checkpoint.root, created_at: checkpoint.createdAt.toISOString(), note: checkpoint.note };
  }
}

export class CheckpointPageDto {
  data: CheckpointDto[];
  next_cursor: string | null;
}

/** A key that signs, or signed, checkpoints. */
export class AuditKeyDto {
  name: string;
  /** 8 hexadecimal digits, by which signatures name it. */
  key_hash: string;
  /** Verifier key of C2SP signed notes, for `legate audit verify --key`. Whoever checks the log keeps it. */
  verifier_key: string;
  created_at: string;
  /** Since when it signs no more. What it signed stays good. */
  retired_at: string | null;

  static of(key: AuditKey): AuditKeyDto {
    return {
      name: key.name, key_hash: key.keyHash, verifier_key: key.verifierKey, created_at: key.createdAt.toISOString(), retired_at: key.retiredAt?.toISOString() ?? null,
    };
  }
}

export class AuditKeyListDto {
  data: AuditKeyDto[];
  next_cursor: string | null;
}

export class InclusionQuery {
  /** Sequence number of the event. This or `event_id`. */
  @IsOmittable() @Type(() => Number) @IsInt() @Min(0) @Max(LARGEST_SIZE)
  sequence?: number;

  /** Id of the event. */
  @IsOmittable() @IsUUID()
  event_id?: string;

  /** In the log as it was with so many events. When left out: as it was last signed. */
  @IsOmittable() @Type(() => Number) @IsInt() @Min(1) @Max(LARGEST_SIZE)
  tree_size?: number;

  /** `all`: an event of any organization, or of the installation itself, for platform administrators. */
  @IsOmittable() @IsIn(['all'])
  organization?: 'all';
}

export class ConsistencyQuery {
  /** Size of the older log. */
  @Type(() => Number) @IsInt() @Min(1) @Max(LARGEST_SIZE)
  from: number;

  /** Size of the newer log. */
  @Type(() => Number) @IsInt() @Min(1) @Max(LARGEST_SIZE)
  to: number;
}

/** That an event is in the log: RFC 6962 section 2.1.1. */
export class InclusionProofDto {
  sequence: number;
  /** Text of the event, to the letter. `leaf_hash` is SHA-256 over a zero byte and this. */
  event: string;
  /** Base64. */
  leaf_hash: string;
  tree_size: number;
  /** Base64. */
  root_hash: string;
  /** From the leaf upwards, base64. */
  path: string[];
  /** The signed state of the log that the path leads to, where one of this size was signed. */
  checkpoint: CheckpointDto | null;

  static of(proof: InclusionProof): InclusionProofDto {
    return {
      sequence: proof.sequence, event: proof.event, leaf_hash: proof.leafHash, tree_size: proof.treeSize, root_hash: proof.root, path: [...proof.path],
      checkpoint: proof.checkpoint ? CheckpointDto.of(proof.checkpoint) : null,
    };
  }
}

/** That a log begins with what it was before: RFC 6962 section 2.1.2. */
export class ConsistencyProofDto {
  from: number;
  from_root_hash: string;
  to: number;
  to_root_hash: string;
  /** Base64. */
  path: string[];

  static of({ from, to, path }: ConsistencyProof): ConsistencyProofDto {
    return { from: from.size, from_root_hash: from.root, to: to.size, to_root_hash: to.root, path: [...path] };
  }
}

export class ExportQuery {
  /** `ndjson` can be verified, `csv` is for people and spreadsheets. */
  @IsOmittable() @IsIn(['ndjson', 'csv'])
  format?: 'ndjson' | 'csv';

  /** How many events of the log you have already: `size` of the export before. */
  @IsOmittable() @Type(() => Number) @IsInt() @Min(0) @Max(LARGEST_SIZE)
  after?: number;

  /** `all`: the events of all organizations and of the installation itself, for platform administrators. */
  @IsOmittable() @IsIn(['all'])
  organization?: 'all';
}
