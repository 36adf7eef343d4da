import { Global, Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { CallerAuthenticator } from '../../platform/http/caller-authenticator.js';
import { AgentsModule } from '../agents/agents.module.js';
import { ClientsModule } from '../clients/clients.module.js';
import { OrganizationsModule } from '../organizations/organizations.module.js';
import { ResourcesModule } from '../resources/resources.module.js';
import { UsersModule } from '../users/users.module.js';
import { AccessTokenAuthenticator } from './access-token-authenticator.service.js';
import { ConsentGrant } from './consent-grant.entity.js';
import { ConsentGrants } from './consent-grants.service.js';
import { TokenIssuer } from './token-issuer.service.js';
import { TokenLedger } from './token-ledger.service.js';
import { TokenRevocation } from './token-revocation.service.js';
import { TokenVerifier } from './token-verifier.service.js';

/** Global for one reason: the access guard of every route asks it who calls. */
@Global()
@Module({
  imports: [OrganizationsModule, UsersModule, ResourcesModule, ClientsModule, AgentsModule, TypeOrmModule.forFeature([ConsentGrant])],
  providers: [
    TokenLedger, TokenVerifier, TokenIssuer, TokenRevocation, ConsentGrants,
    { provide: CallerAuthenticator, useClass: AccessTokenAuthenticator },
  ],
  exports: [TokenLedger, TokenVerifier, TokenIssuer, TokenRevocation, ConsentGrants, CallerAuthenticator],
})
export class TokensModule {}
