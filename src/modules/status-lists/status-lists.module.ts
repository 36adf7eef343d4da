import { Module } from '@nestjs/common';
import { StatusListUpkeep } from './status-list-upkeep.service.js';
import { StatusListsController } from './status-lists.controller.js';
import { StatusLists } from './status-lists.service.js';

@Module({ controllers: [StatusListsController], providers: [StatusLists, StatusListUpkeep] })
export class StatusListsModule {}
