import { Controller, Delete, Get, HttpCode, Param, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Access } from '../../platform/http/access.js';
import { CurrentCaller, type Caller } from '../../platform/http/caller.js';
import { ConsentDto, ConsentPageDto, ConsentsQuery } from './consents.dto.js';
import { OwnConsents } from './own-consents.service.js';

@ApiTags('users')
@Controller('api/users/me/consents')
export class ConsentsController {
  constructor(private readonly consents: OwnConsents) {}

  /** Lists what you let clients do for you in this organization. */
  @Get()
  @Access.authenticated()
  async list(@CurrentCaller() caller: Caller, @Query() query: ConsentsQuery): Promise<ConsentPageDto> {
    const page = await this.consents.list(caller, query);
    return { data: page.data.map(ConsentDto.of), next_cursor: page.next_cursor };
  }

  /** Takes a consent back. Every token that the client got by it ends. */
  @Delete(':id')
  @HttpCode(204)
  @Access.authenticated()
  async revoke(@CurrentCaller() caller: Caller, @Param('id') id: string): Promise<void> {
    await this.consents.revoke(caller, id);
  }
}
