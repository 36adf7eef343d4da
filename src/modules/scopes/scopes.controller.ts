import { Body, Controller, Delete, Get, HttpCode, Param, Post, Put, Query, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Access } from '../../platform/http/access.js';
import { CurrentCaller, type Caller } from '../../platform/http/caller.js';
import { ScopeAdministration } from './scope-administration.service.js';
import { CreateScopeDto, ExpandedScopesDto, ExpandScopesDto, RegisteredScopeDto, ScopeDto, ScopePageDto, ScopeRegistryDto, ScopesQuery, UpdateScopeDto } from './scopes.dto.js';

@ApiTags('scopes')
@Controller('api/scopes')
export class ScopesController {
  constructor(private readonly scopes: ScopeAdministration) {}

  /** Defines a scope of the organization. */
  @Post()
  @Access.scopes('scopes:write')
  async create(@CurrentCaller() caller: Caller, @Body() body: CreateScopeDto, @Res({ passthrough: true }) reply: FastifyReply): Promise<ScopeDto> {
    const scope = await this.scopes.create(caller, body);
    reply.header('location', `/api/scopes/${scope.id}`);
    return ScopeDto.of(scope);
  }

  /** Lists the scopes of the organization and those that come with the server. */
  @Get()
  @Access.scopes('scopes:read')
  async list(@CurrentCaller() caller: Caller, @Query() query: ScopesQuery): Promise<ScopePageDto> {
    const page = await this.scopes.list(caller, query);
    return { data: page.data.map(ScopeDto.of), next_cursor: page.next_cursor };
  }

  /** Lists the scopes that can be asked for, each taken apart into resource, action and qualifiers. */
  @Get('registry')
  @Access.scopes('scopes:read')
  async registry(@CurrentCaller() caller: Caller, @Query() query: ScopesQuery): Promise<ScopeRegistryDto> {
    const page = await this.scopes.registry(caller, query);
    return { data: page.data.map(RegisteredScopeDto.of), next_cursor: page.next_cursor };
  }

  /** Tells what somebody with these scopes would have, and why. */
  @Post('expand')
  @HttpCode(200)
  @Access.scopes('scopes:read')
  async expand(@CurrentCaller() caller: Caller, @Body() body: ExpandScopesDto): Promise<ExpandedScopesDto> {
    return ExpandedScopesDto.of(await this.scopes.expand(caller, body.scopes));
  }

  /** Shows a scope. */
  @Get(':id')
  @Access.scopes('scopes:read')
  async get(@CurrentCaller() caller: Caller, @Param('id') id: string): Promise<ScopeDto> {
    return ScopeDto.of(await this.scopes.get(caller, id));
  }

  /** Changes what is given; a scope keeps its name. */
  @Put(':id')
  @Access.scopes('scopes:write')
  async update(@CurrentCaller() caller: Caller, @Param('id') id: string, @Body() body: UpdateScopeDto): Promise<ScopeDto> {
    return ScopeDto.of(await this.scopes.update(caller, id, body));
  }

  /** Deletes a scope. No token gets it any more. */
  @Delete(':id')
  @HttpCode(204)
  @Access.scopes('scopes:write')
  async delete(@CurrentCaller() caller: Caller, @Param('id') id: string): Promise<void> {
    await this.scopes.delete(caller, id);
  }
}
