import { Controller, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Access } from '../../platform/http/access.js';
import { CurrentCaller, type Caller } from '../../platform/http/caller.js';
import { TaskAdministration } from './task-administration.service.js';
import { TaskDirectory } from './task-directory.service.js';
import { TaskTrees } from './task-tree.service.js';
import { TaskDto, TaskPageDto, TasksQuery, TaskTreeDto } from './tasks.dto.js';

@ApiTags('tasks')
@Controller('api/tasks')
export class TasksController {
  constructor(private readonly directory: TaskDirectory, private readonly administration: TaskAdministration, private readonly trees: TaskTrees) {}

  /** Lists tasks, the newest first: all of the organization for whoever runs it, else those of your agents and those begun for you. */
  @Get()
  @Access.scopes('tasks:read')
  async list(@CurrentCaller() caller: Caller, @Query() query: TasksQuery): Promise<TaskPageDto> {
    const page = await this.directory.list(caller, query);
    return { data: page.data.map(TaskDto.of), next_cursor: page.next_cursor };
  }

  /** Shows a task. */
  @Get(':id')
  @Access.scopes('tasks:read')
  async get(@CurrentCaller() caller: Caller, @Param('id') id: string): Promise<TaskDto> {
    return TaskDto.of(await this.directory.get(caller, id));
  }

  /** Shows everything that came of a task: tasks below it, tokens and how they stand, delegations, agents. */
  @Get(':id/tree')
  @Access.scopes('tasks:read')
  async tree(@CurrentCaller() caller: Caller, @Param('id') id: string): Promise<TaskTreeDto> {
    return TaskTreeDto.of(await this.trees.below(caller, id));
  }

  /** Completes a task: nothing more is issued in it, nor below it. What was issued goes on until it expires. */
  @Post(':id/complete')
  @HttpCode(200)
  @Access.scopes('tasks:write')
  async complete(@CurrentCaller() caller: Caller, @Param('id') id: string): Promise<TaskDto> {
    return TaskDto.of(await this.administration.complete(caller, id));
  }

  /** Cancels a task. Everything that was issued in it, and below it, ends at once. */
  @Post(':id/cancel')
  @HttpCode(200)
  @Access.scopes('tasks:write')
  async cancel(@CurrentCaller() caller: Caller, @Param('id') id: string): Promise<TaskDto> {
    return TaskDto.of(await this.administration.cancel(caller, id));
  }
}
