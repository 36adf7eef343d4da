import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { Id } from '../../kernel/ids.js';

/** The secret with which the first person sets the installation up. There is one at most, until it is used or replaced. */
@Entity({ name: 'setup_links' })
export class SetupLink {
  @PrimaryColumn({ type: 'uuid' })
  id: Id<'setup_link'>;

  @Column({ name: 'secret_hash', type: 'bytea', unique: true })
  secretHash: Buffer;

  @Column({ name: 'expires_at', type: 'timestamptz' })
  expiresAt: Date;

  @Column({ name: 'created_at', type: 'timestamptz' })
  createdAt: Date;
}
