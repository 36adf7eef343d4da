import { Controller, Header, HttpCode, Param, Post } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Access } from '../../platform/http/access.js';
import { CurrentCaller, type Caller } from '../../platform/http/caller.js';
import { CountsTokens } from '../../platform/metrics/counts-tokens.js';
import { SwitchedOrganizationDto } from './organization-switch.dto.js';
import { OrganizationSwitch } from './organization-switch.service.js';

@ApiTags('organizations')
@Controller('api/organizations')
export class OrganizationSwitchController {
  constructor(private readonly organizations: OrganizationSwitch) {}

  /**
   * Goes on in another organization of the person who asks: their next sign-ins are for it, and the access token in the answer
   * is good there for as long as the present one lasts.
   */
  @Post(':id/switch')
  @HttpCode(200)
  @Header('cache-control', 'no-store')
  @Access.authenticated()
  @CountsTokens('organization_switch')
  async switch(@CurrentCaller() caller: Caller, @Param('id') id: string): Promise<SwitchedOrganizationDto> {
    return SwitchedOrganizationDto.ofSwitch(await this.organizations.switch(caller, id));
  }
}
