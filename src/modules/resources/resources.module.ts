import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { ScopesModule } from '../scopes/scopes.module.js';
import { ResourceAdministration } from './resource-administration.service.js';
import { Resource } from './resource.entity.js';
import { ResourcesController } from './resources.controller.js';
import { ResourcesService } from './resources.service.js';

@Module({
  imports: [TypeOrmModule.forFeature([Resource]), ScopesModule],
  controllers: [ResourcesController],
  providers: [ResourcesService, ResourceAdministration],
  exports: [ResourcesService],
})
export class ResourcesModule {}
