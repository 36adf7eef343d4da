import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import type { JsonValue } from '../../kernel/canonical-json.js';
import { nowDate } from '../../kernel/clock.js';
import { newId } from '../../kernel/ids.js';
import { Config } from '../../platform/config/config.js';
import { signCompact } from '../../platform/crypto/jws.js';
import { KeyRing } from '../../platform/crypto/key-ring.service.js';
import { notifyChanged } from '../../platform/database/notify.js';

/** What waits for a receiver. */
export interface WaitingSet {
  readonly jti: string;
  readonly clientId: string;
  /** JSON: the claims that the event decides. */
  readonly claims: string;
  readonly createdAt: Date;
  /** Where it is pushed to, as the stream says now; null where it is polled. */
  readonly endpointUrl: string | null;
  readonly sealedAuthorization: Buffer | null;
}

/** What a receiver took, or refused. */
export interface TakenSet {
  readonly jti: string;
  readonly txn: string | undefined;
}

interface Executor { query<T>(sql: string, parameters?: unknown[]): Promise<T> }

/** A paused stream holds what it has; that it was paused or stopped is told all the same. */
const IS_SENT = `(s.status = 'enabled' OR q.is_notice)`;

/**
 * The security event tokens that were not taken yet, of every stream in order. They are kept as claims and signed whenever they are
 * sent: the key that signs one is then always in the key set, however long it waited. Its `jti` stays the same, by which a receiver
 * knows one that comes again.
 */
@Injectable()
export class SignalQueue {
  constructor(private readonly dataSource: DataSource, private readonly keys: KeyRing, private readonly config: Config) {}

  /**
   * Adds them behind what waits already, and wakes whoever delivers when the transaction commits.
   *
   * @param isNotice it tells of the stream itself, and is sent whatever the stream's status
   */
  async append(manager: EntityManager, stream: { readonly id: string; readonly organizationId: string }, claims: readonly object[], isNotice = false): Promise<void> {
    const rows = claims.map((set) => ({ jti: newId(), claims: JSON.stringify(set) }));
    await manager.query(
      `INSERT INTO signal_sets (stream_id, organization_id, jti, claims, is_notice, created_at)
       SELECT $1, $2, jti, claims, $4, $5 FROM ROWS FROM (json_to_recordset($3::json) AS (jti uuid, claims text)) WITH ORDINALITY AS given (jti, claims, position)
       WHERE $4 OR EXISTS (SELECT FROM signal_streams WHERE id = $1 AND status <> 'disabled') ORDER BY given.position`,
      [stream.id, stream.organizationId, JSON.stringify(rows), isNotice, nowDate()]);
    await notifyChanged(manager, 'signal', stream.id);
  }

  /** The first ones that may be sent now. */
  next(streamId: string, limit: number, executor: Executor = this.dataSource): Promise<WaitingSet[]> {
    return executor.query<WaitingSet[]>(
      `SELECT q.jti, s.client_id AS "clientId", q.claims, q.created_at AS "createdAt", s.endpoint_url AS "endpointUrl", s.sealed_authorization AS "sealedAuthorization"
       FROM signal_streams s JOIN signal_sets q ON q.stream_id = s.id
       WHERE s.id = $1 AND ${IS_SENT} ORDER BY q.position LIMIT ${limit}`, [streamId]);
  }

  /** The token as it is sent: RFC 8417, `typ` as section 2.3 asks, without `exp` and `sub` as Shared Signals 1.0 sections 4.1.4 and 4.1.2 do. */
  sign({ jti, clientId, claims, createdAt }: Pick<WaitingSet, 'jti' | 'clientId' | 'claims' | 'createdAt'>): string {
    const payload = { iss: this.config.issuer, jti, iat: Math.floor(createdAt.getTime() / 1000), aud: clientId, ...JSON.parse(claims) as Record<string, JsonValue> };
    // The algorithm that every receiver knows (CAEP interoperability profile).
    return signCompact({ typ: 'secevent+jwt' }, payload, this.keys.signingKeys().RS256);
  }

  /** Removes those of them that wait there. @returns which these were */
  async take(manager: Executor, streamId: string, jtis: readonly string[]): Promise<TakenSet[]> {
    if (jtis.length === 0) return [];
    const [taken] = await manager.query<[{ jti: string; claims: string }[], number]>('DELETE FROM signal_sets WHERE stream_id = $1 AND jti = ANY ($2::uuid[]) RETURNING jti, claims', [streamId, jtis]);
    return taken.map(({ jti, claims }) => ({ jti, txn: (JSON.parse(claims) as { txn?: string }).txn }));
  }

  async clear(manager: EntityManager, streamId: string): Promise<void> {
    await manager.query('DELETE FROM signal_sets WHERE stream_id = $1', [streamId]);
  }

  async waitingOn(streamId: string): Promise<{ readonly count: number; readonly oldest: Date | null }> {
    const [row] = await this.dataSource.query<{ count: number; oldest: Date | null }[]>('SELECT count(*)::int AS count, min(created_at) AS oldest FROM signal_sets WHERE stream_id = $1', [streamId]);
    return row!;
  }

  /** For metrics, over all streams that are not paused. */
  async load(): Promise<{ readonly waiting: number; readonly oldest_seconds: number; readonly disabled_streams: number }> {
    const [row] = await this.dataSource.query<{ waiting: number; oldest: Date | null; disabled: number }[]>(
      `SELECT count(q.jti)::int AS waiting, min(q.created_at) AS oldest, (SELECT count(*)::int FROM signal_streams WHERE status = 'disabled') AS disabled
       FROM signal_sets q JOIN signal_streams s ON s.id = q.stream_id WHERE s.status = 'enabled'`);
    const { waiting, oldest, disabled } = row!;
    return { waiting, oldest_seconds: oldest === null ? 0 : Math.max(0, (nowDate().getTime() - oldest.getTime()) / 1000), disabled_streams: disabled };
  }
}
