import { Body, Controller, Get, Param, Put } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Access } from '../../platform/http/access.js';
import { CurrentCaller, type Caller } from '../../platform/http/caller.js';
import { LimitedSubjects } from './limited-subjects.service.js';
import { LimitsAdministration } from './limits-administration.service.js';
import { LimitsDto, SetLimitsDto } from './limits.dto.js';

/** Limits of everything but agents, whose usage stands beside them. */
@ApiTags('usage')
@Controller('api')
export class LimitsController {
  constructor(private readonly subjects: LimitedSubjects, private readonly administration: LimitsAdministration) {}

  /** Shows what all agents of an organization may use together, and what they have used of it. */
  @Get('organizations/:id/limits')
  @Access.scopes('organizations:read')
  async ofOrganization(@CurrentCaller() caller: Caller, @Param('id') id: string): Promise<LimitsDto> {
    return LimitsDto.of(await this.administration.of(await this.subjects.organization(caller, id)));
  }

  /** Says all that the agents of an organization may use together, in place of what was said before. */
  @Put('organizations/:id/limits')
  @Access.scopes('organizations:write')
  async setOfOrganization(@CurrentCaller() caller: Caller, @Param('id') id: string, @Body() body: SetLimitsDto): Promise<LimitsDto> {
    return LimitsDto.of(await this.administration.set(caller, await this.subjects.organization(caller, id), body));
  }

  /** Shows what may be used in a task and below it, and what was used of it. */
  @Get('tasks/:id/limits')
  @Access.scopes('tasks:read')
  async ofTask(@CurrentCaller() caller: Caller, @Param('id') id: string): Promise<LimitsDto> {
    return LimitsDto.of(await this.administration.of(await this.subjects.task(caller, id)));
  }

  /**
   * Says all that may be used in a task and below it, in place of what was said before. Whoever sees the task may narrow that; only
   * people and clients who run the organization may widen it.
   */
  @Put('tasks/:id/limits')
  @Access.scopes('tasks:write')
  async setOfTask(@CurrentCaller() caller: Caller, @Param('id') id: string, @Body() body: SetLimitsDto): Promise<LimitsDto> {
    return LimitsDto.of(await this.administration.set(caller, await this.subjects.task(caller, id), body));
  }

  /** Shows what may be used by a delegation and below it, and what was used of it. It is part of the delegation, and never changed. */
  @Get('delegations/:id/limits')
  @Access.scopes('delegations:read')
  async ofDelegation(@CurrentCaller() caller: Caller, @Param('id') id: string): Promise<LimitsDto> {
    return LimitsDto.of(await this.administration.ofDelegation(await this.subjects.delegation(caller, id)));
  }
}
