import { IsIn, IsUUID } from 'class-validator';
import { IsOmittable } from '../../platform/http/omittable.js';
import { PageQuery } from '../../platform/http/page.js';
import { TASK_STATES, type TaskState } from '../tasks/task.entity.js';
import type { StandingTask } from './task.queries.js';
import type { TaskTree, TreeAgent, TreeDelegation, TreeTask, TreeToken } from './task-tree.service.js';

export class TasksQuery extends PageQuery {
  /** Only tasks that this agent began: its `client_id`. */
  @IsOmittable() @IsUUID()
  agent_id?: string;

  /** Only tasks in this state, what is above them considered. */
  @IsOmittable() @IsIn(TASK_STATES)
  state?: TaskState;

  /** Only this task and those below it. */
  @IsOmittable() @IsUUID()
  root_task_id?: string;
}

export class TaskDto {
  id: string;
  /** The client that began it; of an agent also the agent's id. */
  client_id: string;
  /** For whom it was begun: the subject of its first token. Null when the ledger no longer has that. */
  subject: { kind: 'user' | 'agent' | 'client'; id: string } | null;
  description: string | null;
  parent_task_id: string | null;
  root_task_id: string;
  /**
   * `completed`: nothing more is issued in it, nor below it. `cancelled`: nor does anything that was issued there work any more.
   * A task is over with the one above it.
   */
  state: 'active' | 'completed' | 'cancelled';
  created_at: string;
  /** When somebody ended this task itself. */
  ended_at: string | null;

  static of(this: void, task: StandingTask): TaskDto {
    return {
      id: task.id,
      client_id: task.clientId,
      subject: task.subject,
      description: task.description,
      parent_task_id: task.parentTaskId,
      root_task_id: task.rootTaskId,
      state: task.state,
      created_at: task.createdAt.toISOString(),
      ended_at: task.endedAt?.toISOString() ?? null,
    };
  }
}

export class TaskPageDto {
  data: TaskDto[];
  /** Give it as `cursor` to get the next page; null on the last one. */
  next_cursor: string | null;
}

export class TaskNodeDto {
  id: string;
  parent_task_id: string | null;
  client_id: string;
  description: string | null;
  state: 'active' | 'completed' | 'cancelled';
  created_at: string;
  ended_at: string | null;

  static of(this: void, { created_at, ended_at, ...task }: TreeTask): TaskNodeDto {
    return { ...task, created_at: created_at.toISOString(), ended_at: ended_at?.toISOString() ?? null };
  }
}

export class TokenNodeDto {
  token_id: string;
  parent_token_id: string | null;
  task_id: string;
  delegation_grant_id: string | null;
  client_id: string;
  subject: { kind: 'user' | 'agent' | 'client'; id: string };
  kind: 'access_token' | 'refresh_token';
  grant_type: string;
  /** Space-separated. */
  scope: string;
  audience: string | null;
  issued_at: string;
  expires_at: string;
  active: boolean;
  /** Why it is not active, e.g. `token_expired`, `task_cancelled`, `ancestor_inactive`. */
  inactive_because: string | null;

  static of(this: void, { subject, user_id, agent_id, issued_at, expires_at, dead, ...token }: TreeToken): TokenNodeDto {
    return {
      ...token,
      subject: { kind: user_id !== null ? 'user' : agent_id !== null ? 'agent' : 'client', id: subject },
      issued_at: issued_at.toISOString(),
      expires_at: expires_at.toISOString(),
      active: dead === null,
      inactive_because: dead,
    };
  }
}

export class DelegationNodeDto {
  id: string;
  parent_grant_id: string | null;
  principal: { kind: 'user' | 'agent'; id: string };
  agent_id: string;
  scopes: string[];
  purpose: string | null;
  is_active: boolean;

  static of(this: void, { principal_kind: kind, principal_id: id, ...grant }: TreeDelegation): DelegationNodeDto {
    return { ...grant, principal: { kind, id } };
  }
}

export class AgentNodeDto {
  id: string;
  name: string;
  status: string;

  static of(this: void, { id, name, status }: TreeAgent): AgentNodeDto {
    return { id, name, status };
  }
}

/** Flat: each node names the one above it, and what it belongs to, by id. */
export class TaskTreeDto {
  /** The task at the top of this tree. */
  task_id: string;
  /** The task at the top of all, where this one is part of another. */
  root_task_id: string;
  /** It and all below it, by age. */
  tasks: TaskNodeDto[];
  /** Every token issued in any of them, and every one that descends from those, by age. */
  tokens: TokenNodeDto[];
  /** The delegations that the tokens stand on, up to their principals. */
  delegations: DelegationNodeDto[];
  /** The agents that have a part in it. */
  agents: AgentNodeDto[];
  /** Whether there are more tasks or tokens than are shown, 10 000 of each. */
  is_truncated: boolean;

  static of(this: void, { top, tasks, tokens, delegations, agents, isTruncated }: TaskTree): TaskTreeDto {
    return {
      task_id: top.id,
      root_task_id: top.rootTaskId,
      tasks: tasks.map(TaskNodeDto.of),
      tokens: tokens.map(TokenNodeDto.of),
      delegations: delegations.map(DelegationNodeDto.of),
      agents: agents.map(AgentNodeDto.of),
      is_truncated: isTruncated,
    };
  }
}
