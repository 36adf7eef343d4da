import { Injectable, Logger } from '@nestjs/common';
import { Provider, type AccessToken, type Adapter, type Client, type ClientCredentials, type Configuration, type KoaContextWithOIDC } from 'oidc-provider';
import { epochSeconds } from '../kernel/clock.js';
import { STATUS_LISTS_PATH } from '../modules/tokens/status-entries.service.js';
import { Config } from '../platform/config/config.js';
import { KeyRing } from '../platform/crypto/key-ring.service.js';
import { MasterKey } from '../platform/crypto/master-key.js';
import { AccessTokenFormat } from './access-token-format.js';
import { DPOP_ALGORITHMS } from '../platform/http/dpop-algorithms.js';
import { Accounts } from './accounts.service.js';
import { clientRecordOf } from './clients.js';
import { assertAssertionAudience } from './client-assertion.js';
import { describeErrors } from './error-descriptions.js';
import { discreetAnswers } from './discreet-answers.js';
import { cacheableKeySet } from './key-set-caching.js';
import { interactionPolicy } from './interactions/interaction-policy.js';
import { outboundFetch } from './outbound.js';
import { AGENT_METADATA } from './agent-metadata.js';
import { useOwnPages } from './own-pages.js';
import { ProtocolPages } from './protocol-pages.service.js';
import { ProtocolPolicies } from './protocol-policies.service.js';
import { INTERACTION_PATH, PROTOCOL_ROUTES } from './protocol-routes.js';
import { OIDC_SCOPES } from './resource-access.js';
import { checkRequestedActor } from './requested-actor.js';
import { onTheWire } from './wire-errors.js';

/** Signature algorithms taken from others: asymmetric ones alone, `none` and HMAC never (RFC 8725 section 3.1). */
const ACCEPTED_ALGORITHMS = ['ES256', 'ES384', 'EdDSA', 'Ed25519', 'PS256', 'RS256'] as const;
const OWN_ALGORITHMS = ['ES256', 'RS256'] as const;

const CODE_TTL = 60;
const INTERACTION_TTL = 30 * 60;
const ID_TOKEN_TTL = 3600;

/**
 * Makes the protocol engine: one `Provider`, wholly configured. Its keys are fixed when it is made, so a change of keys means
 * a new one (about a millisecond), which `ProtocolServer` swaps in.
 */
@Injectable()
export class ProviderFactory {
  private readonly logger = new Logger('oidc');
  /** One for all providers: what it remembers must survive a change of keys. */
  private readonly fetch: ReturnType<typeof outboundFetch>;

  constructor(
    private readonly config: Config,
    private readonly keyRing: KeyRing,
    private readonly masterKey: MasterKey,
    private readonly accounts: Accounts,
    private readonly format: AccessTokenFormat,
    private readonly policies: ProtocolPolicies,
    private readonly pages: ProtocolPages,
  ) {
    this.fetch = outboundFetch({ allowsLoopbackHttp: !config.isProduction });
  }

  create(adapter: (model: string) => Adapter): Provider {
    const provider = new Provider(this.config.issuer, { ...this.configuration(), adapter });
    // The dispatcher writes the forwarding headers itself, from the configured issuer.
    provider.proxy = true;
    provider.use(cacheableKeySet(this.config.jwksMaxAge) as Parameters<Provider['use']>[0]);
    provider.use(discreetAnswers as Parameters<Provider['use']>[0]);
    useOwnPages(provider, this.pages);
    describeErrors(provider);
    provider.on('server_error', (ctx, error) => this.logger.error(`${ctx.method} ${ctx.path} failed`, error));
    // Koa prints what nobody listens to.
    (provider as NodeJS.EventEmitter).on('error', (error: Error) => this.logger.error('a protocol request failed', error));
    return provider;
  }

  private configuration(): Configuration {
    const { config, accounts, format, policies, pages } = this;
    return {
      jwks: this.keyRing.privateJwks() as Configuration['jwks'],
      routes: PROTOCOL_ROUTES,
      scopes: [...OIDC_SCOPES],
      claims: { openid: ['sub'], profile: ['name', 'updated_at'], email: ['email', 'email_verified'] },
      extraParams: { requested_actor: checkRequestedActor },
      discovery: { ...AGENT_METADATA, ...(config.statusListTtl > 0 && { status_list_aggregation_endpoint: `${config.issuer}${STATUS_LISTS_PATH}` }) },
      responseTypes: ['code'],
      subjectTypes: ['public'],
      clientAuthMethods: ['client_secret_basic', 'client_secret_post', 'private_key_jwt', 'none'],
      clientDefaults: { id_token_signed_response_alg: 'RS256', grant_types: [], response_types: [] },
      enabledJWA: {
        idTokenSigningAlgValues: [...OWN_ALGORITHMS],
        introspectionSigningAlgValues: [...OWN_ALGORITHMS],
        userinfoSigningAlgValues: [...OWN_ALGORITHMS],
        clientAuthSigningAlgValues: [...ACCEPTED_ALGORITHMS],
        requestObjectSigningAlgValues: [...ACCEPTED_ALGORITHMS],
        dPoPSigningAlgValues: [...DPOP_ALGORITHMS] as (typeof ACCEPTED_ALGORITHMS)[number][],
      },
      pkce: { required: (_ctx, client) => client.clientAuthMethod === 'none' || clientRecordOf(client).requirePkce },
      assertJwtClientAuthClaimsAndHeader: assertAssertionAudience(config.issuer),
      fetch: this.fetch,
      cookies: this.cookies(),
      interactions: { policy: interactionPolicy(), url: (_ctx, interaction) => `${INTERACTION_PATH}/${interaction.uid}` },
      findAccount: (ctx, sub) => accounts.find(ctx, sub),
      loadExistingGrant: (ctx) => accounts.loadGrant(ctx),
      // Browsers name the origin of a POST even to the page's own server: from there the API documentation asks for any client.
      clientBasedCORS: (_ctx, origin, client) => origin === config.issuer || isHomeOf(client, origin),
      issueRefreshToken: async (_ctx, client) => client.grantTypeAllowed('refresh_token'),
      expiresWithSession: async (_ctx, source) => !source.scopes.has('offline_access'),
      rotateRefreshToken: (ctx) => policies.mustRotate(ctx),
      formats: { customizers: { jwt: onTheWire((ctx: KoaContextWithOIDC, token: AccessToken | ClientCredentials, jwt: { payload: object }) => format.jwt(ctx, token as AccessToken, jwt)) } } as Configuration['formats'],
      renderError: (ctx, out, error) => pages.error(ctx, out, error),
      ttl: {
        AccessToken: (_ctx, token) => token.resourceServer?.accessTokenTTL ?? config.accessTokenTtl,
        AuthorizationCode: CODE_TTL,
        Grant: config.refreshTokenTtl,
        IdToken: ID_TOKEN_TTL,
        Interaction: INTERACTION_TTL,
        RefreshToken: config.refreshTokenTtl,
        Session: (_ctx, session) => sessionTtl(config, session.loginTs),
      },
      features: {
        devInteractions: { enabled: false },
        clientCredentials: { enabled: true },
        userinfo: { enabled: true },
        pushedAuthorizationRequests: { enabled: true },
        requestObjects: { enabled: true },
        dPoP: { enabled: true },
        introspection: { enabled: true, allowedPolicy: (ctx, client, token) => policies.mayIntrospect(ctx, client, token) },
        jwtIntrospection: { enabled: true },
        revocation: { enabled: true, allowedPolicy: (ctx, client, token) => policies.mayRevoke(ctx, client, token) },
        rpInitiatedLogout: {
          enabled: true,
          logoutSource: (ctx) => pages.confirmSignOut(ctx),
          postLogoutSuccessSource: (ctx) => pages.signedOut(ctx),
        },
        resourceIndicators: {
          enabled: true,
          defaultResource: async (_ctx, _client, oneOf) => policies.defaultResource(oneOf),
          useGrantedResource: async () => true,
          getResourceServerInfo: (ctx, identifier, client) => policies.resourceServer(ctx, identifier, client),
        },
      },
    };
  }

  /** `__Host-` and `__Secure-` names where the browser sends cookies over https alone (RFC 6265bis section 4.1.3). */
  private cookies(): Configuration['cookies'] {
    const secure = this.config.issuer.startsWith('https:');
    const options = { signed: true, httpOnly: true, sameSite: 'lax' as const, secure };
    return {
      names: {
        session: secure ? '__Host-legate_session' : 'legate_session',
        // These two are sent to one path only, which a __Host- cookie may not be.
        interaction: secure ? '__Secure-legate_interaction' : 'legate_interaction',
        resume: secure ? '__Secure-legate_resume' : 'legate_resume',
      },
      keys: [this.masterKey.derive('cookies').toString('base64url')],
      long: { ...options, path: '/' },
      short: options,
    };
  }
}

/** A session lives from its sign-in for so long at most, and ends earlier when it is not used. */
function sessionTtl(config: Config, signedInAt: number | undefined): number {
  if (signedInAt === undefined) return INTERACTION_TTL;
  return Math.max(1, Math.min(config.sessionIdleTtl, signedInAt + config.sessionTtl - epochSeconds()));
}

/** A public client may ask from the pages that it is sent back to, and from nowhere else. */
function isHomeOf(client: Client, origin: string): boolean {
  return client.clientAuthMethod === 'none' && (client.redirectUris ?? []).some((uri) => URL.canParse(uri) && new URL(uri).origin === origin);
}
