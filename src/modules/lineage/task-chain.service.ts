import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { isId, type OrganizationId } from '../../kernel/ids.js';
import { tasksBelow } from '../tasks/tasks-below.js';
import { taskChainTooLarge, taskNotFound } from './lineage.errors.js';

/** Of one chain. */
const MOST_TASKS = 2000;

/** What a task came of, and what came of it. */
@Injectable()
export class TaskChains {
  constructor(private readonly dataSource: DataSource) {}

  /**
   * The task alone.
   * @throws DomainError `task_not_found` for what is no id
   */
  named(id: string): string[] {
    if (!isId(id)) throw taskNotFound();
    return [id.toLowerCase()];
  }

  /**
   * The task, those that it descends from and those below it, whether they have rows or not. A task of which neither a row nor a
   * token is left stands alone.
   *
   * @param organizationId leaves out what belongs to another one
   * @throws DomainError `task_not_found` for what is no id, `task_chain_too_large`
   */
  async around(organizationId: OrganizationId | undefined, id: string): Promise<string[]> {
    const [own] = this.named(id);
    const rows = await this.dataSource.query<{ id: string }[]>(AROUND, [own, MOST_TASKS + 1, organizationId ?? null]);
    if (rows.length > MOST_TASKS) throw taskChainTooLarge(MOST_TASKS);
    return rows.map((row) => row.id);
  }
}

// A LIMIT right on a recursive query also ends the recursion.
const AROUND = `${tasksBelow('$1::uuid')},
  up (id) AS (
    SELECT $1::uuid
    UNION SELECT coalesce(k.parent_task_id, began.parent_task_id)
      FROM up LEFT JOIN tasks k ON k.id = up.id LEFT JOIN tokens began ON began.token_id = up.id WHERE coalesce(k.parent_task_id, began.parent_task_id) IS NOT NULL)
  SELECT one.id FROM ((SELECT id FROM up LIMIT $2) UNION (SELECT id FROM inside LIMIT $2)) one
    LEFT JOIN tasks k ON k.id = one.id LEFT JOIN tokens began ON began.token_id = one.id
  WHERE $3::uuid IS NULL OR coalesce(k.organization_id, began.organization_id, $3) = $3`;
