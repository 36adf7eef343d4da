import { Injectable } from '@nestjs/common';
import { newId } from '../../kernel/ids.js';
import { requestContext } from '../../platform/http/request-context.js';
import type { AgentRecord } from '../agents/agents.service.js';
import { AuditLog } from '../audit/audit-log.service.js';
import type { ClientRecord } from '../clients/clients.service.js';
import type { DelegationPath } from '../delegation/delegation-grants.service.js';
import { PolicyDecisions, type Decision } from '../policies/policy-decisions.service.js';
import { ScopesService } from '../scopes/scopes.service.js';
import { ToolsService, type AssignedTool } from '../tools/tools.service.js';
import { IssuanceLimits, type LimitedIssuance } from './issuance-limits.service.js';
import { requestsAbout, type TokenCircumstances, type TokenTaker } from './issuance-question.js';
import { refusedIssuance } from './recorded-issuance.js';
import type { DecisionFacts } from './token-record.js';
import { policiesUnavailable, policyDenied } from './tokens.errors.js';

export type { TokenTaker } from './issuance-question.js';

/** A token as it would be issued, for the policies to judge. */
export interface IntendedToken extends TokenCircumstances {
  readonly organizationId: string;
  readonly taker: TokenTaker;
  readonly scopes: readonly string[];
  /** Were these asked for? Then all of them are allowed, or none; otherwise those that are not are left out. */
  readonly areScopesRequested: boolean;
  readonly tools?: readonly AssignedTool[];
  readonly areToolsRequested?: boolean;
  /** By what the taker acts, where among tasks, and what it descends from: there may be limits to it. */
  readonly path?: DelegationPath;
  readonly place?: LimitedIssuance['place'];
  readonly parent?: LimitedIssuance['parent'];
}

/** What policies would say of a scope or tool. */
export interface Forecast {
  readonly kind: 'scope' | 'tool';
  readonly name: string;
  readonly decision: Decision;
}

export interface JudgedToken {
  readonly scopes: readonly string[];
  /** Names; undefined where tools were not in question. */
  readonly tools?: readonly string[];
  readonly decision: DecisionFacts;
}

/**
 * The policies have a say on every scope and every tool of every token (action `issue`). What they decided stands in the event of
 * the token, or of its refusal. Before them it is seen to that something is left of every limit.
 */
@Injectable()
export class IssuancePolicies {
  constructor(
    private readonly policies: PolicyDecisions,
    private readonly scopes: ScopesService,
    private readonly tools: ToolsService,
    private readonly limits: IssuanceLimits,
    private readonly audit: AuditLog,
  ) {}

  /**
   * Not for use inside a transaction.
   * @throws DomainError `access_denied`, with the decision in its details, or with the limits of which nothing is left; `policies_unavailable`
   */
  async judge(intended: IntendedToken): Promise<JudgedToken> {
    const { organizationId, taker, scopes, tools = NO_TOOLS, areScopesRequested, areToolsRequested = false } = intended;
    const assigned = taker.kind === 'agent' ? this.tools.peekOfAgent(taker.agent.id) ?? await this.tools.ofAgent(taker.agent.id) : NO_TOOLS;
    if (taker.kind === 'agent') {
      const check = this.limits.check(taker.agent, intended);
      if (check) await check;
    }
    // Who somebody is (OpenID Connect's scopes) is the person's to tell, not a policy's.
    const decidable = scopes.filter((name) => !this.scopes.isOidcScope(name));
    const decisions = await this.policies.decideAll(requestsAbout({ organizationId, taker, assignedTools: assigned, scopes: decidable, tools }, intended, { ip: requestContext()?.ip }));
    if (decisions.every(({ isAllowed }) => isAllowed)) return { scopes, tools: intended.tools?.map(({ name }) => name), decision: factsOf(decisions) };
    if (decisions.some(({ isUndecided }) => isUndecided)) return this.refuseUndecided(intended, decisions);
    const names = [...decidable, ...tools.map(({ name }) => name)];
    const refused = [...names.keys()].filter((index) => !decisions[index]!.isAllowed);
    const refusedScopes = new Set(refused.filter((index) => index < decidable.length).map((index) => names[index]!));
    const refusedTools = new Set(refused.filter((index) => index >= decidable.length).map((index) => names[index]!));
    const missed = refused.filter((index) => (index < decidable.length ? areScopesRequested : areToolsRequested));
    if (missed.length > 0 || (scopes.length > 0 && refusedScopes.size === scopes.length)) {
      const reasons = missed.length > 0 ? missed : refused;
      throw policyDenied(reasons.map((index) => names[index]!), factsOf(reasons.map((index) => decisions[index]!)), refusedIssuance(intended, {
        scopes: reasons.filter((index) => index < decidable.length).map((index) => names[index]!), tools: reasons.filter((index) => index >= decidable.length).map((index) => names[index]!),
      }));
    }
    return {
      scopes: scopes.filter((name) => !refusedScopes.has(name)),
      tools: intended.tools?.filter(({ name }) => !refusedTools.has(name)).map(({ name }) => name),
      decision: factsOf(decisions.filter(({ isAllowed }) => isAllowed)),
    };
  }

  /** On record here, whichever way it was asked for: elsewhere what the server cannot do now is no refusal. */
  private refuseUndecided({ organizationId, taker, grantType, audience, scopes }: IntendedToken, decisions: readonly Decision[]): Promise<never> {
    const error = policiesUnavailable();
    const actor = taker.kind === 'user' ? { kind: 'user', id: taker.id } as const : { kind: 'client', id: taker.client.id } as const;
    return this.audit.recordRefusal({
      type: 'token.refused', organization_id: organizationId, actor, reason: error.code,
      details: { client_id: taker.kind === 'user' ? undefined : taker.client.id, grant_type: grantType, scope: scopes.join(' '), resource: audience, decision: { ...factsOf(decisions) } },
    }, error);
  }

  /**
   * What they would say of each scope, and then of each tool, in a token that an agent asks for by itself at this moment. Nobody acts
   * on it, so it is on no record. Not for use inside a transaction.
   */
  async forecast(agent: AgentRecord, client: ClientRecord, audience: string): Promise<readonly Forecast[]> {
    const assignedTools = await this.tools.ofAgent(agent.id);
    const scopes = [...client.scopes].filter((name) => !this.scopes.isOidcScope(name));
    const requests = requestsAbout({ organizationId: agent.organizationId, taker: { kind: 'agent', agent, client }, assignedTools, scopes, tools: assignedTools },
      { grantType: 'client_credentials', audience }, {});
    const decisions = await this.policies.decideAll(requests);
    return requests.map(({ resource }, index) => ({ kind: index < scopes.length ? 'scope' : 'tool', name: resource.id, decision: decisions[index]! }));
  }
}

const NO_TOOLS: readonly AssignedTool[] = [];

/** One id for what was decided about one token, and each policy that had a part in it. */
function factsOf(decisions: readonly Decision[]): DecisionFacts {
  if (decisions.length === 1) return { id: decisions[0]!.id, policies: decisions[0]!.policies };
  return { id: newId(), policies: [...new Set(decisions.flatMap(({ policies }) => policies))] };
}
