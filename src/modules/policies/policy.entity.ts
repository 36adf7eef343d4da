import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { Id, OrganizationId } from '../../kernel/ids.js';

export type PolicyId = Id<'policy'>;

/** A rule of an organization about who may do what, as it stands now. */
@Entity({ name: 'policies' })
export class Policy {
  @PrimaryColumn({ type: 'uuid' })
  id: PolicyId;

  @Column({ name: 'organization_id', type: 'uuid' })
  organizationId: OrganizationId;

  /** Unique in the organization, whatever the case of its letters, among those that are not deleted. */
  @Column({ type: 'text' })
  name: string;

  @Column({ type: 'text', nullable: true })
  description: string | null;

  /** As it was written: see `policy-rule.ts`. */
  @Column({ type: 'jsonb' })
  rule: Record<string, unknown>;

  /** One that is not enabled decides nothing. */
  @Column({ name: 'is_enabled', type: 'boolean' })
  isEnabled: boolean;

  /** Goes up with every change. */
  @Column({ type: 'integer' })
  version: number;

  /** A deleted one decides nothing and is in no list, but its versions stay, and one of them can be restored. */
  @Column({ name: 'deleted_at', type: 'timestamptz', nullable: true })
  deletedAt: Date | null;

  @Column({ name: 'created_at', type: 'timestamptz' })
  createdAt: Date;

  @Column({ name: 'updated_at', type: 'timestamptz' })
  updatedAt: Date;
}
