import type { IncomingMessage, ServerResponse } from 'node:http';
import { Injectable } from '@nestjs/common';
import { errors } from 'oidc-provider';
import { isScopeParameter } from '../../kernel/scope-set.js';
import { TOKEN_EXCHANGE } from '../../modules/clients/client-registration.service.js';
import { ClientsService, type ClientRecord } from '../../modules/clients/clients.service.js';
import { TokenVerifier } from '../../modules/tokens/token-verifier.service.js';
import { maySeeToken } from '../../modules/tokens/token-visibility.js';
import { requestContext } from '../../platform/http/request-context.js';
import { Metrics, type TokenGrant } from '../../platform/metrics/metrics.js';
import { ClientLimits } from '../client-limits.service.js';
import { readText } from '../form-body.js';
import { ClientCredentialsGrant } from '../grants/client-credentials.service.js';
import { TokenExchangeGrant } from '../grants/token-exchange.service.js';
import { viewerOf } from '../protocol-policies.service.js';
import { PROTOCOL_ROUTES } from '../protocol-routes.js';
import { toWireError, writeWireError } from '../wire-errors.js';
import { introspectionResponse } from './introspection-response.js';
import { plainForm, type PlainForm } from './plain-form.js';
import { presentedSecret } from './presented-secret.js';

/** Says that the request means more than its form: a key, a script's origin, another kind of client authentication. */
const TELLING_HEADERS = ['dpop', 'origin', 'oauth-client-attestation', 'oauth-client-attestation-pop'] as const;
/** The grants that are answered here, by their `grant_type`. */
const GRANTS = new Map<string | undefined, TokenGrant>([['client_credentials', 'client_credentials'], [TOKEN_EXCHANGE, 'token_exchange']]);
const FORM = /^application\/x-www-form-urlencoded(?:; ?charset=utf-8)?$/i;

/**
 * Answers what machines ask all day – a token for themselves, one for the next step, whether a token is alive – without the
 * protocol library, whose way through its middleware costs several times the work itself.
 *
 * It only ever says yes. A request that is not as plain as can be, and every refusal, goes the library's way from its
 * beginning: nothing has happened by then, and what is refused, how it is said and how it is recorded is decided in one place.
 * Of two things it says no itself, because asking again would cost what is to be saved: the server cannot serve, or the client has
 * asked too often. What it does say, the library would have said of the same request (`fast-path.spec.ts` asks both).
 *
 * 1. The request is a form, with nothing about it that only the library understands.
 * 2. The client proves itself by a secret (RFC 6749 section 2.3.1).
 * 3. Its token is issued by the same grant, or the token it asks about judged by the same policy, as everywhere else.
 */
@Injectable()
export class FastPath {
  constructor(
    private readonly clients: ClientsService,
    private readonly clientCredentials: ClientCredentialsGrant,
    private readonly tokenExchange: TokenExchangeGrant,
    private readonly verifier: TokenVerifier,
    private readonly metrics: Metrics,
    private readonly limits: ClientLimits,
  ) {}

  /** Did it answer? Otherwise nothing was done with the request but to count it, and its body is still there to be read. */
  async answer(request: IncomingMessage, response: ServerResponse): Promise<boolean> {
    const isTokenRequest = request.url === PROTOCOL_ROUTES.token;
    if (!isTokenRequest && request.url !== PROTOCOL_ROUTES.introspection) return false;
    if (!isPlain(request)) return false;
    let grant: TokenGrant | undefined;
    try {
      const text = await readText(request);
      const form = text === undefined ? undefined : plainForm(text);
      const presented = form && presentedSecret(request.headers.authorization, form);
      if (!presented) return false;
      grant = isTokenRequest ? GRANTS.get(form['grant_type']) : undefined;
      if (isTokenRequest && !grant) return false;
      const client = this.clients.peek(presented.clientId) ?? await this.clients.findCached(presented.clientId);
      const secretId = this.clients.verifySecret(client, presented.secret);
      if (secretId === undefined || client?.status !== 'active' || !client.tokenEndpointAuthMethod.startsWith('client_secret')) return false;
      const context = requestContext();
      const reached = context && this.limits.charge(context, client, response);
      if (reached) {
        if (grant) this.metrics.tokenDecided(grant, 'refused');
        writeWireError(response, await this.limits.refusalOf(reached));
        return true;
      }
      const answer = grant ? await this.token(client, grant, form) : await this.introspection(client, form);
      if (!answer) return false;
      this.clients.touch(secretId, client.id);
      if (context) context.clientId = client.id;
      write(response, answer);
      return true;
    } catch (error) {
      const wire = toWireError(error);
      // Asking again would only add to what the server cannot bear now.
      if (!(wire instanceof errors.OIDCProviderError) || wire.status < 500) return false;
      if (grant) this.metrics.tokenDecided(grant, 'failed');
      writeWireError(response, error);
      return true;
    }
  }

  /** The answers are JSON. */
  private async token(client: ClientRecord, grant: TokenGrant, form: PlainForm): Promise<string | undefined> {
    if (!client.grantTypes.includes(form['grant_type']!) || client.dpopBoundAccessTokens) return undefined;
    if (form['scope'] !== undefined && !isScopeParameter(form['scope'])) return undefined;
    const issued = grant === 'token_exchange'
      ? await this.tokenExchange.issue(client, await this.tokenExchange.judge(client, form))
      : await this.clientCredentials.issue(client, await this.clientCredentials.terms(client, form));
    this.metrics.tokenDecided(grant, 'issued');
    return JSON.stringify(issued);
  }

  private async introspection(client: ClientRecord, { token }: PlainForm): Promise<string | undefined> {
    const found = token === undefined ? undefined : await this.verifier.findLive(token);
    return found && maySeeToken(viewerOf(client), { clientId: found.claims.client_id, tenantId: found.claims.tenant_id, audience: found.claims.aud })
      ? introspectionResponse(found.claims) : undefined;
  }
}

function isPlain({ method, headers }: IncomingMessage): boolean {
  return method === 'POST' && headers.accept === 'application/json' && FORM.test(headers['content-type'] ?? '')
    && TELLING_HEADERS.every((name) => headers[name] === undefined);
}

function write(response: ServerResponse, text: string): void {
  response.writeHead(200, { 'cache-control': 'no-store', 'content-type': 'application/json; charset=utf-8', 'content-length': Buffer.byteLength(text) });
  response.end(text);
}
