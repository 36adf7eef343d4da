import { errors, type KoaContextWithOIDC, type Provider } from 'oidc-provider';
import type { Metrics, TokenOutcome } from '../platform/metrics/metrics.js';

/** Counts what the token endpoint decides, by grant and outcome. Events of the library only count here, they decide nothing. */
export function countTokens(provider: Provider, metrics: Metrics): void {
  provider.on('grant.success', (ctx) => count(metrics, ctx, 'issued'));
  provider.on('grant.error', (ctx, error) => count(metrics, ctx, isRefusal(error) ? 'refused' : 'failed'));
  // What is no error of the protocol comes as this event instead, from every endpoint.
  provider.on('server_error', (ctx) => { if (ctx.oidc?.route === 'token') count(metrics, ctx, 'failed'); });
}

function count(metrics: Metrics, ctx: KoaContextWithOIDC, outcome: TokenOutcome): void {
  const grantType: unknown = ctx.oidc?.params?.['grant_type'];
  metrics.tokenDecided(typeof grantType === 'string' ? grantType : '', outcome);
}

function isRefusal(error: Error): boolean {
  return error instanceof errors.OIDCProviderError && error.statusCode < 500;
}
