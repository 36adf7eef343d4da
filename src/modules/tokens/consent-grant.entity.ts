import { Column, CreateDateColumn, Entity, PrimaryColumn } from 'typeorm';
import type { JsonValue } from '../../kernel/canonical-json.js';
import type { AgentId, Id, OrganizationId, UserId } from '../../kernel/ids.js';
import type { DelegationGrantId } from '../delegation/delegation-grant.entity.js';

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
  /** The agent that acts for the person, when the client asked for another one than itself. */
  @Column({ name: 'actor_id', type: 'uuid', nullable: true }) actorId: AgentId | null;
  /** By which the agent acts: the client that is one, or the actor. */
  @Column({ name: 'delegation_grant_id', type: 'uuid', nullable: true }) delegationGrantId: DelegationGrantId | null;
  @Column({ name: 'expires_at', type: 'timestamptz' }) expiresAt: Date;
  @Column({ name: 'revoked_at', type: 'timestamptz', nullable: true }) revokedAt: Date | null;
  @CreateDateColumn({ name: 'created_at', type: 'timestamptz' }) createdAt: Date;
}
