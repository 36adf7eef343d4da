import { Body, Controller, Delete, Get, HttpCode, Param, Post, Put, Query, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Access } from '../../platform/http/access.js';
import { CurrentCaller, type Caller } from '../../platform/http/caller.js';
import { ToolAdministration } from './tool-administration.service.js';
import { CreateToolDto, ToolDto, ToolPageDto, ToolsQuery, UpdateToolDto } from './tools.dto.js';

@ApiTags('tools')
@Controller('api/tools')
export class ToolsController {
  constructor(private readonly tools: ToolAdministration) {}

  /** Defines a tool of the organization. No agent has it before it is assigned. */
  @Post()
  @Access.scopes('tools:write')
  async create(@CurrentCaller() caller: Caller, @Body() body: CreateToolDto, @Res({ passthrough: true }) reply: FastifyReply): Promise<ToolDto> {
    const tool = await this.tools.create(caller, body);
    reply.header('location', `/api/tools/${tool.id}`);
    return ToolDto.of(tool);
  }

  /** Lists the tools of the organization. */
  @Get()
  @Access.scopes('tools:read')
  async list(@CurrentCaller() caller: Caller, @Query() query: ToolsQuery): Promise<ToolPageDto> {
    const page = await this.tools.list(caller, query);
    return { data: page.data.map(ToolDto.of), next_cursor: page.next_cursor };
  }

  /** Shows a tool. */
  @Get(':id')
  @Access.scopes('tools:read')
  async get(@CurrentCaller() caller: Caller, @Param('id') id: string): Promise<ToolDto> {
    return ToolDto.of(await this.tools.get(caller, id));
  }

  /** Changes what is given; a tool keeps its name. */
  @Put(':id')
  @Access.scopes('tools:write')
  async update(@CurrentCaller() caller: Caller, @Param('id') id: string, @Body() body: UpdateToolDto): Promise<ToolDto> {
    return ToolDto.of(await this.tools.update(caller, id, body));
  }

  /** Deletes a tool, and takes it away from every agent that has it. */
  @Delete(':id')
  @HttpCode(204)
  @Access.scopes('tools:write')
  async delete(@CurrentCaller() caller: Caller, @Param('id') id: string): Promise<void> {
    await this.tools.delete(caller, id);
  }

  /** Lets tokens be good for a tool again. */
  @Post(':id/activate')
  @HttpCode(200)
  @Access.scopes('tools:write')
  async activate(@CurrentCaller() caller: Caller, @Param('id') id: string): Promise<ToolDto> {
    return ToolDto.of(await this.tools.activate(caller, id));
  }

  /** Puts a tool out of use: no token is good for it until it is activated. Agents keep it meanwhile. */
  @Post(':id/deactivate')
  @HttpCode(200)
  @Access.scopes('tools:write')
  async deactivate(@CurrentCaller() caller: Caller, @Param('id') id: string): Promise<ToolDto> {
    return ToolDto.of(await this.tools.deactivate(caller, id));
  }
}
