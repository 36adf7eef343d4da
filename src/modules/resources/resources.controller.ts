import { Body, Controller, Delete, Get, HttpCode, Param, Post, Put, Query, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Access } from '../../platform/http/access.js';
import { CurrentCaller, type Caller } from '../../platform/http/caller.js';
import { ResourceAdministration } from './resource-administration.service.js';
import { CreateResourceDto, ResourceDto, ResourcePageDto, ResourcesQuery, UpdateResourceDto } from './resources.dto.js';

@ApiTags('resources')
@Controller('api/resources')
export class ResourcesController {
  constructor(private readonly resources: ResourceAdministration) {}

  /** Registers an API or MCP server that accepts tokens of this server. */
  @Post()
  @Access.scopes('resources:write')
  async create(@CurrentCaller() caller: Caller, @Body() body: CreateResourceDto, @Res({ passthrough: true }) reply: FastifyReply): Promise<ResourceDto> {
    const resource = await this.resources.create(caller, body);
    reply.header('location', `/api/resources/${resource.id}`);
    return ResourceDto.of(resource);
  }

  /** Lists the resources of the organization and this server's own API. */
  @Get()
  @Access.scopes('resources:read')
  async list(@CurrentCaller() caller: Caller, @Query() query: ResourcesQuery): Promise<ResourcePageDto> {
    const page = await this.resources.list(caller, query);
    return { data: page.data.map(ResourceDto.of), next_cursor: page.next_cursor };
  }

  /** Shows a resource. */
  @Get(':id')
  @Access.scopes('resources:read')
  async get(@CurrentCaller() caller: Caller, @Param('id') id: string): Promise<ResourceDto> {
    return ResourceDto.of(await this.resources.get(caller, id));
  }

  /** Changes what is given; a resource keeps its identifier. Tokens that are out stay as they are. */
  @Put(':id')
  @Access.scopes('resources:write')
  async update(@CurrentCaller() caller: Caller, @Param('id') id: string, @Body() body: UpdateResourceDto): Promise<ResourceDto> {
    return ResourceDto.of(await this.resources.update(caller, id, body));
  }

  /** Deletes a resource. No token is issued for it any more. */
  @Delete(':id')
  @HttpCode(204)
  @Access.scopes('resources:write')
  async delete(@CurrentCaller() caller: Caller, @Param('id') id: string): Promise<void> {
    await this.resources.delete(caller, id);
  }
}
