import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { In, Repository, type EntityManager } from 'typeorm';
import { nowDate } from '../../kernel/clock.js';
import { isId, timeOfId, type OrganizationId, type TaskId } from '../../kernel/ids.js';
import { Task, type TaskState } from './task.entity.js';

/** A task, whether it has a row or not. */
export interface KnownTask {
  readonly id: TaskId;
  readonly organizationId: OrganizationId;
  readonly clientId: string;
  readonly rootTaskId: TaskId;
  readonly ancestors: readonly TaskId[];
}

export interface NewTask extends Pick<KnownTask, 'id' | 'organizationId' | 'clientId'> {
  readonly description?: string;
  /** The task that it is part of. */
  readonly above?: KnownTask;
}

/** What other modules need of tasks. Nothing here is recorded: the caller's transaction ends with its own event. */
@Injectable()
export class Tasks {
  constructor(@InjectRepository(Task) private readonly tasks: Repository<Task>) {}

  /** The task, if anything was said of it. */
  async find(id: string, manager: EntityManager = this.tasks.manager): Promise<Task | undefined> {
    return isId(id) ? await manager.findOneBy(Task, { id: id as TaskId }) ?? undefined : undefined;
  }

  /** Is it, or any task above it, over? Then nothing more is issued for it. */
  async isOver(task: Task): Promise<boolean> {
    if (task.state !== 'active') return true;
    return task.ancestors.length > 0 && await this.tasks.createQueryBuilder('t').where({ id: In(task.ancestors) }).andWhere(`t.state <> 'active'`).getExists();
  }

  async open(manager: EntityManager, { above, description, ...task }: NewTask): Promise<void> {
    await manager.insert(Task, {
      ...task, description: description ?? null, parentTaskId: above?.id ?? null, rootTaskId: above?.rootTaskId ?? task.id, ancestors: above ? [...above.ancestors, above.id] : [],
      state: 'active', createdAt: nowDate(), endedAt: null,
    });
  }

  /** Gives a task a row that has none yet. */
  async write(manager: EntityManager, task: KnownTask): Promise<void> {
    await manager.createQueryBuilder().insert().into(Task).orIgnore().values({
      id: task.id, organizationId: task.organizationId, clientId: task.clientId, description: null, parentTaskId: task.ancestors.at(-1) ?? null, rootTaskId: task.rootTaskId,
      ancestors: [...task.ancestors], state: 'active', createdAt: timeOfId(task.id), endedAt: null,
    }).execute();
  }

  /** Ends a task that is active, or cancels one that is completed; one that has no row yet gets one. Answers false when it was over before. */
  async end(manager: EntityManager, task: KnownTask, state: Exclude<TaskState, 'active'>): Promise<boolean> {
    await this.write(manager, task);
    const { affected } = await manager.update(Task, { id: task.id, state: state === 'cancelled' ? In(['active', 'completed']) : 'active' }, { state, endedAt: nowDate() });
    return affected === 1;
  }
}
