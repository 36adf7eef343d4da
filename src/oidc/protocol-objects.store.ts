import { hash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { nowDate } from '../kernel/clock.js';
import { isPlainJson } from '../kernel/plain-json.js';
import { DatabasePool } from '../platform/database/database-pool.js';
import { purge } from '../platform/database/purge.js';
import { unstorableParameter } from './protocol-objects.errors.js';

/** A stored object as the library knows it: its payload, with `consumed` (NumericDate) once it was used. */
export type StoredObject = Record<string, unknown>;

type Executor = Pick<EntityManager, 'query'>;

const OVER = 'expires_at < $1';

/**
 * The library's short-lived objects: sessions, interactions, codes, refresh tokens, pushed requests. An id that opens
 * something is a secret, so rows are keyed by its SHA-256 and payloads are stored without it.
 */
@Injectable()
export class ProtocolObjects {
  constructor(private readonly dataSource: DataSource, private readonly database: DatabasePool) {}

  /** @throws DomainError `unstorable_parameter` when the payload, which holds what the request said, is nothing that jsonb takes */
  async save(model: string, id: string, payload: StoredObject, ttlSeconds: number, executor: Executor = this.dataSource): Promise<void> {
    const { jti: _secret, ...rest } = payload;
    const json = JSON.stringify(rest);
    if (!isPlainJson(JSON.parse(json))) throw unstorableParameter();
    await executor.query(
      `INSERT INTO protocol_objects (model, id_hash, payload, grant_id, uid_hash, expires_at)
       VALUES ($1, $2, $3, $4, $5, to_timestamp($6))
       ON CONFLICT (model, id_hash) DO UPDATE SET payload = excluded.payload, grant_id = excluded.grant_id, uid_hash = excluded.uid_hash, expires_at = excluded.expires_at`,
      [model, idHash(id), json, payload['grantId'] ?? null, typeof payload['uid'] === 'string' ? idHash(payload['uid']) : null,
        Math.floor(nowDate().getTime() / 1000) + ttlSeconds],
    );
  }

  async find(model: string, id: string): Promise<StoredObject | undefined> {
    const { rows } = await this.database.pool.query<Row>({
      name: 'protocol-object-by-id', text: `${SELECT} WHERE model = $1 AND id_hash = $2`, values: [model, idHash(id)],
    });
    return rows[0] && { ...objectOf(rows[0]), jti: id };
  }

  /** By its public `uid`. The id stays unknown: whoever knows only the uid may look, but not present it. */
  async findByUid(model: string, uid: string): Promise<StoredObject | undefined> {
    const { rows } = await this.database.pool.query<Row>({
      name: 'protocol-object-by-uid', text: `${SELECT} WHERE model = $1 AND uid_hash = $2`, values: [model, idHash(uid)],
    });
    return rows[0] && objectOf(rows[0]);
  }

  /** Marks a single-use object as used; false when somebody else did first, on whatever node. */
  async consume(model: string, id: string, executor: Executor = this.dataSource): Promise<boolean> {
    const [, count] = await executor.query<[unknown[], number]>(
      'UPDATE protocol_objects SET consumed_at = $3 WHERE model = $1 AND id_hash = $2 AND consumed_at IS NULL', [model, idHash(id), nowDate()]);
    return count === 1;
  }

  async remove(model: string, id: string): Promise<void> {
    await this.dataSource.query('DELETE FROM protocol_objects WHERE model = $1 AND id_hash = $2', [model, idHash(id)]);
  }

  async removeByGrant(model: string, grantId: string): Promise<void> {
    await this.dataSource.query('DELETE FROM protocol_objects WHERE model = $1 AND grant_id = $2', [model, grantId]);
  }

  /** Deletes up to `limit` expired rows of each kind; answers how many. */
  async purgeExpired(limit: number, executor: Executor = this.dataSource): Promise<number> {
    let purged = 0;
    // What was used once could be used again without its row: it has to be over by the database's clock as well, should ours be set forward and back.
    for (const [table, condition] of [['protocol_objects', OVER], ['single_uses', `${OVER} AND expires_at < now()`], ['refresh_replays', OVER]] as const) {
      purged += await purge(executor, table, condition, nowDate(), limit);
    }
    return purged;
  }
}

interface Row { payload: StoredObject; consumed: string | null }

const SELECT = 'SELECT payload, floor(extract(epoch FROM consumed_at))::bigint AS consumed FROM protocol_objects';

function objectOf({ payload, consumed }: Row): StoredObject {
  return consumed === null ? payload : { ...payload, consumed: Number(consumed) };
}

export function idHash(id: string): Buffer {
  return hash('sha256', id, 'buffer');
}
