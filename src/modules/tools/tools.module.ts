import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { ResourcesModule } from '../resources/resources.module.js';
import { ScopesModule } from '../scopes/scopes.module.js';
import { ToolAdministration } from './tool-administration.service.js';
import { ToolAssignments } from './tool-assignments.service.js';
import { AgentTool, Tool } from './tool.entity.js';
import { ToolsController } from './tools.controller.js';
import { ToolsService } from './tools.service.js';

@Module({
  imports: [TypeOrmModule.forFeature([Tool, AgentTool]), ScopesModule, ResourcesModule],
  controllers: [ToolsController],
  providers: [ToolsService, ToolAdministration, ToolAssignments],
  exports: [ToolsService, ToolAssignments],
})
export class ToolsModule {}
