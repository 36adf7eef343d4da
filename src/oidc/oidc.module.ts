import { Module } from '@nestjs/common';
import { AgentsModule } from '../modules/agents/agents.module.js';
import { ClientsModule } from '../modules/clients/clients.module.js';
import { OrganizationsModule } from '../modules/organizations/organizations.module.js';
import { DelegationModule } from '../modules/delegation/delegation.module.js';
import { ResourcesModule } from '../modules/resources/resources.module.js';
import { ScopesModule } from '../modules/scopes/scopes.module.js';
import { UsersModule } from '../modules/users/users.module.js';
import { ActingOnConsent } from './acting-on-consent.service.js';
import { AccessTokenFormat } from './access-token-format.js';
import { Accounts } from './accounts.service.js';
import { ClientLimits } from './client-limits.service.js';
import { CodeFlowTerms } from './code-flow-terms.service.js';
import { FastPath } from './fast-path/fast-path.service.js';
import { AtomicGrants } from './grants/atomic-grants.js';
import { ClientCredentialsGrant } from './grants/client-credentials.service.js';
import { GrantGrounds } from './grants/grant-grounds.service.js';
import { ProtocolGrants } from './grants/protocol-grants.service.js';
import { TokenExchangeGrant } from './grants/token-exchange.service.js';
import { ConsentPresenter } from './interactions/consent-presenter.service.js';
import { InteractionErrors } from './interactions/interaction-errors.service.js';
import { InteractionsController } from './interactions/interactions.controller.js';
import { Interactions } from './interactions/interactions.service.js';
import { LandingPageController } from './pages/landing-page.controller.js';
import { Pages } from './pages/pages.js';
import { SetupPageController } from './pages/setup-page.controller.js';
import { ProtocolObjects } from './protocol-objects.store.js';
import { ProtocolPages } from './protocol-pages.service.js';
import { ProtocolPolicies } from './protocol-policies.service.js';
import { ProtocolServer } from './protocol-server.service.js';
import { ProtocolStorage } from './protocol-storage.service.js';
import { ProviderFactory } from './provider-factory.js';
import { RequestGate } from './request-gate.service.js';
import { SessionEndings } from './session-endings.service.js';
import { ProtocolUpkeep } from './upkeep.service.js';

@Module({
  imports: [OrganizationsModule, UsersModule, ScopesModule, ResourcesModule, ClientsModule, AgentsModule, DelegationModule],
  controllers: [InteractionsController, LandingPageController, SetupPageController],
  providers: [
    AccessTokenFormat, Accounts, ActingOnConsent, AtomicGrants, ClientCredentialsGrant, ClientLimits, CodeFlowTerms, ConsentPresenter, FastPath, GrantGrounds, InteractionErrors, Interactions, Pages, ProtocolGrants,
    ProtocolObjects,
    ProtocolPages, ProtocolPolicies, ProtocolServer, ProtocolStorage, ProtocolUpkeep, ProviderFactory, RequestGate, SessionEndings, TokenExchangeGrant,
  ],
  exports: [ProtocolServer, RequestGate],
})
export class OidcModule {}
