import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { ClientId, Id } from '../../kernel/ids.js';

export type ClientSecretId = Id<'client_secret'>;

/** One of the secrets of a client. Several may be live at once, so that a new one can go out before the old one ends. */
@Entity({ name: 'client_secrets' })
export class ClientSecret {
  @PrimaryColumn({ type: 'uuid' })
  id: ClientSecretId;

  @Column({ name: 'client_id', type: 'text' })
  clientId: ClientId;

  /** By which a secret that is presented alone is found, and people recognise theirs. */
  @Column({ type: 'text' })
  prefix: string;

  /** HMAC-SHA-256 under the server's pepper. */
  @Column({ type: 'bytea' })
  hash: Buffer;

  @Column({ type: 'text', nullable: true })
  label: string | null;

  /** Written now and then, so up to a minute late. */
  @Column({ name: 'last_used_at', type: 'timestamptz', nullable: true })
  lastUsedAt: Date | null;

  @Column({ name: 'expires_at', type: 'timestamptz', nullable: true })
  expiresAt: Date | null;

  @Column({ name: 'retired_at', type: 'timestamptz', nullable: true })
  retiredAt: Date | null;

  @Column({ name: 'created_at', type: 'timestamptz' })
  createdAt: Date;
}
