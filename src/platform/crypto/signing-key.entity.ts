import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { KeySchedule, SigningAlgorithm } from './key-lifecycle.js';
import type { PublicSigningJwk } from './signing-key.js';

/** A signing key at rest. Its state is not a column: `key-lifecycle.ts` derives it from the timestamps. */
@Entity('signing_keys')
export class SigningKeyEntity implements KeySchedule {
  /** RFC 7638 thumbprint of the public key. */
  @PrimaryColumn({ name: 'kid', type: 'text' })
  readonly kid: string;

  @Column({ name: 'algorithm', type: 'text' })
  readonly algorithm: SigningAlgorithm;

  /** For people and exports. Signatures are verified with the key inside the seal, which nobody can exchange in the database. */
  @Column({ name: 'public_jwk', type: 'jsonb' })
  readonly publicJwk: PublicSigningJwk;

  /** PKCS #8, sealed with the master key; empty once the key has retired. */
  @Column({ name: 'sealed_private_key', type: 'bytea' })
  sealedPrivateKey: Buffer;

  @Column({ name: 'published_at', type: 'timestamptz' })
  publishedAt: Date;

  @Column({ name: 'activates_at', type: 'timestamptz' })
  activatesAt: Date;

  @Column({ name: 'superseded_at', type: 'timestamptz', nullable: true })
  supersededAt: Date | null;

  @Column({ name: 'retires_at', type: 'timestamptz', nullable: true })
  retiresAt: Date | null;

  @Column({ name: 'created_at', type: 'timestamptz' })
  readonly createdAt: Date;
}
