import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { OrganizationId, UserId } from '../../kernel/ids.js';

export type UserStatus = 'active' | 'disabled';

/** A person's account. Organizations have memberships of it, and one of them may be in charge of it: docs/decisions/0004-roles.md. */
@Entity({ name: 'users' })
export class User {
  @PrimaryColumn({ type: 'uuid' })
  id: UserId;

  /** Lower-case ASCII, unique in the installation. */
  @Column({ type: 'text', unique: true })
  email: string;

  @Column({ name: 'email_verified', type: 'boolean' })
  emailVerified: boolean;

  @Column({ type: 'text', nullable: true })
  name: string | null;

  /** PHC string; null for people who have no password and therefore cannot sign in with one. */
  @Column({ name: 'password_hash', type: 'text', nullable: true })
  passwordHash: string | null;

  /** Tokens and sessions from before are dead. Null as long as the first password stands. */
  @Column({ name: 'password_changed_at', type: 'timestamptz', nullable: true })
  passwordChangedAt: Date | null;

  /** A disabled person's tokens and sessions are dead. */
  @Column({ type: 'text' })
  status: UserStatus;

  /** Spans organizations. Made by the first start, never through a role. */
  @Column({ name: 'is_platform_administrator', type: 'boolean' })
  isPlatformAdministrator: boolean;

  /**
   * The organization that made the account, while the person is a member of it: it is in charge of the account. Null when
   * only platform administrators are.
   */
  @Column({ name: 'home_organization_id', type: 'uuid', nullable: true })
  homeOrganizationId: OrganizationId | null;

  /** Where the person worked last; the next token is for this organization. */
  @Column({ name: 'active_organization_id', type: 'uuid', nullable: true })
  activeOrganizationId: OrganizationId | null;

  @Column({ name: 'last_sign_in_at', type: 'timestamptz', nullable: true })
  lastSignInAt: Date | null;

  @Column({ name: 'created_at', type: 'timestamptz' })
  createdAt: Date;

  @Column({ name: 'updated_at', type: 'timestamptz' })
  updatedAt: Date;
}
