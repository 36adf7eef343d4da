import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { AgentId, ClientId, OrganizationId, UserId } from '../../kernel/ids.js';

export const AGENT_STATUSES = ['pending', 'active', 'suspended', 'deactivated'] as const;
export type AgentStatus = (typeof AGENT_STATUSES)[number];

/** OIDC-A 1.0 section 2.4.1. */
export const AGENT_TYPES = ['assistant', 'retrieval', 'coding', 'domain_specific', 'autonomous', 'supervised'] as const;
export type AgentType = (typeof AGENT_TYPES)[number];

/** OIDC-A 1.0 section 2.3 leaves the values open. Somebody who runs the organization vouches for all but the first. */
export const TRUST_LEVELS = ['unverified', 'experimental', 'verified'] as const;
export type TrustLevel = (typeof TRUST_LEVELS)[number];

/** The identity behind an agent's client: who it is, who answers for it, how it stands. */
@Entity({ name: 'agents' })
export class Agent {
  /** Also its `client_id`, and the `sub` of its tokens. */
  @PrimaryColumn({ type: 'uuid' })
  id: AgentId;

  @Column({ name: 'client_id', type: 'text' })
  clientId: ClientId;

  @Column({ name: 'organization_id', type: 'uuid' })
  organizationId: OrganizationId;

  /** Unique in the organization, whatever the case of its letters, among agents that are not deactivated. */
  @Column({ type: 'text' })
  name: string;

  @Column({ type: 'text', nullable: true })
  description: string | null;

  /** `pending` until it is activated; `deactivated` for good. */
  @Column({ type: 'text' })
  status: AgentStatus;

  /** The member who answers for it and may manage it. */
  @Column({ name: 'owner_user_id', type: 'uuid', nullable: true })
  ownerUserId: UserId | null;

  /** Whom to write to about it: as told, and no proof of anything. */
  @Column({ name: 'owner_email', type: 'text', nullable: true })
  ownerEmail: string | null;

  @Column({ name: 'agent_type', type: 'text' })
  agentType: AgentType;

  @Column({ name: 'agent_model', type: 'text', nullable: true })
  agentModel: string | null;

  @Column({ name: 'agent_version', type: 'text', nullable: true })
  agentVersion: string | null;

  @Column({ name: 'agent_provider', type: 'text', nullable: true })
  agentProvider: string | null;

  @Column({ type: 'text', array: true })
  capabilities: string[];

  @Column({ name: 'trust_level', type: 'text' })
  trustLevel: TrustLevel;

  /** The registrant's own notes. */
  @Column({ type: 'jsonb' })
  metadata: Record<string, unknown>;

  /** Of agents that sign in with a name and password. */
  @Column({ name: 'password_hash', type: 'text', nullable: true })
  passwordHash: string | null;

  /** HMAC of the one-time token that activates it; null once it was used. */
  @Column({ name: 'registration_token_hash', type: 'bytea', nullable: true })
  registrationTokenHash: Buffer | null;

  @Column({ name: 'registration_token_expires_at', type: 'timestamptz', nullable: true })
  registrationTokenExpiresAt: Date | null;

  @Column({ name: 'activated_at', type: 'timestamptz', nullable: true })
  activatedAt: Date | null;

  @Column({ name: 'suspended_at', type: 'timestamptz', nullable: true })
  suspendedAt: Date | null;

  @Column({ name: 'created_at', type: 'timestamptz' })
  createdAt: Date;

  @Column({ name: 'updated_at', type: 'timestamptz' })
  updatedAt: Date;
}
