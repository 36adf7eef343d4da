import { Module } from '@nestjs/common';
import { AgentsModule } from '../agents/agents.module.js';
import { ClientsModule } from '../clients/clients.module.js';
import { LimitsModule } from '../limits/limits.module.js';
import { PoliciesModule } from '../policies/policies.module.js';
import { ScopesModule } from '../scopes/scopes.module.js';
import { TasksModule } from '../tasks/tasks.module.js';
import { ToolsModule } from '../tools/tools.module.js';
import { AgentInfo } from './agent-info.service.js';
import { TaskAdministration } from './task-administration.service.js';
import { TaskChains } from './task-chain.service.js';
import { TaskDirectory } from './task-directory.service.js';
import { TaskTrail } from './task-trail.service.js';
import { TaskTrees } from './task-tree.service.js';
import { TasksController } from './tasks.controller.js';
import { TokenUsage } from './token-usage.service.js';
import { TokenVerification } from './token-verification.service.js';
import { ToolAccess } from './tool-access.service.js';
import { VerificationController } from './verification.controller.js';

/** What came of what: tasks and their trees, and whether a token stands where it is said to. */
@Module({
  imports: [LimitsModule, ScopesModule, ToolsModule, ClientsModule, AgentsModule, PoliciesModule, TasksModule],
  controllers: [TasksController, VerificationController],
  providers: [TaskDirectory, TaskAdministration, TaskTrees, TaskTrail, TaskChains, TokenVerification, TokenUsage, ToolAccess, AgentInfo],
  exports: [TaskChains, TaskAdministration, TaskDirectory, TokenVerification, TokenUsage],
})
export class LineageModule {}
