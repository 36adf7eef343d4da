import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Access } from '../../platform/http/access.js';
import { CurrentCaller, type Caller } from '../../platform/http/caller.js';
import { EndingDto, KillSwitchDto, PulledSwitchDto, UseKillSwitchDto } from './kill-switches.dto.js';
import { KillSwitches } from './kill-switches.service.js';

@ApiTags('kill switches')
@Controller('api/admin/kill-switches')
export class KillSwitchesController {
  constructor(private readonly switches: KillSwitches) {}

  /** Shows what a kill switch would end, and ends nothing. For those who run the organization. */
  @Post('preview')
  @HttpCode(200)
  @Access.scopes('tokens:revoke')
  async preview(@CurrentCaller() caller: Caller, @Body() { target }: KillSwitchDto): Promise<EndingDto> {
    return EndingDto.of(await this.switches.preview(caller, target));
  }

  /**
   * Ends at once an agent, a task, a person or an organization with everything below, or everything that was issued before a moment.
   * It takes the scope that ending the thing alone takes as well: `agents:write`, `tasks:write`, `users:write`, `organizations:write`.
   */
  @Post()
  @HttpCode(200)
  @Access.scopes('tokens:revoke')
  async use(@CurrentCaller() caller: Caller, @Body() { target, reason, previewed }: UseKillSwitchDto): Promise<PulledSwitchDto> {
    return PulledSwitchDto.of(await this.switches.use(caller, target, reason), previewed);
  }
}
