import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { LimitsModule } from '../limits/limits.module.js';
import { ScopesModule } from '../scopes/scopes.module.js';
import { ToolsModule } from '../tools/tools.module.js';
import { AuthzenController } from './authzen.controller.js';
import { AuthzenEvaluations } from './authzen-evaluations.service.js';
import { AuthzenSearch } from './authzen-search.service.js';
import { DecisionChecks } from './decision-checks.service.js';
import { DecisionLimits } from './decision-limits.service.js';
import { DecisionLog } from './decision-log.service.js';
import { DecisionReplays } from './decision-replays.service.js';
import { EntityDirectory } from './entity-directory.service.js';
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
  imports: [TypeOrmModule.forFeature([Policy, PolicyVersion]), LimitsModule, ScopesModule, ToolsModule],
  controllers: [AuthzenController, PoliciesController],
  providers: [
    AuthzenEvaluations, AuthzenSearch, DecisionChecks, DecisionLimits, DecisionLog, DecisionReplays, EntityDirectory, EntityFacts, PolicyAdministration, PolicyDecisions, PolicyDirectory,
    PolicyDrafts, PolicySets, PolicySimulation,
  ],
  exports: [PolicyDecisions, DecisionReplays],
})
export class PoliciesModule {}
