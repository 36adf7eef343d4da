import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { ClientsModule } from '../clients/clients.module.js';
import { LineageModule } from '../lineage/lineage.module.js';
import { OrganizationsModule } from '../organizations/organizations.module.js';
import { UsersModule } from '../users/users.module.js';
import { TokensModule } from '../tokens/tokens.module.js';
import { AuditEvidenceController } from './audit-evidence.controller.js';
import { AuditEvidence } from './audit-evidence.service.js';
import { AuditReading } from './audit-reading.service.js';
import { AuditSearchController } from './audit-search.controller.js';
import { AuditStreamController } from './audit-stream.controller.js';
import { AuditStreams } from './audit-streams.service.js';
import { FirstStartService } from './first-start.service.js';
import { Founder } from './founder.service.js';
import { KeysController } from './keys.controller.js';
import { KeysService } from './keys.service.js';
import { KeyUpkeep } from './key-upkeep.service.js';
import { SetupLink } from './setup-link.entity.js';
import { SetupLinks } from './setup-links.service.js';
import { SetupController } from './setup.controller.js';
import { SetupService } from './setup.service.js';
import { TokenAdministrationController } from './token-administration.controller.js';
import { TokenAdministration } from './token-administration.service.js';

@Module({
  imports: [OrganizationsModule, UsersModule, ClientsModule, TokensModule, LineageModule, TypeOrmModule.forFeature([SetupLink])],
  controllers: [SetupController, KeysController, TokenAdministrationController, AuditEvidenceController, AuditSearchController, AuditStreamController],
  providers: [
    AuditEvidence, AuditReading, AuditStreams, Founder, SetupLinks, FirstStartService, SetupService, KeysService, KeyUpkeep, TokenAdministration,
  ],
  exports: [FirstStartService],
})
export class AdminModule {}
