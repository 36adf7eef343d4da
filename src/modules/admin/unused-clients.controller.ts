import { Controller, Get, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Access } from '../../platform/http/access.js';
import { CurrentCaller, type Caller } from '../../platform/http/caller.js';
import { UnusedClientDto, UnusedClientPageDto, UnusedClientsQuery } from './unused-clients.dto.js';
import { UnusedClients } from './unused-clients.service.js';

const USUAL_DAYS = 90;

@ApiTags('clients')
@Controller('api/admin/clients')
export class UnusedClientsController {
  constructor(private readonly unused: UnusedClients) {}

  /** Lists applications and agents that were not used, nor changed, for 90 days or as many as given, and for which no consent and no delegation waits. */
  @Get('unused')
  @Access.scopes('admin:read')
  async list(@CurrentCaller() caller: Caller, @Query() { days = USUAL_DAYS, ...page }: UnusedClientsQuery): Promise<UnusedClientPageDto> {
    const { data, next_cursor } = await this.unused.list(caller, days, page);
    return { data: data.map(UnusedClientDto.of), next_cursor };
  }
}
