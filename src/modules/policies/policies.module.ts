import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { ScopesModule } from '../scopes/scopes.module.js';
import { Policy } from './policy.entity.js';
import { PolicyDecisions } from './policy-decisions.service.js';
import { PolicyDirectory } from './policy-directory.service.js';
import { PolicySets } from './policy-sets.service.js';
import { PolicyVersion } from './policy-version.entity.js';

@Module({
  imports: [TypeOrmModule.forFeature([Policy, PolicyVersion]), ScopesModule],
  providers: [PolicyDecisions, PolicyDirectory, PolicySets],
  exports: [PolicyDecisions],
})
export class PoliciesModule {}
