import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { OrganizationId } from '../../kernel/ids.js';

export type OrganizationStatus = 'active' | 'suspended';

/** A tenant. Every row that belongs to somebody belongs to one. */
@Entity({ name: 'organizations' })
export class Organization {
  @PrimaryColumn({ type: 'uuid' })
  id: OrganizationId;

  /** Unique in the installation and never changed: it may stand in other people's configuration. */
  @Column({ type: 'text', unique: true })
  slug: string;

  @Column({ type: 'text' })
  name: string;

  @Column({ type: 'text' })
  status: OrganizationStatus;

  /** Whoever holds the enrolment token may register agents; null when there is none. */
  @Column({ name: 'enrolment_token_hash', type: 'bytea', nullable: true, unique: true })
  enrolmentTokenHash: Buffer | null;

  /** For how many days the texts of its audit events are kept; null as the installation has it. */
  @Column({ name: 'audit_retention_days', type: 'integer', nullable: true })
  auditRetentionDays: number | null;

  @Column({ name: 'created_at', type: 'timestamptz' })
  createdAt: Date;

  @Column({ name: 'updated_at', type: 'timestamptz' })
  updatedAt: Date;
}
