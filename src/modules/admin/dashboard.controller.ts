import { Controller, Get, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Access } from '../../platform/http/access.js';
import { CurrentCaller, type Caller } from '../../platform/http/caller.js';
import { DashboardDto, DashboardQuery } from './dashboard.dto.js';
import { Dashboards } from './dashboard.service.js';

const USUAL_DAYS = 7;

@ApiTags('admin')
@Controller('api/admin/dashboard')
export class DashboardController {
  constructor(private readonly dashboards: Dashboards) {}

  /** Sums up the organization: what there is, the tokens that were issued, what was refused and to whom. Complete up to the moment. */
  @Get()
  @Access.scopes('admin:read')
  async show(@CurrentCaller() caller: Caller, @Query() { days = USUAL_DAYS, organization }: DashboardQuery): Promise<DashboardDto> {
    return DashboardDto.of(await this.dashboards.of(caller, days, organization));
  }
}
