import { Injectable } from '@nestjs/common';
import type { Provider } from 'oidc-provider';
import { AgentsService } from '../../modules/agents/agents.service.js';
import { ResourcesService } from '../../modules/resources/resources.service.js';
import { TokenIssuer } from '../../modules/tokens/token-issuer.service.js';
import { Config } from '../../platform/config/config.js';
import { libraryGrants } from '../provider-internals.js';
import { AtomicGrants } from './atomic-grants.js';
import { registerClientCredentials } from './client-credentials.js';

/** The grants of the token endpoint. A new one is registered here. */
@Injectable()
export class ProtocolGrants {
  constructor(
    private readonly config: Config,
    private readonly resources: ResourcesService,
    private readonly agents: AgentsService,
    private readonly issuer: TokenIssuer,
    private readonly atomic: AtomicGrants,
  ) {}

  register(provider: Provider): void {
    registerClientCredentials(provider, { config: this.config, resources: this.resources, agents: this.agents, issuer: this.issuer });
    this.atomic.register(provider, libraryGrants.authorizationCode);
    this.atomic.register(provider, libraryGrants.refreshToken);
  }
}
