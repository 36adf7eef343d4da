import { Body, Controller, Delete, Get, HttpCode, Param, Post, Put, Query, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Access } from '../../platform/http/access.js';
import { CurrentCaller, type Caller } from '../../platform/http/caller.js';
import { AddMemberDto, ChangeMemberDto } from './members.dto.js';
import { MembersService } from './members.service.js';
import { UserDto, UserPageDto, UsersQuery } from './users.dto.js';

@ApiTags('organizations')
@Controller('api/organizations/:id')
export class MembersController {
  constructor(private readonly members: MembersService) {}

  /** Lists the members of the organization. */
  @Get('members')
  @Access.scopes('organizations:read')
  async list(@CurrentCaller() caller: Caller, @Param('id') id: string, @Query() query: UsersQuery): Promise<UserPageDto> {
    const page = await this.members.list(caller, id, query);
    return { data: page.data.map(UserDto.of), next_cursor: page.next_cursor };
  }

  /** Makes somebody who has an account a member. */
  @Post('members')
  @Access.scopes('organizations:write')
  async add(@CurrentCaller() caller: Caller, @Param('id') id: string, @Body() body: AddMemberDto, @Res({ passthrough: true }) reply: FastifyReply): Promise<UserDto> {
    const person = await this.members.add(caller, id, body);
    reply.header('location', `/api/organizations/${id}/members/${person.user.id}`);
    return UserDto.of(person);
  }

  /** Shows a member. */
  @Get('members/:user_id')
  @Access.scopes('organizations:read')
  async get(@CurrentCaller() caller: Caller, @Param('id') id: string, @Param('user_id') userId: string): Promise<UserDto> {
    return UserDto.of(await this.members.get(caller, id, userId));
  }

  /** Changes a member's role. */
  @Put('members/:user_id')
  @Access.scopes('organizations:write')
  async change(@CurrentCaller() caller: Caller, @Param('id') id: string, @Param('user_id') userId: string, @Body() body: ChangeMemberDto): Promise<UserDto> {
    return UserDto.of(await this.members.changeRole(caller, id, userId, body.role));
  }

  /** Ends a membership; the account stays. */
  @Delete('members/:user_id')
  @HttpCode(204)
  @Access.scopes('organizations:write')
  async remove(@CurrentCaller() caller: Caller, @Param('id') id: string, @Param('user_id') userId: string): Promise<void> {
    await this.members.remove(caller, id, userId);
  }

  /** Ends your own membership, whatever your role. */
  @Post('leave')
  @HttpCode(204)
  @Access.authenticated()
  async leave(@CurrentCaller() caller: Caller, @Param('id') id: string): Promise<void> {
    await this.members.leave(caller, id);
  }
}
