import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { Id, OrganizationId } from '../../kernel/ids.js';

export type ScopeId = Id<'scope'>;

/** Who defined a scope: this version of the server, the file of the operator, or an organization. */
export const SCOPE_SOURCES = ['server', 'file', 'organization'] as const;
export type ScopeSource = (typeof SCOPE_SOURCES)[number];

/** A permission that can be asked for. What it permits, the resource decides that accepts the token. */
@Entity({ name: 'scopes' })
export class Scope {
  @PrimaryColumn({ type: 'uuid' })
  id: ScopeId;

  /** Null for those of the whole installation, by the server or the operator: every organization sees them, none changes them. */
  @Column({ name: 'organization_id', type: 'uuid', nullable: true })
  organizationId: OrganizationId | null;

  @Column({ type: 'text' })
  source: ScopeSource;

  /** RFC 6749 section 3.3; unique in the organization, never changed. */
  @Column({ type: 'text' })
  name: string;

  /** What the consent page tells people. */
  @Column({ type: 'text', nullable: true })
  description: string | null;

  @Column({ type: 'text', nullable: true })
  category: string | null;

  /** Names of scopes that it covers too, beside those below it by name. */
  @Column({ type: 'text', array: true })
  implies: string[];

  /** Given to whoever is registered without naming scopes. */
  @Column({ name: 'is_default', type: 'boolean' })
  isDefault: boolean;

  /** Marked on the consent page. */
  @Column({ name: 'is_sensitive', type: 'boolean' })
  isSensitive: boolean;

  /** Granted only where a person agrees, never to a client for itself. */
  @Column({ name: 'requires_approval', type: 'boolean' })
  requiresApproval: boolean;

  /** An inactive scope is neither granted nor honoured in tokens that have it. */
  @Column({ name: 'is_active', type: 'boolean' })
  isActive: boolean;

  @Column({ name: 'created_at', type: 'timestamptz' })
  createdAt: Date;

  @Column({ name: 'updated_at', type: 'timestamptz' })
  updatedAt: Date;
}
