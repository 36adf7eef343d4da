import { Column, CreateDateColumn, Entity, PrimaryColumn } from 'typeorm';
import type { JsonValue } from '../../kernel/canonical-json.js';
import type { Id, OrganizationId, UserId } from '../../kernel/ids.js';

export type ConsentGrantId = Id<'consent_grant'>;

/** What a person agreed that one client may do for them in one organization. Tokens of the code flow stand on it. */
@Entity('consent_grants')
export class ConsentGrant {
  @PrimaryColumn({ type: 'uuid' }) id: ConsentGrantId;
  @Column({ name: 'organization_id', type: 'uuid' }) organizationId: OrganizationId;
  @Column({ name: 'client_id', type: 'text' }) clientId: string;
  @Column({ name: 'user_id', type: 'uuid' }) userId: UserId;
  /** Scopes by resource, as the protocol layer keeps them. */
  @Column({ type: 'jsonb' }) payload: { readonly [key: string]: JsonValue | undefined };
  @Column({ name: 'expires_at', type: 'timestamptz' }) expiresAt: Date;
  @Column({ name: 'revoked_at', type: 'timestamptz', nullable: true }) revokedAt: Date | null;
  @CreateDateColumn({ name: 'created_at', type: 'timestamptz' }) createdAt: Date;
}
