import { Global, Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { CallerAuthenticator } from '../../platform/http/caller-authenticator.js';
import { AgentsModule } from '../agents/agents.module.js';
import { ClientsModule } from '../clients/clients.module.js';
import { DelegationModule } from '../delegation/delegation.module.js';
import { LimitsModule } from '../limits/limits.module.js';
import { OrganizationsModule } from '../organizations/organizations.module.js';
import { PoliciesModule } from '../policies/policies.module.js';
import { ResourcesModule } from '../resources/resources.module.js';
import { ScopesModule } from '../scopes/scopes.module.js';
import { TasksModule } from '../tasks/tasks.module.js';
import { ToolsModule } from '../tools/tools.module.js';
import { UsersModule } from '../users/users.module.js';
import { AccessTokenAuthenticator } from './access-token-authenticator.service.js';
import { AgentLogin } from './agent-login.service.js';
import { AgentPasswordChange } from './agent-password-change.service.js';
import { AgentPasswordCheck } from './agent-password-check.service.js';
import { AgentTokensController } from './agent-tokens.controller.js';
import { AgentTokens } from './agent-tokens.service.js';
import { CallerDescription } from './caller-description.service.js';
import { ClientTokens } from './client-tokens.service.js';
import { ConsentGrant } from './consent-grant.entity.js';
import { ConsentGrants } from './consent-grants.service.js';
import { ConsentUpkeep } from './consent-upkeep.service.js';
import { ConsentsController } from './consents.controller.js';
import { ExchangeAuthority } from './exchange-authority.service.js';
import { GrantedTokens } from './granted-tokens.service.js';
import { IssuanceLimits } from './issuance-limits.service.js';
import { IssuancePolicies } from './issuance-policies.service.js';
import { IssuanceReplay } from './issuance-replay.service.js';
import { LedgerToken } from './ledger-token.entity.js';
import { LedgerUpkeep } from './ledger-upkeep.service.js';
import { OnBehalf } from './on-behalf.service.js';
import { OrganizationSwitchController } from './organization-switch.controller.js';
import { OrganizationSwitch } from './organization-switch.service.js';
import { OwnApi } from './own-api.service.js';
import { OwnConsents } from './own-consents.service.js';
import { QuickStartController } from './quick-start.controller.js';
import { QuickStartRegistration } from './quick-start-registration.service.js';
import { StatusEntries } from './status-entries.service.js';
import { TokenChain } from './token-chain.service.js';
import { TokenCutoffs } from './token-cutoffs.service.js';
import { TokenDirectory } from './token-directory.service.js';
import { TokenEndings } from './token-endings.service.js';
import { TokenIssuer } from './token-issuer.service.js';
import { TokenLedger } from './token-ledger.service.js';
import { TokenLineage } from './token-lineage.service.js';
import { TokenRenewal } from './token-renewal.service.js';
import { TokenRevocation } from './token-revocation.service.js';
import { TokenSweeps } from './token-sweeps.service.js';
import { TokenTools } from './token-tools.service.js';
import { TokenVerifier } from './token-verifier.service.js';

/** Global for one reason: the access guard of every route asks it who calls. */
@Global()
@Module({
  imports: [LimitsModule, OrganizationsModule, UsersModule, ScopesModule, ResourcesModule, ClientsModule, AgentsModule, PoliciesModule, ToolsModule, DelegationModule, TasksModule, TypeOrmModule.forFeature([ConsentGrant, LedgerToken])],
  controllers: [QuickStartController, AgentTokensController, OrganizationSwitchController, ConsentsController],
  providers: [
    TokenLedger, LedgerUpkeep, StatusEntries, TokenVerifier, TokenIssuer, TokenRevocation, TokenEndings, TokenCutoffs, TokenSweeps, TokenDirectory, TokenLineage, OnBehalf, ExchangeAuthority, GrantedTokens, IssuancePolicies, IssuanceLimits, TokenChain,
    IssuanceReplay, TokenTools, ConsentGrants, ConsentUpkeep, OwnConsents, OwnApi,
    ClientTokens, QuickStartRegistration, AgentPasswordCheck, AgentLogin, AgentPasswordChange, TokenRenewal, AgentTokens, CallerDescription, OrganizationSwitch,
    { provide: CallerAuthenticator, useClass: AccessTokenAuthenticator },
  ],
  exports: [TokenLedger, TokenChain, StatusEntries, TokenVerifier, TokenIssuer, TokenRevocation, TokenEndings, TokenCutoffs, TokenSweeps, TokenDirectory, TokenLineage, OnBehalf, ExchangeAuthority, GrantedTokens, IssuancePolicies, TokenTools, ConsentGrants, CallerAuthenticator],
})
export class TokensModule {}
