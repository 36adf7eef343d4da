import type { OrganizationId, TaskId } from '../../kernel/ids.js';
import type { Caller } from '../../platform/http/caller.js';
import { standingOf } from '../organizations/roles.js';
import type { TaskState } from '../tasks/task.entity.js';
import { tasksBelow } from '../tasks/tasks-below.js';

/** A task as it stands, whether it has a row or is known by its tokens alone. */
export interface StandingTask {
  readonly id: TaskId;
  readonly organizationId: OrganizationId;
  /** The client that began it. */
  readonly clientId: string;
  readonly description: string | null;
  readonly parentTaskId: TaskId | null;
  readonly rootTaskId: TaskId;
  /** For whom it was begun; null when the ledger no longer knows. */
  readonly subject: { readonly kind: 'user' | 'agent' | 'client'; readonly id: string } | null;
  /** What is above it counts: below a cancelled task everything is cancelled. */
  readonly state: TaskState;
  readonly createdAt: Date;
  readonly endedAt: Date | null;
}

export interface TaskRow {
  id: TaskId;
  organization_id: OrganizationId;
  client_id: string;
  description: string | null;
  parent_task_id: TaskId | null;
  root_task_id: TaskId;
  subject: string | null;
  user_id: string | null;
  agent_id: string | null;
  state: TaskState;
  created_at: Date;
  ended_at: Date | null;
}

export function standingTask(row: TaskRow): StandingTask {
  return {
    id: row.id, organizationId: row.organization_id, clientId: row.client_id, description: row.description, parentTaskId: row.parent_task_id, rootTaskId: row.root_task_id,
    subject: row.subject === null ? null : { kind: row.user_id !== null ? 'user' : row.agent_id !== null ? 'agent' : 'client', id: row.subject },
    state: row.state, createdAt: row.created_at, endedAt: row.ended_at,
  };
}

export interface TaskConditions {
  readonly id?: string;
  /** Only tasks before this one, counted from the newest. */
  readonly before?: string;
  /** And none after this one. */
  readonly notBefore?: string;
  readonly agentId?: string;
  readonly state?: TaskState;
  /** Only this task and those below it. */
  readonly topTaskId?: string;
}

/** From a task up to its root: the states on the way decide over its own. */
const PATH = (id: string, parent: string) => `LATERAL (
  WITH RECURSIVE up (id, parent, level) AS (
    SELECT ${id}, ${parent}, 0
    UNION ALL SELECT up.parent, coalesce(above.parent_task_id, began.parent_task_id), up.level + 1
      FROM up LEFT JOIN tasks above ON above.id = up.parent LEFT JOIN tokens began ON began.token_id = up.parent WHERE up.parent IS NOT NULL)
  SELECT (array_agg(up.id ORDER BY up.level DESC))[1] AS root_task_id,
    CASE WHEN bool_or(told.state = 'cancelled') THEN 'cancelled' WHEN bool_or(told.state = 'completed') THEN 'completed' ELSE 'active' END AS state
  FROM up LEFT JOIN tasks told ON told.id = up.id) path`;

/**
 * Tasks that the caller sees, the newest first: whoever runs the organization sees all of it, a member those that their agents
 * began and those begun for them, an agent its own.
 */
export function tasksQuery(caller: Caller, conditions: TaskConditions, limit: number): { text: string; values: unknown[] } {
  const values: unknown[] = [caller.organizationId];
  const value = (one: unknown) => `$${values.push(one)}`;
  const { id, before, notBefore, agentId, state, topTaskId } = conditions;
  const isOver = state === 'completed' || state === 'cancelled';
  const [sameId, earlierId, lastId, ofClient, inState] = [id, before, notBefore, agentId, state].map((one) => (one === undefined ? undefined : value(one)));
  const prelude = topTaskId === undefined ? '' : tasksBelow(`${value(topTaskId)}::uuid`);
  const self = seesAllTasks(caller) ? undefined : value(caller.subject);
  const most = value(limit);
  const where = (columns: { id: string; organization: string; client: string; parent: string; state?: string }) => [
    `${columns.organization} = $1`,
    sameId && `${columns.id} = ${sameId}`,
    earlierId && `${columns.id} < ${earlierId}`,
    lastId && `${columns.id} >= ${lastId}`,
    ofClient && `${columns.client} = ${ofClient}`,
    inState && `path.state = ${inState}`,
    // Most tasks have no row and nothing above them: they are active, and need not be looked at one by one.
    isOver && (columns.state === undefined ? `${columns.parent} IS NOT NULL` : `(${columns.state} <> 'active' OR ${columns.parent} IS NOT NULL)`),
    topTaskId !== undefined && `${columns.id} IN (SELECT id FROM inside)`,
    self && (caller.kind === 'agent' ? `${columns.client} = ${self}`
      : `(began.user_id = ${self} OR ${columns.client} IN (SELECT owned.client_id FROM agents owned WHERE owned.owner_user_id = ${self}))`),
  ].filter(Boolean).join(' AND ');
  return {
    values,
    text: `${prelude} SELECT * FROM (
      (SELECT k.id, k.organization_id, k.client_id, k.description, k.parent_task_id, path.root_task_id, began.subject, began.user_id, began.agent_id, path.state, k.created_at, k.ended_at
       FROM tasks k LEFT JOIN tokens began ON began.token_id = k.id, ${PATH('k.id', 'k.parent_task_id')}
       WHERE ${where({ id: 'k.id', organization: 'k.organization_id', client: 'k.client_id', parent: 'k.parent_task_id', state: 'k.state' })} ORDER BY k.id DESC LIMIT ${most})
      UNION ALL
      (SELECT began.token_id, began.organization_id, began.client_id, NULL, began.parent_task_id, path.root_task_id, began.subject, began.user_id, began.agent_id, path.state, began.issued_at, NULL
       FROM tokens began, ${PATH('began.token_id', 'began.parent_task_id')}
       WHERE began.task_id = began.token_id AND NOT EXISTS (SELECT FROM tasks told WHERE told.id = began.token_id)
         AND ${where({ id: 'began.token_id', organization: 'began.organization_id', client: 'began.client_id', parent: 'began.parent_task_id' })} ORDER BY began.token_id DESC LIMIT ${most})
    ) known ORDER BY id DESC LIMIT ${most}`,
  };
}

export function seesAllTasks(caller: Caller): boolean {
  return caller.kind !== 'agent' && standingOf(caller) !== 'member';
}
