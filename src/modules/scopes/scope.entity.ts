import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { Id, OrganizationId } from '../../kernel/ids.js';

export type ScopeId = Id<'scope'>;

/** A permission that can be asked for. What it permits, the resource decides that accepts the token. */
@Entity({ name: 'scopes' })
export class Scope {
  @PrimaryColumn({ type: 'uuid' })
  id: ScopeId;

  /** Null for those that come with the server: every organization sees them, none changes them. */
  @Column({ name: 'organization_id', type: 'uuid', nullable: true })
  organizationId: OrganizationId | null;

  /** RFC 6749 section 3.3; unique in the organization, never changed. */
  @Column({ type: 'text' })
  name: string;

  /** What the consent page tells people. */
  @Column({ type: 'text', nullable: true })
  description: string | null;

  @Column({ type: 'text', nullable: true })
  category: string | null;

  /** Given to whoever is registered without naming scopes. */
  @Column({ name: 'is_default', type: 'boolean' })
  isDefault: boolean;

  /** Marked on the consent page. */
  @Column({ name: 'is_sensitive', type: 'boolean' })
  isSensitive: boolean;

  /** An inactive scope is in no new token. */
  @Column({ name: 'is_active', type: 'boolean' })
  isActive: boolean;

  @Column({ name: 'created_at', type: 'timestamptz' })
  createdAt: Date;

  @Column({ name: 'updated_at', type: 'timestamptz' })
  updatedAt: Date;
}
