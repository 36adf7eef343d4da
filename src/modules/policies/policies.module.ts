import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AgentsModule } from '../agents/agents.module.js';
import { ClientsModule } from '../clients/clients.module.js';
import { OrganizationsModule } from '../organizations/organizations.module.js';
import { ScopesModule } from '../scopes/scopes.module.js';
import { UsersModule } from '../users/users.module.js';
import { DecisionChecksController } from './decision-checks.controller.js';
import { DecisionChecks } from './decision-checks.service.js';
import { DecisionLog } from './decision-log.service.js';
import { EntityFacts } from './entity-facts.service.js';
import { PoliciesController } from './policies.controller.js';
import { PolicyAdministration } from './policy-administration.service.js';
import { PolicyDecisions } from './policy-decisions.service.js';
import { PolicyDirectory } from './policy-directory.service.js';
import { PolicyDrafts } from './policy-drafts.service.js';
import { Policy } from './policy.entity.js';
import { PolicySets } from './policy-sets.service.js';
import { PolicySimulation } from './policy-simulation.service.js';
import { PolicyVersion } from './policy-version.entity.js';

@Module({
  imports: [TypeOrmModule.forFeature([Policy, PolicyVersion]), OrganizationsModule, UsersModule, ScopesModule, ClientsModule, AgentsModule],
  // Its fixed paths come before those with an id.
  controllers: [DecisionChecksController, PoliciesController],
  providers: [DecisionChecks, DecisionLog, EntityFacts, PolicyAdministration, PolicyDecisions, PolicyDirectory, PolicyDrafts, PolicySets, PolicySimulation],
  exports: [PolicyDecisions],
})
export class PoliciesModule {}
