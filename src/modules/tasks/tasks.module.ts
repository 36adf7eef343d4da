import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { TaskEndings } from './task-endings.service.js';
import { Task } from './task.entity.js';
import { Tasks } from './tasks.service.js';

@Module({ imports: [TypeOrmModule.forFeature([Task])], providers: [Tasks, TaskEndings], exports: [Tasks] })
export class TasksModule {}
