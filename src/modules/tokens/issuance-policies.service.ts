import { Injectable } from '@nestjs/common';
import { newId, type OrganizationId } from '../../kernel/ids.js';
import type { Role } from '../../platform/http/caller.js';
import { requestContext } from '../../platform/http/request-context.js';
import type { AgentRecord } from '../agents/agents.service.js';
import type { ClientRecord } from '../clients/clients.service.js';
import { actorsOf, type ActorChain } from '../delegation/delegation-chain.js';
import { PolicyDecisions, type Decision, type DecisionEntity, type DecisionRequest } from '../policies/policy-decisions.service.js';
import { ScopesService } from '../scopes/scopes.service.js';
import { ToolsService, type AssignedTool } from '../tools/tools.service.js';
import type { DecisionFacts } from './token-record.js';
import { policyDenied } from './tokens.errors.js';

/** Who is to get a token: the agent that acts, or whoever speaks for themselves. */
export type TokenTaker =
  | { readonly kind: 'agent'; readonly agent: AgentRecord; readonly client: ClientRecord }
  | { readonly kind: 'client'; readonly client: ClientRecord }
  | { readonly kind: 'user'; readonly id: string; readonly role: Role };

/** A token as it would be issued, for the policies to judge. */
export interface IntendedToken {
  readonly organizationId: string;
  readonly taker: TokenTaker;
  readonly grantType: string;
  readonly audience: string;
  readonly scopes: readonly string[];
  /** Were these asked for? Then all of them are allowed, or none; otherwise those that are not are left out. */
  readonly areScopesRequested: boolean;
  readonly tools?: readonly AssignedTool[];
  readonly areToolsRequested?: boolean;
  readonly act?: ActorChain;
  /** For whom, when the taker acts for somebody else. */
  readonly onBehalfOf?: string;
  readonly launchReason?: string;
  readonly purpose?: string;
  readonly task?: string;
  readonly acr?: string;
}

export interface JudgedToken {
  readonly scopes: readonly string[];
  /** Names; undefined where tools were not in question. */
  readonly tools?: readonly string[];
  readonly decision: DecisionFacts;
}

/**
 * The policies have a say on every scope and every tool of every token (action `issue`). What they decided stands in the event of
 * the token, or of its refusal.
 */
@Injectable()
export class IssuancePolicies {
  constructor(private readonly policies: PolicyDecisions, private readonly scopes: ScopesService, private readonly tools: ToolsService) {}

  /**
   * Not for use inside a transaction.
   * @throws DomainError `access_denied`, with the decision in its details
   */
  async judge(intended: IntendedToken): Promise<JudgedToken> {
    const { organizationId, taker, scopes, tools = NO_TOOLS, areScopesRequested, areToolsRequested = false } = intended;
    const assigned = taker.kind === 'agent' ? this.tools.peekOfAgent(taker.agent.id) ?? await this.tools.ofAgent(taker.agent.id) : NO_TOOLS;
    const subject = subjectOf(taker, assigned);
    const context = contextOf(intended);
    const question = (resource: DecisionEntity): DecisionRequest => ({ organizationId: organizationId as OrganizationId, subject, action: 'issue', resource, context });
    // Who somebody is (OpenID Connect's scopes) is the person's to tell, not a policy's.
    const decidable = scopes.filter((name) => !this.scopes.isOidcScope(name));
    const decisions = await this.policies.decideAll([
      ...decidable.map((name) => question({ type: 'scope', id: name })),
      ...tools.map(({ name, resourceIdentifier, costMicros }) => question({ type: 'tool', id: name, attributes: { resource: resourceIdentifier ?? undefined, cost_micros: costMicros } })),
    ]);
    if (decisions.every(({ isAllowed }) => isAllowed)) return { scopes, tools: intended.tools?.map(({ name }) => name), decision: factsOf(decisions) };
    const names = [...decidable, ...tools.map(({ name }) => name)];
    const refused = [...names.keys()].filter((index) => !decisions[index]!.isAllowed);
    const refusedScopes = new Set(refused.filter((index) => index < decidable.length).map((index) => names[index]!));
    const refusedTools = new Set(refused.filter((index) => index >= decidable.length).map((index) => names[index]!));
    const missed = refused.filter((index) => (index < decidable.length ? areScopesRequested : areToolsRequested));
    if (missed.length > 0 || (scopes.length > 0 && refusedScopes.size === scopes.length)) {
      const reasons = missed.length > 0 ? missed : refused;
      throw policyDenied(reasons.map((index) => names[index]!), factsOf(reasons.map((index) => decisions[index]!)));
    }
    return {
      scopes: scopes.filter((name) => !refusedScopes.has(name)),
      tools: intended.tools?.filter(({ name }) => !refusedTools.has(name)).map(({ name }) => name),
      decision: factsOf(decisions.filter(({ isAllowed }) => isAllowed)),
    };
  }
}

const NO_TOOLS: readonly AssignedTool[] = [];

function subjectOf(taker: TokenTaker, assignedTools: readonly AssignedTool[]): DecisionEntity {
  switch (taker.kind) {
    case 'user': return { type: 'user', id: taker.id, attributes: { role: taker.role } };
    case 'client': return { type: 'client', id: taker.client.id, attributes: { status: taker.client.status, assigned_scopes: taker.client.scopes } };
    case 'agent': {
      const { agent, client } = taker;
      const { type, model, provider, trustLevel, capabilities } = agent.profile;
      return {
        type: 'agent', id: agent.id,
        attributes: {
          agent_type: type, agent_model: model, agent_provider: provider, agent_trust_level: trustLevel, capabilities, owner: agent.ownerUserId, status: agent.status,
          assigned_scopes: client.scopes, assigned_tools: namesOf(assignedTools),
        },
      };
    }
  }
}

function contextOf({ grantType, audience, act, onBehalfOf, launchReason, purpose, task, acr }: IntendedToken): Record<string, unknown> {
  return {
    ip: requestContext()?.ip, grant_type: grantType, audience, delegation_depth: actorsOf(act).length, on_behalf_of: onBehalfOf, launch_reason: launchReason, purpose, task: task === undefined ? undefined : { id: task },
    acr,
  };
}

/** One id for what was decided about one token, and each policy that had a part in it. */
function factsOf(decisions: readonly Decision[]): DecisionFacts {
  if (decisions.length === 1) return { id: decisions[0]!.id, policies: decisions[0]!.policies };
  return { id: newId(), policies: [...new Set(decisions.flatMap(({ policies }) => policies))] };
}

/** The lists come from a cache, so that the same one is seen again and again. */
const names = new WeakMap<readonly AssignedTool[], ReadonlySet<string>>();

function namesOf(tools: readonly AssignedTool[]): ReadonlySet<string> {
  let known = names.get(tools);
  if (!known) names.set(tools, known = new Set(tools.map(({ name }) => name)));
  return known;
}
