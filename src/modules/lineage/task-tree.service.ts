import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { epochSeconds } from '../../kernel/clock.js';
import type { Caller } from '../../platform/http/caller.js';
import { delegationIsDead } from '../delegation/delegation-liveness.js';
import type { TaskState } from '../tasks/task.entity.js';
import { tasksBelow } from '../tasks/tasks-below.js';
import { standingOfAll, type Death } from '../tokens/token-liveness.js';
import { TaskDirectory } from './task-directory.service.js';
import type { StandingTask } from './task.queries.js';

/** Of each kind. What is nearest to the top comes first. */
const MOST = 10_000;

/** Nodes under their column names; each names the one above it of its kind. */
export interface TaskTree {
  readonly top: StandingTask;
  readonly tasks: readonly TreeTask[];
  readonly tokens: readonly TreeToken[];
  readonly delegations: readonly TreeDelegation[];
  readonly agents: readonly TreeAgent[];
  readonly isTruncated: boolean;
}

export interface TreeTask {
  id: string;
  parent_task_id: string | null;
  client_id: string;
  description: string | null;
  state: TaskState;
  created_at: Date;
  ended_at: Date | null;
}

export interface TreeToken {
  token_id: string;
  parent_token_id: string | null;
  task_id: string;
  delegation_grant_id: string | null;
  client_id: string;
  subject: string;
  user_id: string | null;
  agent_id: string | null;
  kind: 'access_token' | 'refresh_token';
  grant_type: string;
  scope: string;
  audience: string | null;
  issued_at: Date;
  expires_at: Date;
  dead: Death | null;
}

export interface TreeDelegation {
  id: string;
  parent_grant_id: string | null;
  principal_kind: 'user' | 'agent';
  principal_id: string;
  agent_id: string;
  scopes: string[];
  purpose: string | null;
  is_active: boolean;
}

export interface TreeAgent {
  id: string;
  name: string;
  status: string;
}

/**
 * Everything that came of a task: the tasks below it, every token issued in any of them or descending from one that was, the
 * delegations that these stand on, and the agents that have a part in it. Five statements, however large it is.
 */
@Injectable()
export class TaskTrees {
  constructor(private readonly dataSource: DataSource, private readonly directory: TaskDirectory) {}

  /** @throws DomainError `task_not_found` */
  async below(caller: Caller, id: string): Promise<TaskTree> {
    const top = await this.directory.get(caller, id);
    const tasks = await this.dataSource.query<TreeTask[]>(TASKS, [id, MOST + 1]);
    const tokens = await this.dataSource.query<TreeToken[]>(TOKENS, [tasks.map((task) => task.id), MOST + 1, epochSeconds()]);
    const isTruncated = tasks.length > MOST || tokens.length > MOST;
    tasks.splice(MOST);
    tokens.splice(MOST);
    const grants = unique(tokens.map((token) => token.delegation_grant_id));
    const delegations = grants.length === 0 ? [] : await this.dataSource.query<TreeDelegation[]>(DELEGATIONS, [grants, epochSeconds()]);
    const parties = unique([...tasks, ...tokens].map((one) => one.client_id).concat(delegations.flatMap(({ agent_id, principal_id }) => [agent_id, principal_id])));
    const agents = await this.dataSource.query<TreeAgent[]>('SELECT id, name, status FROM agents WHERE client_id = ANY ($1) AND organization_id = $2 ORDER BY id', [parties, caller.organizationId]);
    return { top, tasks: withStates(tasks, top), tokens, delegations, agents, isTruncated };
  }
}

// A LIMIT right on a recursive query also ends the recursion.
const TASKS = `${tasksBelow('$1::uuid')}
  SELECT one.id, coalesce(k.parent_task_id, began.parent_task_id) AS parent_task_id, coalesce(k.client_id, began.client_id) AS client_id, k.description,
    coalesce(k.state, 'active') AS state, coalesce(k.created_at, began.issued_at) AS created_at, k.ended_at
  FROM (SELECT id FROM inside LIMIT $2) one LEFT JOIN tasks k ON k.id = one.id LEFT JOIN tokens began ON began.token_id = one.id
  WHERE coalesce(k.id, began.token_id) IS NOT NULL
  ORDER BY one.id`;

const TOKENS = `WITH RECURSIVE
  first AS (
    SELECT t.token_id FROM unnest($1::uuid[]) AS one (id) JOIN tokens t ON t.token_id = one.id
    UNION ALL SELECT t.token_id FROM unnest($1::uuid[]) AS one (id) JOIN tokens t ON t.task_id = one.id AND t.task_id <> t.token_id),
  below AS (SELECT token_id FROM first UNION SELECT child.token_id FROM below JOIN tokens child ON child.parent_token_id = below.token_id),
  shown AS (SELECT token_id FROM below LIMIT $2),
  ${standingOfAll('shown', 'to_timestamp($3)')}
  SELECT t.token_id, t.parent_token_id, t.task_id, t.delegation_grant_id, t.client_id, t.subject, t.user_id, t.agent_id, t.kind, t.grant_type, t.scope, t.audience,
    t.issued_at, t.expires_at, standing.dead
  FROM standing JOIN tokens t ON t.token_id = standing.token_id
  ORDER BY t.token_id`;

const DELEGATIONS = `SELECT d.id, d.parent_grant_id, d.principal_kind, d.principal_id, d.agent_id, d.scopes, d.purpose, NOT coalesce(${delegationIsDead('d', 'to_timestamp($2)')}, false) AS is_active
  FROM delegation_grants d
  WHERE d.id = ANY ($1) OR d.id IN (SELECT unnest(lower.ancestors) FROM delegation_grants lower WHERE lower.id = ANY ($1))
  ORDER BY d.id`;

/** What is above a task counts: below a cancelled task everything is cancelled, below a completed one nothing is active. */
function withStates(tasks: readonly TreeTask[], top: StandingTask): TreeTask[] {
  const byId = new Map(tasks.map((task) => [task.id, task]));
  const states = new Map<string, TaskState>([[top.id, top.state]]);
  const stateOf = (task: TreeTask): TaskState => {
    const known = states.get(task.id);
    if (known) return known;
    // Said before it is known, so that nothing goes round in a circle.
    states.set(task.id, task.state);
    const above = task.parent_task_id === null ? undefined : byId.get(task.parent_task_id);
    const state = graver(task.state, above ? stateOf(above) : 'active');
    states.set(task.id, state);
    return state;
  };
  return tasks.map((task) => ({ ...task, state: stateOf(task) }));
}

function graver(one: TaskState, other: TaskState): TaskState {
  return [one, other].includes('cancelled') ? 'cancelled' : [one, other].includes('completed') ? 'completed' : 'active';
}

function unique(values: readonly (string | null)[]): string[] {
  return [...new Set(values)].filter((value) => value !== null);
}
