import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { OrganizationId, TokenId } from '../../kernel/ids.js';

/** A row of the ledger, to be read. Rows come to be only through `TokenLedger`. */
@Entity('tokens')
export class LedgerToken {
  @PrimaryColumn({ name: 'token_id', type: 'uuid' }) id: TokenId;
  @Column({ type: 'text' }) kind: 'access_token' | 'refresh_token';
  @Column({ type: 'text' }) format: 'jwt' | 'opaque';
  @Column({ name: 'grant_type', type: 'text' }) grantType: string;
  @Column({ name: 'organization_id', type: 'uuid' }) organizationId: OrganizationId;
  @Column({ name: 'client_id', type: 'text' }) clientId: string;
  @Column({ type: 'text' }) subject: string;
  /** Whom it speaks for, when that is a person. */
  @Column({ name: 'user_id', type: 'uuid', nullable: true }) userId: string | null;
  /** Whom it speaks for, when that is an agent. */
  @Column({ name: 'agent_id', type: 'uuid', nullable: true }) agentId: string | null;
  @Column({ type: 'text', nullable: true }) audience: string | null;
  /** Space-separated. */
  @Column({ type: 'text' }) scope: string;
  @Column({ name: 'task_id', type: 'uuid' }) taskId: string;
  @Column({ name: 'parent_task_id', type: 'uuid', nullable: true }) parentTaskId: string | null;
  @Column({ name: 'parent_token_id', type: 'uuid', nullable: true }) parentTokenId: string | null;
  @Column({ name: 'root_token_id', type: 'uuid' }) rootTokenId: string;
  /** From the root to the parent; null for a root. */
  @Column({ type: 'uuid', array: true, nullable: true }) ancestors: string[] | null;
  @Column({ name: 'consent_grant_id', type: 'uuid', nullable: true }) consentGrantId: string | null;
  @Column({ name: 'delegation_grant_id', type: 'uuid', nullable: true }) delegationGrantId: string | null;
  /** Who acts for the subject (RFC 8693 section 4.1). */
  @Column({ type: 'jsonb', nullable: true }) act: Record<string, unknown> | null;
  @Column({ type: 'jsonb', nullable: true }) cnf: { readonly [method: string]: string } | null;
  /** When the person it speaks for signed in. */
  @Column({ name: 'authenticated_at', type: 'timestamptz', nullable: true }) authenticatedAt: Date | null;
  /** Why the agent was started, as it said when it asked for the token. */
  @Column({ name: 'launch_reason', type: 'text', nullable: true }) launchReason: string | null;
  @Column({ name: 'issued_at', type: 'timestamptz' }) issuedAt: Date;
  @Column({ name: 'expires_at', type: 'timestamptz' }) expiresAt: Date;
  @Column({ name: 'revoked_at', type: 'timestamptz', nullable: true }) revokedAt: Date | null;
}
