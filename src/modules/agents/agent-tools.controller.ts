import { Controller, Delete, Get, HttpCode, Param, Post, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Access } from '../../platform/http/access.js';
import { CurrentCaller, type Caller } from '../../platform/http/caller.js';
import { AgentToolDto, AgentToolListDto } from './agent-tools.dto.js';
import { AgentTools } from './agent-tools.service.js';

@ApiTags('agents')
@Controller('api/agents/:id/tools')
export class AgentToolsController {
  constructor(private readonly tools: AgentTools) {}

  /** Lists the tools that an agent has. */
  @Get()
  @Access.scopes('agents:read')
  async list(@CurrentCaller() caller: Caller, @Param('id') id: string): Promise<AgentToolListDto> {
    return { data: (await this.tools.list(caller, id)).map(AgentToolDto.of), next_cursor: null };
  }

  /** Gives an agent a tool. You must be able to hand out every scope that the tool requires. One that it has already stays. */
  @Post(':tool_id')
  @Access.scopes('agents:write')
  async assign(
    @CurrentCaller() caller: Caller, @Param('id') id: string, @Param('tool_id') toolId: string, @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<AgentToolDto> {
    const tool = await this.tools.assign(caller, id, toolId);
    reply.header('location', `/api/agents/${id}/tools`);
    return AgentToolDto.of(tool);
  }

  /** Takes a tool away from an agent. */
  @Delete(':tool_id')
  @HttpCode(204)
  @Access.scopes('agents:write')
  async remove(@CurrentCaller() caller: Caller, @Param('id') id: string, @Param('tool_id') toolId: string): Promise<void> {
    await this.tools.remove(caller, id, toolId);
  }
}
