import { hash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { DatabasePool } from './database-pool.js';

/**
 * Things that work once: assertion and proof `jti`s. The first to write the row has it; there is no reading first, so two
 * nodes cannot both find it free.
 */
@Injectable()
export class SingleUse {
  constructor(private readonly database: DatabasePool) {}

  /**
   * @param kind what namespace the id belongs to, e.g. `dpop:<jkt>`
   * @param expiresAt NumericDate until which a second use must be refused
   * @returns whether this was the first use
   */
  async claim(kind: string, id: string, expiresAt: number): Promise<boolean> {
    const { rowCount } = await this.database.pool.query({
      name: 'claim-single-use',
      text: `INSERT INTO single_uses (id_hash, expires_at) VALUES ($1, to_timestamp($2)) ON CONFLICT DO NOTHING`,
      values: [hash('sha256', `${kind}\0${id}`, 'buffer'), expiresAt],
    });
    return rowCount === 1;
  }
}
