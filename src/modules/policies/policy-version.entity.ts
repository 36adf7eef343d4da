import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { PolicyId } from './policy.entity.js';

/** A policy as it once was. Never changed. */
@Entity({ name: 'policy_versions' })
export class PolicyVersion {
  @PrimaryColumn({ name: 'policy_id', type: 'uuid' })
  policyId: PolicyId;

  @PrimaryColumn({ type: 'integer' })
  version: number;

  @Column({ type: 'text' })
  name: string;

  @Column({ type: 'text', nullable: true })
  description: string | null;

  @Column({ type: 'jsonb' })
  rule: Record<string, unknown>;

  @Column({ name: 'is_enabled', type: 'boolean' })
  isEnabled: boolean;

  /** The subject of who made it so. */
  @Column({ name: 'created_by', type: 'text' })
  createdBy: string;

  @Column({ name: 'created_at', type: 'timestamptz' })
  createdAt: Date;
}
