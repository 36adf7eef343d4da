import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { now, nowDate } from '../../kernel/clock.js';
import { Config } from '../../platform/config/config.js';
import { Background } from '../../platform/database/background.js';
import { Sparingly } from '../../platform/logging/sparingly.js';
import { AuditKeys } from './audit-keys.service.js';
import { AuditLog } from './audit-log.service.js';
import { CheckpointFile } from './checkpoint-file.service.js';
import { LogHashes } from './log-hashes.service.js';
import { rootHash } from './merkle-log.js';

/** A checkpoint as it was signed. */
export interface StoredCheckpoint {
  readonly size: number;
  readonly root: string;
  /** Signed note of C2SP. */
  readonly note: string;
  readonly createdAt: Date;
}

type Reader = Pick<EntityManager, 'query'>;

const COLUMNS = 'size, root, note, created_at AS "createdAt"';

/**
 * Signs the state of the log every so many events or seconds. Before it does, it holds the log against the last state that was
 * signed, and against the last one outside the database: whoever rewrote it, or put back yesterday's, gets no new signature, and
 * everybody who looks at the checkpoints sees that they ended.
 */
@Injectable()
export class Checkpoints implements OnModuleInit {
  private readonly logger = new Logger(Checkpoints.name);
  private readonly warnings = new Sparingly(60_000);
  private isDamageRecorded = false;

  constructor(
    private readonly dataSource: DataSource,
    private readonly background: Background,
    private readonly config: Config,
    private readonly keys: AuditKeys,
    private readonly hashes: LogHashes,
    private readonly file: CheckpointFile,
    private readonly audit: AuditLog,
  ) {}

  onModuleInit(): void {
    this.background.every({ name: 'audit checkpoints', everySeconds: 1, isDue: (reader) => this.isDue(reader), run: async (manager) => { await this.write(manager); } });
  }

  /** The newest first. */
  async list(limit: number, before?: number): Promise<StoredCheckpoint[]> {
    const rows = await this.dataSource.query<StoredRow[]>(
      `SELECT ${COLUMNS} FROM audit_checkpoints WHERE $1::bigint IS NULL OR size < $1 ORDER BY size DESC LIMIT $2`, [before ?? null, limit]);
    return rows.map(checkpointOf);
  }

  async latest(reader: Reader = this.dataSource): Promise<StoredCheckpoint | undefined> {
    const [row] = await reader.query<StoredRow[]>(`SELECT ${COLUMNS} FROM audit_checkpoints ORDER BY size DESC LIMIT 1`);
    return row && checkpointOf(row);
  }

  /** Those that were signed after the log had this size, the oldest first. */
  async after(size: number, limit: number, reader: Reader = this.dataSource): Promise<StoredCheckpoint[]> {
    return (await reader.query<StoredRow[]>(`SELECT ${COLUMNS} FROM audit_checkpoints WHERE size > $1 ORDER BY size LIMIT $2`, [size, limit])).map(checkpointOf);
  }

  /** How many events there are, and how many the last checkpoint covers. When the second stays behind, the log is not signed any more. */
  async coverage(): Promise<{ written: number; signed: number }> {
    const [row] = await this.dataSource.query<{ written: string; signed: string }[]>(
      `SELECT size AS written, coalesce((SELECT max(size) FROM audit_checkpoints), 0) AS signed FROM audit_heads WHERE log = 'main'`);
    return { written: Number(row?.written ?? 0), signed: Number(row?.signed ?? 0) };
  }

  /** One for the log as it is now, unless there is one. Undefined for an empty log, and for one that may not be signed. */
  async upToDate(): Promise<StoredCheckpoint | undefined> {
    return this.dataSource.transaction((manager) => this.write(manager));
  }

  private async isDue(reader: Reader): Promise<boolean> {
    const [log] = await reader.query<{ size: string; signed: string | null; signedAt: Date | null }[]>(
      `SELECT h.size, c.size AS signed, c.created_at AS "signedAt" FROM audit_heads h
       LEFT JOIN (SELECT size, created_at FROM audit_checkpoints ORDER BY size DESC LIMIT 1) c ON true WHERE h.log = 'main'`);
    const grown = Number(log?.size ?? 0) - Number(log?.signed ?? 0);
    // As far ahead as behind: a clock that was set back must not have the log unsigned until it catches up.
    const age = log?.signedAt ? Math.abs(now() - log.signedAt.getTime()) : Infinity;
    // A log that is shorter than it was has to be noticed, too.
    return grown < 0 || grown >= this.config.auditCheckpointEvents || (grown > 0 && age >= this.config.auditCheckpointSeconds * 1000);
  }

  private async write(manager: EntityManager): Promise<StoredCheckpoint | undefined> {
    // Nodes take turns, and a key is made once. (The head itself stays free: tokens go on being issued.)
    await manager.query(`SELECT pg_advisory_xact_lock(hashtext('audit checkpoint'))`);
    const latest = await this.latest(manager);
    const [row] = await manager.query<{ size: string; frontier: string[] }[]>(`SELECT size, frontier FROM audit_heads WHERE log = 'main'`);
    const head = { size: Number(row?.size ?? 0), hashes: row?.frontier ?? [] };
    // Otherwise what was written since the chore's last turn would be read, leaf by leaf, for each of the roots that follow.
    while (await this.hashes.grow(manager)) { /* until there is no more */ }
    const damage = await this.damageOf(manager, head, latest);
    if (damage !== undefined) {
      await this.reportDamage(manager, damage);
      return undefined;
    }
    this.isDamageRecorded = false;
    if (latest?.size === head.size || head.size === 0) return latest;
    const checkpoint = { size: head.size, root: rootHash(head) };
    const note = await this.keys.sign(manager, checkpoint) ?? await this.signFirst(manager, checkpoint);
    const [stored] = await manager.query<StoredRow[]>(
      `INSERT INTO audit_checkpoints (size, root, note, created_at) VALUES ($1, $2, $3, $4) RETURNING ${COLUMNS}`, [checkpoint.size, checkpoint.root, note, nowDate()]);
    return checkpointOf(stored!);
  }

  private async signFirst(manager: EntityManager, checkpoint: { size: number; root: string }): Promise<string> {
    const { keyHash } = await this.keys.replace(manager);
    const note = await this.keys.sign(manager, checkpoint);
    await this.audit.recordIn(manager, {
      type: 'audit_key.created', outcome: 'success', organization_id: null, actor: { kind: 'system' }, target: { kind: 'audit_key', id: keyHash },
    });
    return note!;
  }

  /** Why the log may not be signed as it is. */
  private async damageOf(manager: EntityManager, head: { size: number; hashes: readonly string[] }, latest: StoredCheckpoint | undefined): Promise<string | undefined> {
    const outside = await this.file.latest(await this.keys.verifiers(manager));
    // As a rule both are the same one, which is looked at once.
    const isKept = outside?.size === latest?.size && outside?.root === latest?.root;
    for (const [signed, where] of [[latest, 'the database'], [isKept ? undefined : outside, this.file.path]] as const) {
      if (!signed) continue;
      if (signed.size > head.size) return `it has ${head.size} events, and ${signed.size} when it was last signed (checkpoint in ${where})`;
      if (await this.hashes.rootAt(signed.size, manager) !== signed.root) return `its first ${signed.size} events are not those that were signed (checkpoint in ${where})`;
    }
    const { hashes } = await this.hashes.frontierAt(head.size, manager);
    return hashes.join() === head.hashes.join() ? undefined : 'its events are not those that its head was made of';
  }

  private async reportDamage(manager: EntityManager, damage: string): Promise<void> {
    if (this.warnings.admit() !== undefined) this.logger.error(`the audit log is no longer what it was, and is not signed: ${damage}`);
    if (this.isDamageRecorded) return;
    await this.audit.recordIn(manager, {
      type: 'audit_log.damaged', outcome: 'refused', organization_id: null, actor: { kind: 'system' }, reason: 'audit_log_damaged', details: { finding: damage },
    });
    this.isDamageRecorded = true;
  }
}

type StoredRow = Omit<StoredCheckpoint, 'size'> & { readonly size: string };

function checkpointOf(row: StoredRow): StoredCheckpoint {
  return { ...row, size: Number(row.size) };
}
