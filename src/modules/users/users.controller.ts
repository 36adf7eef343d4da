import { Body, Controller, Delete, Get, HttpCode, Param, Post, Put, Query, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Access } from '../../platform/http/access.js';
import { CurrentCaller, type Caller } from '../../platform/http/caller.js';
import { UserAdministration } from './user-administration.service.js';
import { CreateUserDto, SetPasswordDto, UpdateUserDto, UserDto, UserPageDto, UsersQuery } from './users.dto.js';

@ApiTags('users')
@Controller('api/users')
export class UsersController {
  constructor(private readonly users: UserAdministration) {}

  /** Makes somebody a member of the organization, with a new account unless they have one. An existing account stays as it is. */
  @Post()
  @Access.scopes('users:write')
  async create(@CurrentCaller() caller: Caller, @Body() body: CreateUserDto, @Res({ passthrough: true }) reply: FastifyReply): Promise<UserDto> {
    const person = await this.users.create(caller, body);
    reply.header('location', `/api/users/${person.user.id}`);
    return UserDto.of(person);
  }

  /** Lists the people of the organization. */
  @Get()
  @Access.scopes('users:read')
  async list(@CurrentCaller() caller: Caller, @Query() query: UsersQuery): Promise<UserPageDto> {
    const page = await this.users.list(caller, query);
    return { data: page.data.map(UserDto.of), next_cursor: page.next_cursor };
  }

  /** Shows a person of the organization. */
  @Get(':id')
  @Access.scopes('users:read')
  async get(@CurrentCaller() caller: Caller, @Param('id') id: string): Promise<UserDto> {
    return UserDto.of(await this.users.get(caller, id));
  }

  /** Changes what is given, of a person whose account your organization made. Their role: see the members of organizations. */
  @Put(':id')
  @Access.scopes('users:write')
  async update(@CurrentCaller() caller: Caller, @Param('id') id: string, @Body() body: UpdateUserDto): Promise<UserDto> {
    return UserDto.of(await this.users.update(caller, id, body));
  }

  /** Ends the membership, and deletes an account that your organization made when the person is in no other. */
  @Delete(':id')
  @HttpCode(204)
  @Access.scopes('users:write')
  async remove(@CurrentCaller() caller: Caller, @Param('id') id: string): Promise<void> {
    await this.users.remove(caller, id);
  }

  /** Sets a person's password; their tokens and sessions end. For platform administrators, and for owners of the organization that made the account while the person is in no other. */
  @Post(':id/password')
  @HttpCode(204)
  @Access.scopes('users:write')
  async resetPassword(@CurrentCaller() caller: Caller, @Param('id') id: string, @Body() body: SetPasswordDto): Promise<void> {
    await this.users.resetPassword(caller, id, body.new_password);
  }
}
