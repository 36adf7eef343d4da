import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { OrganizationId, TaskId } from '../../kernel/ids.js';

export const TASK_STATES = ['active', 'completed', 'cancelled'] as const;
export type TaskState = (typeof TASK_STATES)[number];

/**
 * What something is said of: what it is about, which task it is part of, that it is over. Every token belongs to a task, but a
 * token that continues nothing begins one that goes by the token's own id and has no row until somebody says something of it.
 */
@Entity({ name: 'tasks' })
export class Task {
  @PrimaryColumn({ type: 'uuid' })
  id: TaskId;

  @Column({ name: 'organization_id', type: 'uuid' })
  organizationId: OrganizationId;

  /** The client that began it. */
  @Column({ name: 'client_id', type: 'text' })
  clientId: string;

  @Column({ type: 'text', nullable: true })
  description: string | null;

  @Column({ name: 'parent_task_id', type: 'uuid', nullable: true })
  parentTaskId: TaskId | null;

  @Column({ name: 'root_task_id', type: 'uuid' })
  rootTaskId: TaskId;

  /** Every task above this one, the topmost first. */
  @Column({ type: 'uuid', array: true })
  ancestors: TaskId[];

  /** `completed`: nothing more is issued for it. `cancelled`: nor does anything issued for it, or below it, work any more. */
  @Column({ type: 'text' })
  state: TaskState;

  @Column({ name: 'created_at', type: 'timestamptz' })
  createdAt: Date;

  @Column({ name: 'ended_at', type: 'timestamptz', nullable: true })
  endedAt: Date | null;
}
