import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { Task } from './task.entity.js';
import { Tasks } from './tasks.service.js';

@Module({ imports: [TypeOrmModule.forFeature([Task])], providers: [Tasks], exports: [Tasks] })
export class TasksModule {}
