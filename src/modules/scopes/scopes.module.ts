import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { ScopeAdministration } from './scope-administration.service.js';
import { Scope } from './scope.entity.js';
import { ScopeFile } from './scope-file.service.js';
import { ScopesController } from './scopes.controller.js';
import { ScopesService } from './scopes.service.js';

@Module({
  imports: [TypeOrmModule.forFeature([Scope])],
  controllers: [ScopesController],
  providers: [ScopesService, ScopeAdministration, ScopeFile],
  exports: [ScopesService],
})
export class ScopesModule {}
