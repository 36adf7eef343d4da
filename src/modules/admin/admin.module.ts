import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AgentsModule } from '../agents/agents.module.js';
import { ClientsModule } from '../clients/clients.module.js';
import { DelegationModule } from '../delegation/delegation.module.js';
import { LineageModule } from '../lineage/lineage.module.js';
import { OrganizationsModule } from '../organizations/organizations.module.js';
import { ToolsModule } from '../tools/tools.module.js';
import { UsersModule } from '../users/users.module.js';
import { TokensModule } from '../tokens/tokens.module.js';
import { AgentAuthority } from './agent-authority.service.js';
import { AgentReportsController } from './agent-reports.controller.js';
import { AgentReports } from './agent-reports.service.js';
import { AuditEvidenceController } from './audit-evidence.controller.js';
import { AuditEvidence } from './audit-evidence.service.js';
import { AuditReading } from './audit-reading.service.js';
import { AuditSearchController } from './audit-search.controller.js';
import { AuditStreamController } from './audit-stream.controller.js';
import { AuditStreams } from './audit-streams.service.js';
import { Budgets } from './budgets.service.js';
import { BulkRevocation } from './bulk-revocation.service.js';
import { ClientCollection } from './client-collection.service.js';
import { DashboardController } from './dashboard.controller.js';
import { Dashboards } from './dashboard.service.js';
import { FirstStartService } from './first-start.service.js';
import { Founder } from './founder.service.js';
import { KeysController } from './keys.controller.js';
import { KeysService } from './keys.service.js';
import { KeyUpkeep } from './key-upkeep.service.js';
import { KillSwitchTargets } from './kill-switch-targets.service.js';
import { KillSwitchesController } from './kill-switches.controller.js';
import { KillSwitches } from './kill-switches.service.js';
import { PastTokens } from './past-tokens.service.js';
import { SetupLink } from './setup-link.entity.js';
import { SetupLinks } from './setup-links.service.js';
import { SetupController } from './setup.controller.js';
import { SetupService } from './setup.service.js';
import { StandingGrants } from './standing-grants.service.js';
import { TokenAdministrationController } from './token-administration.controller.js';
import { TokenAdministration } from './token-administration.service.js';
import { UnusedClientsController } from './unused-clients.controller.js';
import { UnusedClients } from './unused-clients.service.js';

@Module({
  imports: [
    OrganizationsModule, UsersModule, ToolsModule, ClientsModule, AgentsModule, DelegationModule, TokensModule, LineageModule, TypeOrmModule.forFeature([SetupLink]),
  ],
  controllers: [
    SetupController, KeysController, TokenAdministrationController, AuditEvidenceController, AuditSearchController, AuditStreamController, DashboardController, AgentReportsController, UnusedClientsController,
    KillSwitchesController,
  ],
  providers: [
    AgentAuthority, AgentReports, AuditEvidence, AuditReading, AuditStreams, ClientCollection, Dashboards, Founder, SetupLinks, FirstStartService, SetupService, KeysService, KeyUpkeep, TokenAdministration, UnusedClients,
    Budgets, BulkRevocation, KillSwitches, KillSwitchTargets, PastTokens, StandingGrants,
  ],
  exports: [FirstStartService],
})
export class AdminModule {}
