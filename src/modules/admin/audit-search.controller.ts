import { Controller, Get, Param, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Access } from '../../platform/http/access.js';
import { CurrentCaller, type Caller } from '../../platform/http/caller.js';
import type { Page } from '../../platform/http/page.js';
import type { LoggedEvent } from '../audit/logged-event.js';
import { AuditReading } from './audit-reading.service.js';
import { AuditEventQuery, AuditLogEventDto, AuditLogPageDto, AuditLogQuery, AuditPageQuery } from './audit-search.dto.js';

@ApiTags('audit')
@Controller('api/admin/audit')
export class AuditSearchController {
  constructor(private readonly reading: AuditReading) {}

  /**
   * Searches the audit log of the organization, the newest event first. What is answered is complete up to the moment. A page looks
   * at 20 000 events at most for those that it shows, so one may be short, or empty, while there is more: go on until `next_cursor` is null.
   * Members do not read the log, whatever their applications ask for.
   */
  @Get('logs')
  @Access.scopes('audit:read')
  async list(@CurrentCaller() caller: Caller, @Query() query: AuditLogQuery): Promise<AuditLogPageDto> {
    return pageDto(await this.reading.list(caller, query));
  }

  /** Shows an event. */
  @Get('logs/:id')
  @Access.scopes('audit:read')
  async get(@CurrentCaller() caller: Caller, @Param('id') id: string, @Query() { organization }: AuditEventQuery): Promise<AuditLogEventDto> {
    return AuditLogEventDto.of(await this.reading.get(caller, id, organization));
  }

  /** Lists the events of a task, the oldest first. */
  @Get('task/:id')
  @Access.scopes('audit:read')
  async ofTask(@CurrentCaller() caller: Caller, @Param('id') id: string, @Query() query: AuditPageQuery): Promise<AuditLogPageDto> {
    return pageDto(await this.reading.ofTask(caller, id, query));
  }

  /** Lists the events of a task, of those that it descends from, and of those below it, the oldest first. Together 2000 tasks at most. */
  @Get('task-chain/:id')
  @Access.scopes('audit:read')
  async ofTaskChain(@CurrentCaller() caller: Caller, @Param('id') id: string, @Query() query: AuditPageQuery): Promise<AuditLogPageDto> {
    return pageDto(await this.reading.ofTaskChain(caller, id, query));
  }
}

function pageDto({ data, next_cursor }: Page<LoggedEvent>): AuditLogPageDto {
  return { data: data.map(AuditLogEventDto.of), next_cursor };
}
