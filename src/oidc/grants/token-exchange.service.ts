import { Injectable } from '@nestjs/common';
import { errors, type KoaContextWithOIDC, type Provider } from 'oidc-provider';
import { epochSeconds } from '../../kernel/clock.js';
import { parseScope } from '../../kernel/scope-set.js';
import { TOKEN_EXCHANGE } from '../../modules/clients/client-registration.service.js';
import type { ClientRecord } from '../../modules/clients/clients.service.js';
import { ExchangeAuthority, type ExchangeTerms } from '../../modules/tokens/exchange-authority.service.js';
import { delegationFacts } from '../../modules/tokens/delegation-facts.js';
import { GrantedTokens } from '../../modules/tokens/granted-tokens.service.js';
import type { JudgedToken } from '../../modules/tokens/issuance-policies.service.js';
import { endOf } from '../../modules/tokens/on-behalf.service.js';
import { descentFrom, TokenLineage, type TaskPlace, type TaskRequest } from '../../modules/tokens/token-lineage.service.js';
import { exchangeMalformed } from '../../modules/tokens/tokens.errors.js';
import { Config } from '../../platform/config/config.js';
import { clientRecordOf } from '../clients.js';
import { grantHelpers } from '../provider-internals.js';
import { onTheWire } from '../wire-errors.js';
import { GrantGrounds, type GrantGround } from './grant-grounds.service.js';
import { readLaunch, type Launch, type LaunchParameters } from './launch.js';
import { asInvalidGrant, tokenResponse } from './token-response.js';

/** Token types of RFC 8693 section 3 that we take and give. */
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';
const JWT = 'urn:ietf:params:oauth:token-type:jwt';
const TAKEN = new Set([ACCESS_TOKEN, JWT]);

const PARAMETERS = [
  'subject_token', 'subject_token_type', 'actor_token', 'actor_token_type', 'requested_token_type', 'audience', 'resource', 'scope', 'delegation_grant_id',
  'task_id', 'parent_task_id', 'task_description', 'required_tools', 'agent_instance_id', 'launch_reason', 'delegation_purpose',
] as const;

export interface ExchangeRequest extends TaskRequest, LaunchParameters {
  readonly subject_token?: string;
  readonly subject_token_type?: string;
  readonly actor_token?: string;
  readonly actor_token_type?: string;
  readonly requested_token_type?: string;
  readonly audience?: string | string[];
  readonly resource?: string | string[];
  readonly scope?: string;
  readonly required_tools?: string;
  readonly delegation_grant_id?: string;
}

export interface Exchange {
  readonly terms: ExchangeTerms;
  readonly judged: JudgedToken;
  readonly ground: GrantGround;
  readonly place: TaskPlace;
  readonly launch: Launch;
  readonly issuedType: string;
}

/**
 * Token exchange (RFC 8693): an agent turns a token of whoever it acts for into one of its own, for the next step.
 * 1. The library has authenticated the client, and the parameters are of the kinds that we take (section 2.1).
 * 2. Both tokens are ours, alive and of the client's organization; the requester is the actor (section 4.4).
 * 3. The authority is a delegation from the one the subject token speaks for, or that acts with it, to the actor – or the
 *    subject token itself, when the requester holds it already and only wants less. `ExchangeAuthority` decides.
 * 4. Scope, audience and lifetime are at most those of the subject token and of the delegation.
 * 5. The tools are those of the agent that such a token is good for; the policies have a say on every scope and tool.
 * 6. The new token names the chain of actors (section 4.1), descends from the subject token, and is bound to the requester's key.
 */
@Injectable()
export class TokenExchangeGrant {
  constructor(
    private readonly config: Config,
    private readonly grounds: GrantGrounds,
    private readonly authority: ExchangeAuthority,
    private readonly lineage: TokenLineage,
    private readonly tokens: GrantedTokens,
  ) {}

  register(provider: Provider): void {
    provider.registerGrantType(TOKEN_EXCHANGE, onTheWire(async (ctx: KoaContextWithOIDC) => {
      const client = clientRecordOf(ctx.oidc.client!);
      const exchange = await this.judge(client, ctx.oidc.params as ExchangeRequest);
      const proof = await grantHelpers.validateDpop(provider, ctx as never);
      grantHelpers.checkDpopRequired(provider, ctx as never, proof);
      if (proof) await grantHelpers.checkDpopReplay(provider, ctx as never, proof, client.id);
      ctx.body = await this.issue(client, exchange, proof?.thumbprint);
    }), [...PARAMETERS], ['resource', 'audience']);
  }

  /**
   * What this client would get, judged and not yet issued.
   * @throws InvalidTarget, InvalidRequest, UnauthorizedClient, InvalidGrant; DomainError with a code of the standards
   */
  async judge(client: ClientRecord, request: ExchangeRequest): Promise<Exchange> {
    checkTypes(request);
    if (!client.organizationId) throw new errors.UnauthorizedClient('this client acts for people only');
    const launch = readLaunch(request);
    const parties = await this.authority.parties(client, request.subject_token!, request.actor_token);
    const target = oneTarget(request) ?? parties.subject.claims.aud;
    const ground = await this.grounds.of(client, target);
    const { resource, graph } = ground;
    const issuedType = request.requested_token_type ?? ACCESS_TOKEN;
    if (issuedType === JWT && resource.tokenFormat !== 'jwt') throw exchangeMalformed('Tokens for this resource are opaque: ask for an access token.');
    const terms = await this.authority.terms(client, parties, { graph, resource, requested: parseScope(request.scope), delegationGrantId: request.delegation_grant_id });
    const { subject: parent } = terms;
    const asked = await this.lineage.place(client, request, { parent, path: terms.path });
    const place = terms.isSelf ? asked : ownPlace(asked, parent.row.taskId);
    const judged = await this.grounds.judge(client, ground, {
      grantType: TOKEN_EXCHANGE, scopes: terms.scopes, areScopesRequested: request.scope !== undefined, requiredTools: request.required_tools, path: terms.path, parent, place, act: terms.act,
      onBehalfOf: terms.act && parent.claims.sub, launch, acr: parent.claims['acr'] as string | undefined,
    });
    return { terms, judged, ground, launch, issuedType, place };
  }

  /**
   * The token response (RFC 8693 section 2.2.1) of a token that is durable.
   *
   * @param jkt thumbprint of the key that the token is bound to (RFC 9449 section 6.1)
   * @throws InvalidGrant when something the token stands on ended meanwhile; DomainError `audit_unavailable`, `audit_overloaded`
   */
  async issue(client: ClientRecord, { terms, judged, ground: { resource, agent }, place, launch, issuedType }: Exchange, jkt?: string): Promise<Record<string, unknown>> {
    const { subject: { claims, row }, path, act, role } = terms;
    const issuedAt = epochSeconds();
    const issued = await this.tokens.issue({
      grantType: TOKEN_EXCHANGE,
      clientId: client.id,
      organizationId: row.organizationId,
      subject: { kind: row.userId !== null ? 'user' : row.agentId !== null ? 'agent' : 'client', id: claims.sub },
      role,
      agent: agent?.profile,
      ...judged,
      act,
      issuedAt,
      expiresAt: Math.min(issuedAt + resource.accessTokenTtl, claims.exp, path ? endOf(path, issuedAt) : Infinity),
      cnf: jkt === undefined ? undefined : { jkt },
      authTime: claims['auth_time'] as number | undefined,
      acr: claims['acr'] as string | undefined,
      consentGrantId: row.consentGrantId ?? undefined,
      authorizationDetails: terms.authorizationDetails,
      instanceId: launch.instanceId,
      launchReason: launch.reason,
      purpose: launch.purpose,
      delegation: path && delegationFacts(path, this.config.issuer, launch.purpose),
      parent: descentFrom(terms.subject),
    }, resource, { place, path }).catch(asInvalidGrant);
    return { ...tokenResponse(issued), issued_token_type: issuedType };
  }
}

/** Another agent's step is a task of its own, within the one that it is asked in. */
function ownPlace(place: TaskPlace, taskId: string): TaskPlace {
  return place.opens || place.taskId !== taskId ? place : { parentTaskId: taskId };
}

/** @throws DomainError `invalid_request` */
function checkTypes({ subject_token: subject, subject_token_type: subjectType, actor_token: actor, actor_token_type: actorType, requested_token_type: requested }: ExchangeRequest): void {
  if (subject === undefined) throw exchangeMalformed('subject_token is missing.');
  if (subjectType === undefined) throw exchangeMalformed('subject_token_type is missing.');
  if (!TAKEN.has(subjectType)) throw exchangeMalformed('This server exchanges its own access tokens: subject_token_type must say so.');
  if ((actor === undefined) !== (actorType === undefined)) throw exchangeMalformed('actor_token and actor_token_type come together or not at all.');
  if (actorType !== undefined && !TAKEN.has(actorType)) throw exchangeMalformed('The actor proves itself with an access token of this server: actor_token_type must say so.');
  if (requested !== undefined && !TAKEN.has(requested)) throw exchangeMalformed('This server gives access tokens in exchange, and nothing else.');
}

/** @throws InvalidTarget */
function oneTarget({ audience, resource }: ExchangeRequest): string | undefined {
  const targets = new Set([audience ?? [], resource ?? []].flat());
  if (targets.size > 1) throw new errors.InvalidTarget('only one resource can be asked for with this grant');
  return [...targets][0];
}
