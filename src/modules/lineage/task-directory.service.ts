import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { isId } from '../../kernel/ids.js';
import { MasterKey } from '../../platform/crypto/master-key.js';
import type { Caller } from '../../platform/http/caller.js';
import { pageOf, pageStart, type Page, type PageQuery } from '../../platform/http/page.js';
import type { TaskState } from '../tasks/task.entity.js';
import { TokenDirectory } from '../tokens/token-directory.service.js';
import { taskNotFound } from './lineage.errors.js';
import { seesAllTasks, standingTask, tasksQuery, type StandingTask, type TaskConditions, type TaskRow } from './task.queries.js';

const LIST = 'tasks';

export interface TaskFilter extends PageQuery {
  readonly agent_id?: string;
  readonly state?: TaskState;
  readonly root_task_id?: string;
}

/**
 * What callers of the API see of tasks: whoever runs the organization sees all of it, a member those that their agents began and
 * those begun for them, an agent its own.
 */
@Injectable()
export class TaskDirectory {
  private readonly cursorKey: Buffer;

  constructor(private readonly dataSource: DataSource, private readonly tokens: TokenDirectory, masterKey: MasterKey) {
    this.cursorKey = masterKey.derive('list-cursor');
  }

  /** The newest first. A page that looks for some of them may be short, or empty, while there is more. */
  async list(caller: Caller, { agent_id: agentId, state, root_task_id: topTaskId, ...page }: TaskFilter): Promise<Page<StandingTask>> {
    const { limit, after } = pageStart(page, LIST, this.cursorKey);
    // A task goes by the id of its first token, so it is among tokens that one counts how far to look. Below a task one finds at once.
    const showsSome = topTaskId === undefined && (agentId !== undefined || state !== undefined || !seesAllTasks(caller));
    const last = showsSome ? await this.tokens.reach(caller, after) : undefined;
    const tasks = await this.read(caller, { agentId, state, topTaskId, before: after, notBefore: last }, limit + 1);
    return pageOf(tasks, limit, LIST, ({ id }) => id, this.cursorKey, last);
  }

  /** @throws DomainError `task_not_found` */
  async get(caller: Caller, id: string): Promise<StandingTask> {
    const [task] = isId(id) ? await this.read(caller, { id }, 1) : [];
    if (!task) throw taskNotFound();
    return task;
  }

  private async read(caller: Caller, conditions: TaskConditions, limit: number): Promise<StandingTask[]> {
    const { text, values } = tasksQuery(caller, conditions, limit);
    return (await this.dataSource.query<TaskRow[]>(text, values)).map(standingTask);
  }
}
