import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { ClientsModule } from '../clients/clients.module.js';
import { OrganizationsModule } from '../organizations/organizations.module.js';
import { ToolsModule } from '../tools/tools.module.js';
import { UsersModule } from '../users/users.module.js';
import { AgentAdministration } from './agent-administration.service.js';
import { AgentDirectory } from './agent-directory.service.js';
import { AgentEndings } from './agent-endings.service.js';
import { AgentEnrolment } from './agent-enrolment.service.js';
import { Agent } from './agent.entity.js';
import { AgentOwners } from './agent-owners.service.js';
import { AgentSecretsController } from './agent-secrets.controller.js';
import { AgentSecrets } from './agent-secrets.service.js';
import { AgentToolsController } from './agent-tools.controller.js';
import { AgentTools } from './agent-tools.service.js';
import { AgentsController } from './agents.controller.js';
import { AgentsService } from './agents.service.js';

@Module({
  imports: [TypeOrmModule.forFeature([Agent]), OrganizationsModule, UsersModule, ToolsModule, ClientsModule],
  controllers: [AgentsController, AgentSecretsController, AgentToolsController],
  providers: [AgentsService, AgentEnrolment, AgentDirectory, AgentAdministration, AgentOwners, AgentSecrets, AgentTools, AgentEndings],
  exports: [AgentsService, AgentEnrolment, AgentDirectory, AgentAdministration],
})
export class AgentsModule {}
