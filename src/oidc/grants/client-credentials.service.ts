import { Injectable } from '@nestjs/common';
import { errors, type KoaContextWithOIDC, type Provider } from 'oidc-provider';
import type { JsonValue } from '../../kernel/canonical-json.js';
import { epochSeconds } from '../../kernel/clock.js';
import type { ScopeGraph } from '../../kernel/scope-graph.js';
import { parseScope } from '../../kernel/scope-set.js';
import type { AgentRecord } from '../../modules/agents/agents.service.js';
import type { ClientRecord } from '../../modules/clients/clients.service.js';
import type { DelegationPath } from '../../modules/delegation/delegation-grants.service.js';
import { roleAllows } from '../../modules/organizations/roles.js';
import type { ResolvedResource } from '../../modules/resources/resources.service.js';
import { authorizedScopes } from '../../modules/tokens/authorized-scopes.js';
import { actorsOn, delegationFacts, lastOf } from '../../modules/tokens/delegation-facts.js';
import { GrantedTokens } from '../../modules/tokens/granted-tokens.service.js';
import { endOf, OnBehalf, type Subject } from '../../modules/tokens/on-behalf.service.js';
import type { NewToken } from '../../modules/tokens/token-issuer.service.js';
import { descentFrom, TokenLineage, type ParentToken, type TaskPlace, type TaskRequest } from '../../modules/tokens/token-lineage.service.js';
import type { DecisionFacts } from '../../modules/tokens/token-record.js';
import { scopesBeyondAuthority, targetBeyondAuthority } from '../../modules/tokens/tokens.errors.js';
import { Config } from '../../platform/config/config.js';
import { clientRecordOf } from '../clients.js';
import { grantHelpers } from '../provider-internals.js';
import { assertImpersonal, grantedScopes } from '../resource-access.js';
import { onTheWire } from '../wire-errors.js';
import { GrantGrounds, type GrantGround } from './grant-grounds.service.js';
import { readLaunch, type Launch, type LaunchParameters } from './launch.js';
import { asInvalidGrant, tokenResponse } from './token-response.js';

const PARAMETERS = [
  'scope', 'resource', 'delegation_grant_id', 'parent_token', 'task_id', 'parent_task_id', 'task_description', 'required_tools', 'agent_instance_id', 'launch_reason', 'delegation_purpose',
] as const;

/** What a client asks for. */
export interface ClientCredentialsRequest extends TaskRequest, LaunchParameters {
  readonly scope?: string;
  readonly resource?: string | string[];
  /** The delegation by which it acts for somebody else. */
  readonly delegation_grant_id?: string;
  /** A live token that the new one is to descend from. */
  readonly parent_token?: string;
  /** Names of the tools that it needs, space-separated: all of them, or no token. */
  readonly required_tools?: string;
}

/** What it gets, before it is issued. */
export interface ClientCredentialsTerms {
  readonly organizationId: string;
  readonly resource: ResolvedResource;
  readonly scopes: readonly string[];
  readonly agent?: AgentRecord;
  readonly launch: Launch;
  readonly tools?: readonly string[];
  readonly decision: DecisionFacts;
  readonly parent?: ParentToken;
  readonly place?: TaskPlace;
  readonly path?: DelegationPath;
  readonly subject?: Subject;
}

type DerivedTerms = Pick<ClientCredentialsTerms, 'scopes' | 'parent' | 'place' | 'path' | 'subject'>;

/**
 * The client credentials grant (RFC 6749 section 4.4), our own for speed: it is what agents live on.
 * 1. The client has been authenticated, and may use this grant: by the library, or on the fast path.
 * 2. The one resource is the one asked for, or this server's API (RFC 8707 section 2.2).
 * 3. With a delegation the agent acts for whoever is at its top; with a parent token the new one descends from that.
 * 4. The scopes are those asked for, all of them, or else the client's defaults; none of them is a person's to grant. With a
 *    delegation or a parent they are at most what those hold.
 * 5. The tools are those of the agent that such a token is good for; the policies have a say on every scope and tool.
 * 6. A proof of possession binds the token (RFC 9449 section 5).
 * 7. The token, its ledger row and its audit event come to be together. No refresh token (OAuth 2.1 section 4.2.3).
 */
@Injectable()
export class ClientCredentialsGrant {
  constructor(
    private readonly config: Config,
    private readonly grounds: GrantGrounds,
    private readonly lineage: TokenLineage,
    private readonly onBehalf: OnBehalf,
    private readonly tokens: GrantedTokens,
  ) {}

  register(provider: Provider): void {
    provider.registerGrantType('client_credentials', onTheWire(async (ctx: KoaContextWithOIDC) => {
      const client = clientRecordOf(ctx.oidc.client!);
      const terms = await this.terms(client, ctx.oidc.params as ClientCredentialsRequest);
      const proof = await grantHelpers.validateDpop(provider, ctx as never);
      grantHelpers.checkDpopRequired(provider, ctx as never, proof);
      if (proof) await grantHelpers.checkDpopReplay(provider, ctx as never, proof, client.id);
      ctx.body = await this.issue(client, terms, proof?.thumbprint);
    }), [...PARAMETERS], ['resource']);
  }

  /** @throws InvalidTarget, InvalidScope, UnauthorizedClient, InvalidGrant; DomainError with a code of the standards */
  async terms(client: ClientRecord, request: ClientCredentialsRequest): Promise<ClientCredentialsTerms> {
    const { scope, resource: requested } = request;
    if (Array.isArray(requested) && requested.length !== 1) throw new errors.InvalidTarget('only one resource can be asked for with this grant');
    const launch = readLaunch(request);
    const ground = await this.grounds.of(client, [requested ?? this.config.apiResource].flat()[0]!);
    const derived: DerivedTerms = standsOnMore(request) ? await this.derivedTerms(client, request, ground) : { scopes: ownScopes(client, request, ground) };
    const { parent, place, path, subject } = derived;
    const { scopes, tools, decision } = await this.grounds.judge(client, ground, {
      grantType: 'client_credentials', scopes: derived.scopes, areScopesRequested: scope !== undefined, requiredTools: request.required_tools,
      path, parent, place, act: path && actorsOn(path), onBehalfOf: subject?.subject.id, launch,
    });
    return { organizationId: client.organizationId!, resource: ground.resource, agent: ground.agent, launch, scopes, tools, decision, parent, place, path, subject };
  }

  /**
   * The token response (RFC 6749 section 5.1) of a token that is durable.
   *
   * @param jkt thumbprint of the key that the token is bound to (RFC 9449 section 6.1)
   * @throws InvalidGrant when something the token stands on ended meanwhile; DomainError `audit_unavailable`, `audit_overloaded`
   */
  async issue(client: ClientRecord, terms: ClientCredentialsTerms, jkt?: string): Promise<Record<string, unknown>> {
    const { organizationId, resource, scopes, tools, decision, agent, launch, parent, place, path, subject } = terms;
    const issuedAt = epochSeconds();
    const issuance: NewToken = {
      grantType: 'client_credentials',
      clientId: client.id,
      organizationId,
      subject: subject?.subject ?? { kind: agent ? 'agent' : 'client', id: client.id },
      role: subject?.role,
      agent: agent?.profile,
      scopes,
      tools,
      decision,
      issuedAt,
      expiresAt: Math.min(issuedAt + resource.accessTokenTtl, path ? endOf(path, issuedAt) : Infinity, parent?.claims.exp ?? Infinity),
      cnf: jkt === undefined ? undefined : { jkt },
      instanceId: launch.instanceId,
      launchReason: launch.reason,
      purpose: launch.purpose,
      act: path && actorsOn(path),
      delegation: path && delegationFacts(path, this.config.issuer, launch.purpose),
      authorizationDetails: path && detailsOf(path),
      parent: parent && descentFrom(parent),
    };
    try {
      return tokenResponse(await this.tokens.issue(issuance, resource, { place, path }));
    } catch (error) {
      return asInvalidGrant(error);
    }
  }

  /** With a delegation, a parent token, or a task that is named. */
  private async derivedTerms(client: ClientRecord, request: ClientCredentialsRequest, { resource, graph }: GrantGround): Promise<DerivedTerms> {
    const path = request.delegation_grant_id === undefined ? undefined : await this.onBehalf.path(request.delegation_grant_id, client);
    if (path) this.onBehalf.assertReaches(path, resource.identifier);
    const subject = path && await this.onBehalf.subject(path);
    const parent = request.parent_token === undefined ? undefined : await this.lineage.parent(request.parent_token, client);
    if (parent && parent.claims.aud !== resource.identifier) throw targetBeyondAuthority();
    const place = await this.lineage.place(client, request, { parent, path });
    const requested = parseScope(request.scope);
    if (!path && !parent) return { scopes: ownScopes(client, request, { resource, graph }), place };
    const holders = [client.scopes, resource.scopes, ...(path ? [new Set(lastOf(path).scopes)] : []), ...(parent ? [new Set(parseScope(parent.claims.scope))] : [])];
    const made = authorizedScopes(graph, holders, requested, (name) => subject?.role === undefined || roleAllows(subject.role, name));
    if ('refused' in made) throw scopesBeyondAuthority(made.refused);
    // A person who delegated has agreed; nobody else could.
    const scopes = subject?.subject.kind === 'user' ? made.scopes : withoutPersonal(graph, made.scopes, requested);
    if (scopes.length === 0) throw scopesBeyondAuthority([]);
    return { scopes, parent, place, path, subject };
  }
}

/** What a client may have in its own right. */
function ownScopes(client: ClientRecord, { scope }: ClientCredentialsRequest, { resource, graph }: Pick<GrantGround, 'resource' | 'graph'>): string[] {
  const scopes = grantedScopes(graph, client, resource, parseScope(scope));
  assertImpersonal(graph, scopes);
  if (scopes.length === 0) throw new errors.InvalidScope('the client has no scopes at this resource', scope ?? '');
  return scopes;
}

/** Does the request name anything that the token would stand on beside its client? */
function standsOnMore(request: ClientCredentialsRequest): boolean {
  return request.delegation_grant_id !== undefined || request.parent_token !== undefined || request.task_id !== undefined
    || request.parent_task_id !== undefined || request.task_description !== undefined;
}

function withoutPersonal(graph: ScopeGraph, scopes: readonly string[], requested: readonly string[]): readonly string[] {
  if (requested.length > 0) assertImpersonal(graph, scopes);
  const personal = new Set(graph.requiringApproval(scopes));
  return scopes.filter((scope) => !personal.has(scope));
}

/** The details that the delegation names, all of them: the token request does not narrow them (RFC 9396 section 7). */
function detailsOf(path: DelegationPath): JsonValue | undefined {
  const { authorizationDetails } = lastOf(path);
  return authorizationDetails.length > 0 ? authorizationDetails as readonly JsonValue[] : undefined;
}
