import { Injectable } from '@nestjs/common';
import { DomainError } from '../../kernel/domain-error.js';
import { parseScope } from '../../kernel/scope-set.js';
import { requestContext } from '../../platform/http/request-context.js';
import { sourceNetwork } from '../../platform/http/source-network.js';
import { RequestLimits } from '../../platform/limits/request-limits.service.js';
import { AttemptLimiter } from '../../platform/redis/attempt-limiter.js';
import type { AuditEvent } from '../audit/audit-event.js';
import { AuditLog } from '../audit/audit-log.service.js';
import { RefusalTally } from '../audit/refusal-tally.service.js';
import { ClientsService, type ClientRecord } from '../clients/clients.service.js';
import { FIRST_ORGANIZATION_SLUG } from '../organizations/organizations.service.js';
import { AgentPasswordCheck, PASSWORD_GRANT } from './agent-password-check.service.js';
import { ClientTokens } from './client-tokens.service.js';
import type { IssuedToken } from './token-issuer.service.js';
import { agentNotActive, credentialsAmbiguous, invalidAgentCredentials, tooManyKeyAttempts } from './tokens.errors.js';

/** A key has 256 random bits, so this keeps nobody from guessing; it keeps a misconfigured fleet from filling the log. */
const WRONG_KEYS = { points: 300, seconds: 15 * 60 };

export interface LoginCredentials {
  readonly api_key?: string;
  readonly name?: string;
  readonly password?: string;
  /** Slug. */
  readonly organization?: string;
  /** Space-separated. */
  readonly scope?: string;
}

/** Who tries, as far as it is known: for the record of a refusal. */
type Suspect = Pick<AuditEvent, 'organization_id' | 'actor' | 'target'> & { details: { grant_type: string; scope?: string; account?: string } };

/**
 * An agent gets a token of this server's API in one step, as the client credentials grant would give it:
 * 1. with its API key, which is its client secret, or with its name and password;
 * 2. the scopes are those asked for, or its defaults;
 * 3. every refusal is on record. Unknown agent, wrong password and wrong key read alike.
 */
@Injectable()
export class AgentLogin {
  constructor(
    private readonly clients: ClientsService,
    private readonly passwords: AgentPasswordCheck,
    private readonly tokens: ClientTokens,
    private readonly limiter: AttemptLimiter,
    private readonly audit: AuditLog,
    private readonly tally: RefusalTally,
    private readonly limits: RequestLimits,
  ) {}

  /**
   * @param source address of the peer
   * @throws DomainError `credentials_ambiguous`, `invalid_credentials`, `too_many_sign_ins`, `too_many_requests`, `password_hashing_busy`, `agent_not_active`,
   *   `invalid_scope`, `unauthorized_client`, `dpop_required`
   */
  async login(credentials: LoginCredentials, source: string): Promise<IssuedToken> {
    const { api_key: apiKey, name, password, organization = FIRST_ORGANIZATION_SLUG, scope } = credentials;
    if (apiKey !== undefined ? name !== undefined || password !== undefined : name === undefined || password === undefined) throw credentialsAmbiguous();
    const suspect: Suspect = { organization_id: null, actor: { kind: 'anonymous' }, details: { grant_type: apiKey === undefined ? PASSWORD_GRANT : 'client_credentials', scope } };
    try {
      const client = apiKey === undefined ? await this.byPassword(organization, name!, password!, source, suspect) : await this.byKey(apiKey, source);
      Object.assign(suspect, known(client));
      await this.admit(client);
      if (client.status !== 'active') throw agentNotActive(client.status);
      const scopes = await this.tokens.scopesFor(client, parseScope(scope));
      return await this.tokens.issue(client, { grantType: apiKey === undefined ? PASSWORD_GRANT : 'client_credentials', scopes, areScopesRequested: scope !== undefined });
    } catch (error) {
      if (!(error instanceof DomainError) || error.kind === 'unavailable' || this.audit.hasRecorded(error)) throw error;
      if (error.kind === 'throttled') return this.throttled(suspect, error, source);
      return this.audit.recordRefusal({ ...suspect, type: 'token.refused', reason: error.code, details: { ...suspect.details, ...error.record } }, error);
    }
  }

  /** From here on the request is the client's, not that of an address it shares. */
  private async admit({ kind, id, organizationId }: ClientRecord): Promise<void> {
    const context = requestContext();
    if (context) await this.limits.admitCaller(context, { kind: kind === 'agent' ? 'agent' : 'client', id, organizationId });
  }

  /** Nothing stops anybody from being throttled again and again, so not each time is an event. */
  private async throttled(suspect: Suspect, error: DomainError, source: string): Promise<never> {
    const whom = suspect.target?.id ?? suspect.details.account ?? '';
    await this.tally.record(`${whom} ${sourceNetwork(source)}`, { ...suspect, type: 'token.refused', outcome: 'refused', reason: error.code });
    this.audit.noteRecorded(error);
    throw error;
  }

  private async byKey(apiKey: string, source: string): Promise<ClientRecord> {
    const found = await this.clients.findByApiKey(apiKey);
    if (found) {
      this.clients.touch(found.secretId, found.client.id);
      return found.client;
    }
    const { allowed, retryAfterSeconds } = await this.limiter.consume(`login:key:${sourceNetwork(source)}`, WRONG_KEYS.points, WRONG_KEYS.seconds);
    throw allowed ? invalidAgentCredentials() : tooManyKeyAttempts(retryAfterSeconds);
  }

  private async byPassword(organization: string, name: string, password: string, source: string, suspect: Suspect): Promise<ClientRecord> {
    const named = await this.passwords.find(organization, name);
    Object.assign(suspect, named.agent
      ? { organization_id: named.agent.organizationId, target: { kind: 'agent', id: named.agent.id } }
      : { details: { ...suspect.details, account: named.account } });
    const isRight = await this.passwords.verify(named, password, source);
    const client = named.agent && isRight ? await this.clients.findCached(named.agent.id) : undefined;
    if (!client) throw invalidAgentCredentials();
    this.clients.touch(undefined, client.id);
    return client;
  }
}

function known({ id, organizationId, kind }: ClientRecord): Partial<Suspect> {
  const actorKind = kind === 'agent' ? 'agent' : 'client';
  return { organization_id: organizationId, actor: { kind: actorKind, id, client_id: id }, target: { kind: actorKind, id } };
}
