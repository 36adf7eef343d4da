import { Module } from '@nestjs/common';
import { TasksModule } from '../tasks/tasks.module.js';
import { TaskAdministration } from './task-administration.service.js';
import { TaskDirectory } from './task-directory.service.js';
import { TaskTrees } from './task-tree.service.js';
import { TasksController } from './tasks.controller.js';

/** What came of what: tasks and their trees, and whether a token stands where it is said to. */
@Module({
  imports: [TasksModule],
  controllers: [TasksController],
  providers: [TaskDirectory, TaskAdministration, TaskTrees],
})
export class LineageModule {}
