import { Column, Entity, PrimaryColumn } from 'typeorm';

/** A network from which an account signed in, as a keyed hash: enough to recognise it, not to tell where somebody was. */
@Entity({ name: 'sign_in_sources' })
export class SignInSource {
  /** A person's or an agent's. */
  @PrimaryColumn({ name: 'account_id', type: 'uuid' })
  accountId: string;

  @PrimaryColumn({ name: 'network_hash', type: 'bytea' })
  networkHash: Buffer;

  @Column({ name: 'last_used_at', type: 'timestamptz' })
  lastUsedAt: Date;
}
