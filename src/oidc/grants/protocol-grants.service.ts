import { Injectable } from '@nestjs/common';
import type { Provider } from 'oidc-provider';
import { Metrics } from '../../platform/metrics/metrics.js';
import { libraryGrants } from '../provider-internals.js';
import { countTokens } from '../token-metrics.js';
import { AtomicGrants } from './atomic-grants.js';
import { ClientCredentialsGrant } from './client-credentials.service.js';
import { TokenExchangeGrant } from './token-exchange.service.js';

/** The grants of the token endpoint. A new one is registered here. */
@Injectable()
export class ProtocolGrants {
  constructor(
    private readonly clientCredentials: ClientCredentialsGrant,
    private readonly tokenExchange: TokenExchangeGrant,
    private readonly atomic: AtomicGrants,
    private readonly metrics: Metrics,
  ) {}

  register(provider: Provider): void {
    this.clientCredentials.register(provider);
    this.tokenExchange.register(provider);
    this.atomic.register(provider, libraryGrants.authorizationCode);
    this.atomic.register(provider, libraryGrants.refreshToken);
    countTokens(provider, this.metrics);
  }
}
