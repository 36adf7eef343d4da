import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { nowDate } from '../../kernel/clock.js';
import { Config } from '../../platform/config/config.js';
import { MasterKey } from '../../platform/crypto/master-key.js';
import { readVerifierKey, signCheckpoint, verifierKey, type Checkpoint, type NoteVerifier } from './checkpoint-note.js';

/** A key that signs, or signed, checkpoints. */
export interface AuditKey {
  readonly keyHash: string;
  readonly name: string;
  /** For `legate audit verify --key`, and for every other reader of C2SP signed notes. */
  readonly verifierKey: string;
  readonly createdAt: Date;
  /** Since when it signs no more. What it signed stays good. */
  readonly retiredAt: Date | null;
}

const COLUMNS = 'key_hash AS "keyHash", name, verifier_key AS "verifierKey", created_at AS "createdAt", retired_at AS "retiredAt"';

/** The Ed25519 keys of the log, apart from those that sign tokens: they are kept by auditors, for years, and never fetched on the fly. */
@Injectable()
export class AuditKeys {
  /** Names the log, and its keys: a URL without its scheme, as C2SP asks. */
  readonly origin: string;

  constructor(private readonly dataSource: DataSource, private readonly masterKey: MasterKey, config: Config) {
    this.origin = `${config.issuerHost}/audit`;
  }

  /** All there ever were, the newest first. */
  list(manager: Pick<EntityManager, 'query'> = this.dataSource): Promise<AuditKey[]> {
    return manager.query<AuditKey[]>(`SELECT ${COLUMNS} FROM audit_keys ORDER BY created_at DESC, key_hash`);
  }

  async verifiers(manager?: Pick<EntityManager, 'query'>): Promise<NoteVerifier[]> {
    return (await this.list(manager)).map((key) => readVerifierKey(key.verifierKey)!);
  }

  /** Makes the key that signs from now on, and retires the one before. */
  async replace(manager: EntityManager): Promise<AuditKey> {
    // Two at a time would leave two that sign.
    await manager.query(`SELECT pg_advisory_xact_lock(hashtext('audit key'))`);
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    const text = verifierKey(this.origin, publicKey);
    const { keyHash } = readVerifierKey(text)!;
    const sealed = this.masterKey.seal(privateKey.export({ format: 'der', type: 'pkcs8' }), sealContext(keyHash));
    // What a retired key signed is checked with its public part: the private one is for nobody any more.
    await manager.query('UPDATE audit_keys SET retired_at = $1, sealed_private_key = NULL WHERE retired_at IS NULL', [nowDate()]);
    const [made] = await manager.query<AuditKey[]>(
      `INSERT INTO audit_keys (key_hash, name, verifier_key, sealed_private_key, created_at) VALUES ($1, $2, $3, $4, $5) RETURNING ${COLUMNS}`,
      [keyHash, this.origin, text, sealed, nowDate()]);
    return made!;
  }

  /**
   * The checkpoint as a note under the key that signs now; undefined when there is none yet.
   * @throws DomainError `sealed_with_another_key`, `seal_broken`
   */
  async sign(manager: EntityManager, checkpoint: Omit<Checkpoint, 'origin'>): Promise<string | undefined> {
    const [row] = await manager.query<{ key_hash: string; name: string; sealed_private_key: Buffer }[]>(
      'SELECT key_hash, name, sealed_private_key FROM audit_keys WHERE retired_at IS NULL AND name = $1 FOR SHARE', [this.origin]);
    if (!row) return undefined;
    const der = this.masterKey.open(row.sealed_private_key, sealContext(row.key_hash));
    return signCheckpoint({ ...checkpoint, origin: this.origin }, row.name, createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }));
  }
}

function sealContext(keyHash: string): string {
  return `audit-key:${keyHash}`;
}
