import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { AgentId, Id, OrganizationId } from '../../kernel/ids.js';
import type { AuthorizationDetail } from './authority.js';

export type DelegationGrantId = Id<'delegation_grant'>;

/** How a delegation came about. */
export const DELEGATION_ORIGINS = ['principal', 'administrator', 'consent', 'delegate'] as const;
export type DelegationOrigin = (typeof DELEGATION_ORIGINS)[number];

/** Who may act, or let act. */
export type PrincipalKind = 'user' | 'agent';

/** Somebody lets an agent act for them, within bounds. It stands until it ends by itself, or is revoked, or anything above it is. */
@Entity({ name: 'delegation_grants' })
export class DelegationGrant {
  @PrimaryColumn({ type: 'uuid' })
  id: DelegationGrantId;

  @Column({ name: 'organization_id', type: 'uuid' })
  organizationId: OrganizationId;

  /** Made by the principal, by an administrator for them, by agreeing on the consent page, or by an agent that hands on. */
  @Column({ type: 'text' })
  origin: DelegationOrigin;

  /** Who delegates: the person or agent whose step in the chain this is. */
  @Column({ name: 'principal_kind', type: 'text' })
  principalKind: PrincipalKind;

  @Column({ name: 'principal_id', type: 'uuid' })
  principalId: string;

  /** For whom the agent acts in the end: the principal at the top of the chain, and the `sub` of tokens issued for it. */
  @Column({ name: 'subject_kind', type: 'text' })
  subjectKind: PrincipalKind;

  @Column({ name: 'subject_id', type: 'uuid' })
  subjectId: string;

  /** The delegate. */
  @Column({ name: 'agent_id', type: 'uuid' })
  agentId: AgentId;

  @Column({ name: 'parent_grant_id', type: 'uuid', nullable: true })
  parentGrantId: DelegationGrantId | null;

  /** Every delegation above this one, the topmost first. */
  @Column({ type: 'uuid', array: true })
  ancestors: DelegationGrantId[];

  @Column({ type: 'text', array: true })
  scopes: string[];

  /** Null: whichever tools the agent has. */
  @Column({ type: 'text', array: true, nullable: true })
  tools: string[] | null;

  /** Null: wherever its scopes are offered. */
  @Column({ type: 'text', array: true, nullable: true })
  resources: string[] | null;

  @Column({ name: 'authorization_details', type: 'jsonb' })
  authorizationDetails: AuthorizationDetail[];

  /** What it is for, in the principal's words. */
  @Column({ type: 'text', nullable: true })
  purpose: string | null;

  /** How many further delegations may follow one another below it. */
  @Column({ name: 'max_depth', type: 'integer' })
  maxDepth: number;

  @Column({ name: 'not_before', type: 'timestamptz', nullable: true })
  notBefore: Date | null;

  @Column({ name: 'expires_at', type: 'timestamptz', nullable: true })
  expiresAt: Date | null;

  /** Seconds. */
  @Column({ name: 'max_token_ttl', type: 'integer', nullable: true })
  maxTokenTtl: number | null;

  /** How many tokens may be issued for it and for what is below it; null for any number. */
  @Column({ name: 'max_uses', type: 'integer', nullable: true })
  maxUses: number | null;

  /** Counted only where there is a limit. */
  @Column({ type: 'integer' })
  uses: number;

  /** What may be used by it, metered by `limits`. Calls in an hour. */
  @Column({ name: 'requests_per_hour', type: 'integer', nullable: true })
  requestsPerHour: number | null;

  /** Millionths of a US dollar, for as long as it stands. */
  @Column({ name: 'cost_budget_micros', type: 'bigint', nullable: true, transformer: { from: (value: string | null) => (value === null ? null : Number(value)), to: (value: number | null) => value } })
  costBudgetMicros: number | null;

  /** Names of actions; no other is allowed. Null for any. */
  @Column({ name: 'allowed_actions', type: 'text', array: true, nullable: true })
  allowedActions: string[] | null;

  @Column({ name: 'created_at', type: 'timestamptz' })
  createdAt: Date;

  @Column({ name: 'revoked_at', type: 'timestamptz', nullable: true })
  revokedAt: Date | null;
}
