import { Injectable } from '@nestjs/common';
import { newId, type OrganizationId } from '../../kernel/ids.js';
import type { Role } from '../../platform/http/caller.js';
import { requestContext } from '../../platform/http/request-context.js';
import type { AgentRecord } from '../agents/agents.service.js';
import type { ClientRecord } from '../clients/clients.service.js';
import { actorsOf, type ActorChain } from '../delegation/delegation-chain.js';
import { PolicyDecisions, type Decision, type DecisionEntity } from '../policies/policy-decisions.service.js';
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
    const { scopes, tools = [], areScopesRequested, areToolsRequested = false } = intended;
    const subject = await this.subjectOf(intended.taker);
    const context = contextOf(intended);
    const decide = (resource: DecisionEntity) => this.policies.decide({ organizationId: intended.organizationId as OrganizationId, subject, action: 'issue', resource, context });
    // Who somebody is (OpenID Connect's scopes) is the person's to tell, not a policy's.
    const judged = await Promise.all([
      ...scopes.map(async (name) => ({ kind: 'scope' as const, name, decision: this.scopes.isOidcScope(name) ? undefined : await decide({ type: 'scope', id: name }) })),
      ...tools.map(async ({ name, resourceIdentifier, costMicros }) =>
        ({ kind: 'tool' as const, name, decision: await decide({ type: 'tool', id: name, attributes: { resource: resourceIdentifier ?? undefined, cost_micros: costMicros } }) })),
    ]);
    const denied = judged.filter(({ kind, decision }) => decision?.isAllowed === false && (kind === 'scope' ? areScopesRequested : areToolsRequested));
    const kept = judged.filter(({ decision }) => decision?.isAllowed !== false);
    const keptScopes = kept.filter(({ kind }) => kind === 'scope').map(({ name }) => name);
    if (denied.length > 0 || (scopes.length > 0 && keptScopes.length === 0)) {
      const refused = denied.length > 0 ? denied : judged;
      throw policyDenied(refused.map(({ name }) => name), factsOf(refused.map(({ decision }) => decision)));
    }
    return {
      scopes: keptScopes,
      tools: intended.tools && kept.filter(({ kind }) => kind === 'tool').map(({ name }) => name),
      decision: factsOf(kept.map(({ decision }) => decision)),
    };
  }

  private async subjectOf(taker: TokenTaker): Promise<DecisionEntity> {
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
            assigned_scopes: client.scopes, assigned_tools: namesOf(await this.tools.ofAgent(agent.id)),
          },
        };
      }
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
function factsOf(decisions: readonly (Decision | undefined)[]): DecisionFacts {
  const policies = new Set<string>();
  let only: string | undefined;
  let count = 0;
  for (const decision of decisions) {
    if (!decision) continue;
    count += 1;
    only = decision.id;
    for (const policy of decision.policies) policies.add(policy);
  }
  return { id: count === 1 ? only! : newId(), policies: [...policies] };
}

/** The lists come from a cache, so that the same one is seen again and again. */
const names = new WeakMap<readonly AssignedTool[], ReadonlySet<string>>();

function namesOf(tools: readonly AssignedTool[]): ReadonlySet<string> {
  let known = names.get(tools);
  if (!known) names.set(tools, known = new Set(tools.map(({ name }) => name)));
  return known;
}
