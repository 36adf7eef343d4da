import { Body, Controller, Get, HttpCode, Post, Put } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Access } from '../../platform/http/access.js';
import { CurrentCaller, type Caller } from '../../platform/http/caller.js';
import { requestContext } from '../../platform/http/request-context.js';
import { AccountService } from './account.service.js';
import { AccountDto, ChangePasswordDto, UpdateAccountDto } from './users.dto.js';

@ApiTags('users')
@Controller('api/users/me')
export class AccountController {
  constructor(private readonly account: AccountService) {}

  /** Shows your account. */
  @Get()
  @Access.authenticated()
  async get(@CurrentCaller() caller: Caller): Promise<AccountDto> {
    return AccountDto.of(await this.account.get(caller), caller.organizationId, caller.role);
  }

  /** Changes what is given of your account. */
  @Put()
  @Access.authenticated()
  async update(@CurrentCaller() caller: Caller, @Body() body: UpdateAccountDto): Promise<AccountDto> {
    return AccountDto.of(await this.account.update(caller, body), caller.organizationId, caller.role);
  }

  /** Changes your password. Every token and session ends, the token of this request included: sign in again. */
  @Post('password')
  @HttpCode(204)
  @Access.authenticated()
  async changePassword(@CurrentCaller() caller: Caller, @Body() body: ChangePasswordDto): Promise<void> {
    await this.account.changePassword(caller, body, requestContext()?.ip ?? 'unknown');
  }
}
