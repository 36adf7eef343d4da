import { Controller, Get, Param } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Access } from '../../platform/http/access.js';
import { CurrentCaller, type Caller } from '../../platform/http/caller.js';
import { AgentReportDto } from './agent-reports.dto.js';
import { AgentReports } from './agent-reports.service.js';

@ApiTags('admin')
@Controller('api/admin/agents')
export class AgentReportsController {
  constructor(private readonly reports: AgentReports) {}

  /** Tells all of an agent: whether it exists, who owns it, what it can do, why, what it did, and how it is stopped. */
  @Get(':id/report')
  @Access.scopes('admin:read', 'audit:read')
  async show(@CurrentCaller() caller: Caller, @Param('id') id: string): Promise<AgentReportDto> {
    return AgentReportDto.of(await this.reports.of(caller, id));
  }
}
