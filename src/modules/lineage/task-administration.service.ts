import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import type { Caller } from '../../platform/http/caller.js';
import { doneBy } from '../audit/audit-event.js';
import { AuditLog } from '../audit/audit-log.service.js';
import { Endings } from '../audit/endings.service.js';
import { Tasks, type KnownTask } from '../tasks/tasks.service.js';
import { TokenLineage } from '../tokens/token-lineage.service.js';
import { taskCancelled, taskNotFound } from './lineage.errors.js';
import { TaskDirectory } from './task-directory.service.js';
import type { StandingTask } from './task.queries.js';

/** Ends tasks. Whoever sees a task may end it: who began it, who owns that agent, for whom it is, and who runs the organization. */
@Injectable()
export class TaskAdministration {
  constructor(
    private readonly dataSource: DataSource,
    private readonly directory: TaskDirectory,
    private readonly lineage: TokenLineage,
    private readonly tasks: Tasks,
    private readonly endings: Endings,
    private readonly audit: AuditLog,
  ) {}

  /**
   * Nothing more is issued in it, nor below it; what was issued goes on until it expires. One that is completed stays as it is.
   * @throws DomainError `task_not_found`, `task_cancelled`
   */
  async complete(caller: Caller, id: string): Promise<StandingTask> {
    const { state } = await this.directory.get(caller, id);
    if (state === 'cancelled') throw taskCancelled();
    return this.end(caller, id, 'completed');
  }

  /**
   * Ends at once everything that was issued in it and below it. One that is cancelled stays as it is.
   * @throws DomainError `task_not_found`
   */
  async cancel(caller: Caller, id: string): Promise<StandingTask> {
    const task = await this.directory.get(caller, id);
    return task.state === 'cancelled' ? task : this.end(caller, id, 'cancelled');
  }

  /**
   * The task that the caller may end, for a kill switch.
   * @throws DomainError `task_not_found`
   */
  async find(caller: Caller, id: string): Promise<{ readonly task: KnownTask; readonly seen: StandingTask }> {
    const seen = await this.directory.get(caller, id);
    const task = (await this.lineage.findTask(id))?.task;
    if (!task) throw taskNotFound();
    return { task, seen };
  }

  /** Cancels it with all below. The caller's transaction ends with its own event. */
  async cancelIn(manager: EntityManager, task: KnownTask): Promise<void> {
    await this.tasks.end(manager, task, 'cancelled');
  }

  private async end(caller: Caller, id: string, state: 'completed' | 'cancelled'): Promise<StandingTask> {
    const { task, seen: { subject } } = await this.find(caller, id);
    await this.dataSource.transaction(async (manager) => {
      const ended = state === 'cancelled' ? await this.endings.below(manager, { kind: 'task', id, organizationId: task.organizationId }) : undefined;
      if (!await this.tasks.end(manager, task, state)) return;
      await this.audit.recordIn(manager, {
        type: state === 'cancelled' ? 'task.cancelled' : 'task.completed', outcome: 'success', organization_id: task.organizationId, ...doneBy(caller), subject: subject?.id,
        target: { kind: 'task', id }, task_id: id, details: { client_id: task.clientId, ended },
      });
    });
    return this.directory.get(caller, id);
  }
}
