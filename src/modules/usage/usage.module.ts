import { Module } from '@nestjs/common';
import { AgentsModule } from '../agents/agents.module.js';
import { DelegationModule } from '../delegation/delegation.module.js';
import { LimitsModule } from '../limits/limits.module.js';
import { LineageModule } from '../lineage/lineage.module.js';
import { OrganizationsModule } from '../organizations/organizations.module.js';
import { AgentLimitsController } from './agent-limits.controller.js';
import { AgentUsage } from './agent-usage.service.js';
import { LimitedSubjects } from './limited-subjects.service.js';
import { LimitsAdministration } from './limits-administration.service.js';
import { LimitsController } from './limits.controller.js';
import { Reservations } from './reservations.service.js';
import { ReservationsController } from './reservations.controller.js';

/** What limits are to callers of the API: set and shown, drawn on and reported. */
@Module({
  imports: [LimitsModule, OrganizationsModule, AgentsModule, DelegationModule, LineageModule],
  controllers: [AgentLimitsController, LimitsController, ReservationsController],
  providers: [LimitedSubjects, LimitsAdministration, AgentUsage, Reservations],
})
export class UsageModule {}
