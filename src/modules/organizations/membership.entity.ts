import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import type { OrganizationId, UserId } from '../../kernel/ids.js';
import type { Role } from '../../platform/http/caller.js';

/** A person's place in an organization. */
@Entity({ name: 'memberships' })
export class Membership {
  @PrimaryColumn({ name: 'organization_id', type: 'uuid' })
  organizationId: OrganizationId;

  @Index('memberships_user')
  @PrimaryColumn({ name: 'user_id', type: 'uuid' })
  userId: UserId;

  @Column({ type: 'text' })
  role: Role;

  @Column({ name: 'created_at', type: 'timestamptz' })
  createdAt: Date;
}
