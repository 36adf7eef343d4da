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

  /**
   * Whatever goes back to a sign-in before this moment is dead and stays it: sessions, codes, tokens. Moved by a new password and by
   * disabling the person. Null as long as nothing has ended them all.
   */
  @Column({ name: 'sign_ins_ended_at', type: 'timestamptz', nullable: true })
  signInsEndedAt: Date | null;

  /** A disabled person's tokens and sessions are dead, and nobody signs in as them. */
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
