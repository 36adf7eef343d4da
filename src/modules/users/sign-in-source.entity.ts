import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { UserId } from '../../kernel/ids.js';

/** A network from which a person signed in, as a keyed hash: enough to recognise it, not to tell where somebody was. */
@Entity({ name: 'sign_in_sources' })
export class SignInSource {
  @PrimaryColumn({ name: 'user_id', type: 'uuid' })
  userId: UserId;

  @PrimaryColumn({ name: 'network_hash', type: 'bytea' })
  networkHash: Buffer;

  @Column({ name: 'last_used_at', type: 'timestamptz' })
  lastUsedAt: Date;
}
