import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AgentsModule } from '../agents/agents.module.js';
import { ClientsModule } from '../clients/clients.module.js';
import { OrganizationsModule } from '../organizations/organizations.module.js';
import { PoliciesModule } from '../policies/policies.module.js';
import { ResourcesModule } from '../resources/resources.module.js';
import { ScopesModule } from '../scopes/scopes.module.js';
import { ToolsModule } from '../tools/tools.module.js';
import { UsersModule } from '../users/users.module.js';
import { DelegationAdministration } from './delegation-administration.service.js';
import { DelegationDirectory } from './delegation-directory.service.js';
import { DelegationEndings } from './delegation-endings.service.js';
import { DelegationGrant } from './delegation-grant.entity.js';
import { DelegationParties } from './delegation-parties.service.js';
import { DelegationGrants } from './delegation-grants.service.js';
import { DelegationPolicies } from './delegation-policies.service.js';
import { DelegationReplay } from './delegation-replay.service.js';
import { DelegationRevocation } from './delegation-revocation.service.js';
import { DelegationsController } from './delegations.controller.js';

@Module({
  imports: [OrganizationsModule, UsersModule, ScopesModule, ResourcesModule, ClientsModule, AgentsModule, PoliciesModule, ToolsModule, TypeOrmModule.forFeature([DelegationGrant])],
  controllers: [DelegationsController],
  providers: [DelegationGrants, DelegationParties, DelegationPolicies, DelegationDirectory, DelegationAdministration, DelegationReplay, DelegationRevocation, DelegationEndings],
  exports: [DelegationGrants, DelegationDirectory],
})
export class DelegationModule {}
