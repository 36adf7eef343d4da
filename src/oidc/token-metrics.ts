import type { KoaContextWithOIDC, Provider } from 'oidc-provider';
import type { Metrics, TokenGrant, TokenOutcome } from '../platform/metrics/metrics.js';
import { isRefusal } from './wire-errors.js';

/** The grants of the token endpoint, by their `grant_type`. A client may write anything there, so what is not in this list has no name. */
const GRANT_NAMES = new Map<unknown, TokenGrant>([
  ['authorization_code', 'authorization_code'], ['refresh_token', 'refresh_token'], ['client_credentials', 'client_credentials'],
  ['urn:ietf:params:oauth:grant-type:token-exchange', 'token_exchange'], ['urn:ietf:params:oauth:grant-type:jwt-bearer', 'jwt_bearer'],
  ['urn:ietf:params:oauth:grant-type:device_code', 'device_code'], ['urn:openid:params:grant-type:ciba', 'ciba'],
]);

/**
 * Counts what the token endpoint decides, by grant and outcome; `platform/metrics/counts-tokens.ts` does for the REST API.
 * Events of the library only count here, they decide nothing.
 */
export function countTokens(provider: Provider, metrics: Metrics): void {
  provider.on('grant.success', (ctx) => count(metrics, ctx, 'issued'));
  provider.on('grant.error', (ctx, error) => count(metrics, ctx, isRefusal(error) ? 'refused' : 'failed'));
  // What is no error of the protocol comes as this event instead, from every endpoint.
  provider.on('server_error', (ctx) => { if (ctx.oidc?.route === 'token') count(metrics, ctx, 'failed'); });
}

function count(metrics: Metrics, ctx: KoaContextWithOIDC, outcome: TokenOutcome): void {
  metrics.tokenDecided(GRANT_NAMES.get(ctx.oidc?.params?.['grant_type']) ?? 'other', outcome);
}
