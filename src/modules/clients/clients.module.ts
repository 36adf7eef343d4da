import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { ResourcesModule } from '../resources/resources.module.js';
import { ScopesModule } from '../scopes/scopes.module.js';
import { ClientAdministration } from './client-administration.service.js';
import { Client } from './client.entity.js';
import { ClientRegistration } from './client-registration.service.js';
import { ClientSecret } from './client-secret.entity.js';
import { ClientSecrets } from './client-secrets.service.js';
import { ClientRegistrationController, ClientsController } from './clients.controller.js';
import { ClientsService } from './clients.service.js';
import { ScopeCeiling } from './scope-ceiling.service.js';
import { SecretUsage } from './secret-usage.service.js';

@Module({
  imports: [TypeOrmModule.forFeature([Client, ClientSecret]), ScopesModule, ResourcesModule],
  controllers: [ClientsController, ClientRegistrationController],
  providers: [ClientsService, ClientAdministration, ClientRegistration, ClientSecrets, ScopeCeiling, SecretUsage],
  exports: [ClientsService, ClientRegistration, ClientSecrets, ScopeCeiling],
})
export class ClientsModule {}
