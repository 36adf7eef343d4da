import { Body, Controller, Delete, Get, HttpCode, Param, Post, Query, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Access } from '../../platform/http/access.js';
import { CurrentCaller, type Caller } from '../../platform/http/caller.js';
import { PageQuery } from '../../platform/http/page.js';
import { DelegationAdministration } from './delegation-administration.service.js';
import { DelegationDirectory } from './delegation-directory.service.js';
import { DelegationRevocation } from './delegation-revocation.service.js';
import { CreateDelegationDto, DelegateOnwardsDto, DelegationChainDto, DelegationDto, DelegationPageDto, DelegationsQuery } from './delegations.dto.js';

@ApiTags('delegations')
@Controller('api/delegations')
export class DelegationsController {
  constructor(private readonly delegations: DelegationAdministration, private readonly directory: DelegationDirectory, private readonly revocation: DelegationRevocation) {}

  /** Lets an agent act for you, within bounds. */
  @Post()
  @Access.scopes('delegations:write')
  async create(@CurrentCaller() caller: Caller, @Body() body: CreateDelegationDto, @Res({ passthrough: true }) reply: FastifyReply): Promise<DelegationDto> {
    const grant = await this.delegations.create(caller, body);
    reply.header('location', `/api/delegations/${grant.id}`);
    return DelegationDto.of({ grant, isActive: true });
  }

  /** Lists delegations: all of the organization for whoever runs it, else those you made, got, or are acted for by. */
  @Get()
  @Access.scopes('delegations:read')
  async list(@CurrentCaller() caller: Caller, @Query() query: DelegationsQuery): Promise<DelegationPageDto> {
    const page = await this.directory.list(caller, query);
    return { data: page.data.map(DelegationDto.of), next_cursor: page.next_cursor };
  }

  /** Lists what one person or agent delegated, and what was handed on from it. */
  @Get('principal/:id')
  @Access.scopes('delegations:read')
  async ofPrincipal(@CurrentCaller() caller: Caller, @Param('id') id: string, @Query() query: PageQuery): Promise<DelegationPageDto> {
    const page = await this.directory.ofPrincipal(caller, id, query);
    return { data: page.data.map(DelegationDto.of), next_cursor: page.next_cursor };
  }

  /** Shows a delegation. */
  @Get(':id')
  @Access.scopes('delegations:read')
  async get(@CurrentCaller() caller: Caller, @Param('id') id: string): Promise<DelegationDto> {
    return DelegationDto.of(await this.directory.get(caller, id));
  }

  /** Shows the way up to the principal, and everything handed on below. */
  @Get(':id/chain')
  @Access.scopes('delegations:read')
  async chain(@CurrentCaller() caller: Caller, @Param('id') id: string): Promise<DelegationChainDto> {
    const { path, descendants, isTruncated } = await this.directory.chain(caller, id);
    return { path: path.map(DelegationDto.of), descendants: descendants.map(DelegationDto.of), is_truncated: isTruncated };
  }

  /** Hands a delegation on to another agent, with less than you hold. Only the agent that it was made to can. */
  @Post(':id/delegate')
  @Access.scopes('delegations:write')
  async delegate(
    @CurrentCaller() caller: Caller, @Param('id') id: string, @Body() body: DelegateOnwardsDto, @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<DelegationDto> {
    const grant = await this.delegations.handOn(caller, id, body);
    reply.header('location', `/api/delegations/${grant.id}`);
    return DelegationDto.of({ grant, isActive: true });
  }

  /** Takes a delegation back. Everything handed on below it, and every token issued for any of it, ends at once. */
  @Delete(':id')
  @HttpCode(204)
  @Access.scopes('delegations:write')
  async revoke(@CurrentCaller() caller: Caller, @Param('id') id: string): Promise<void> {
    await this.revocation.revoke(caller, id);
  }
}
