import { Body, Controller, Get, HttpCode, Param, Post, Put, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Access } from '../../platform/http/access.js';
import { CurrentCaller, type Caller } from '../../platform/http/caller.js';
import { AcceptsIdempotencyKey, IdempotencyKey } from '../../platform/http/idempotency-key.js';
import { AgentUsage } from './agent-usage.service.js';
import { LimitedSubjects } from './limited-subjects.service.js';
import { LimitsAdministration } from './limits-administration.service.js';
import { LimitsDto, SetLimitsDto } from './limits.dto.js';
import { AgentUsageDto, AmountsDto, ReportedUsageDto, ReportUsageDto, UsageQuery } from './usage.dto.js';

@ApiTags('usage')
@Controller('api/agents/:id')
export class AgentLimitsController {
  constructor(private readonly subjects: LimitedSubjects, private readonly administration: LimitsAdministration, private readonly usage: AgentUsage) {}

  /** Shows what an agent may use, and what it has used of it: to the agent itself, and to whoever has `agents:read`. */
  @Get('limits')
  @Access.authenticated()
  async get(@CurrentCaller() caller: Caller, @Param('id') id: string): Promise<LimitsDto> {
    return LimitsDto.of(await this.administration.of(await this.subjects.agent(caller, id, 'agents:read')));
  }

  /**
   * Says all that an agent may use, in place of what was said before. Whoever manages the agent, or is it, may narrow that; only people
   * and clients who run the organization may widen it.
   */
  @Put('limits')
  @Access.scopes('agents:write')
  async set(@CurrentCaller() caller: Caller, @Param('id') id: string, @Body() body: SetLimitsDto): Promise<LimitsDto> {
    return LimitsDto.of(await this.administration.set(caller, await this.subjects.agent(caller, id, 'agents:write'), body));
  }

  /** Shows what an agent used over time, for charts: to the agent itself, and to whoever has `agents:read`. */
  @Get('usage')
  @Access.authenticated()
  async history(@CurrentCaller() caller: Caller, @Param('id') id: string, @Query() query: UsageQuery): Promise<AgentUsageDto> {
    return AgentUsageDto.of(await this.usage.history(caller, id, query));
  }

  /** Reports what an agent used without having reserved it: by the agent itself, or by whoever has `agents:write`. More than is left is refused. */
  @Post('usage')
  @HttpCode(200)
  @AcceptsIdempotencyKey()
  @Access.authenticated()
  async report(@CurrentCaller() caller: Caller, @Param('id') id: string, @IdempotencyKey() key: string | undefined, @Body() body: ReportUsageDto): Promise<ReportedUsageDto> {
    return { agent_id: id, ...AmountsDto.of(await this.usage.report(caller, id, body, key)) };
  }
}
