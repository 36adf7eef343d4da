import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { ClientsModule } from '../clients/clients.module.js';
import { OrganizationsModule } from '../organizations/organizations.module.js';
import { UsersModule } from '../users/users.module.js';
import { FirstStartService } from './first-start.service.js';
import { Founder } from './founder.service.js';
import { SetupLink } from './setup-link.entity.js';
import { SetupLinks } from './setup-links.service.js';
import { SetupController } from './setup.controller.js';
import { SetupService } from './setup.service.js';

@Module({
  imports: [OrganizationsModule, UsersModule, ClientsModule, TypeOrmModule.forFeature([SetupLink])],
  controllers: [SetupController],
  providers: [Founder, SetupLinks, FirstStartService, SetupService],
  exports: [FirstStartService],
})
export class AdminModule {}
