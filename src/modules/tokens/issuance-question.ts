import type { OrganizationId } from '../../kernel/ids.js';
import type { Role } from '../../platform/http/caller.js';
import type { AgentRecord } from '../agents/agents.service.js';
import type { ClientRecord } from '../clients/clients.service.js';
import { actorsOf, type ActorChain } from '../delegation/delegation-chain.js';
import type { Attributes, DecisionEntity, DecisionRequest } from '../policies/policy-decisions.service.js';
import type { AssignedTool } from '../tools/tools.service.js';

/** Who is to get a token: the agent that acts, or whoever speaks for themselves. */
export type TokenTaker =
  | { readonly kind: 'agent'; readonly agent: AgentRecord; readonly client: ClientRecord }
  | { readonly kind: 'client'; readonly client: ClientRecord }
  | { readonly kind: 'user'; readonly id: string; readonly role: Role };

/** What policies may read of a token, beside who takes it and what it is good for. */
export interface TokenCircumstances {
  readonly grantType: string;
  readonly audience: string;
  readonly act?: ActorChain;
  /** For whom, when the taker acts for somebody else. */
  readonly onBehalfOf?: string;
  readonly launchReason?: string;
  readonly purpose?: string;
  readonly task?: string;
  readonly acr?: string;
}

/** Where and when it is, or was, asked for. */
export interface Occasion {
  readonly ip?: string;
  /** RFC 3339; now, when left out. */
  readonly time?: string;
}

/** A tool as policies see it. */
export type ToolInQuestion = Pick<AssignedTool, 'name'> & Partial<Pick<AssignedTool, 'resourceIdentifier' | 'costMicros'>>;

/** What the policies are asked about one token. */
export interface TokenQuestion {
  readonly organizationId: string;
  readonly taker: TokenTaker;
  /** Those that are the taker's now, when it is an agent. */
  readonly assignedTools: readonly AssignedTool[];
  readonly scopes: readonly string[];
  readonly tools: readonly ToolInQuestion[];
}

/** One request for each scope and then one for each tool: the same for a token that is about to be issued and for one on record. */
export function requestsAbout({ organizationId, taker, assignedTools, scopes, tools }: TokenQuestion, circumstances: TokenCircumstances, occasion: Occasion): DecisionRequest[] {
  const subject = subjectOf(taker, assignedTools);
  const context = contextOf(circumstances, occasion);
  const request = (resource: DecisionEntity): DecisionRequest => ({ organizationId: organizationId as OrganizationId, subject, action: 'issue', resource, context });
  return [
    ...scopes.map((name) => request({ type: 'scope', id: name })),
    ...tools.map(({ name, resourceIdentifier, costMicros }) => request({ type: 'tool', id: name, attributes: { resource: resourceIdentifier ?? undefined, cost_micros: costMicros } })),
  ];
}

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

function contextOf({ grantType, audience, act, onBehalfOf, launchReason, purpose, task, acr }: TokenCircumstances, { ip, time }: Occasion): Attributes {
  return {
    ip, time, grant_type: grantType, audience, delegation_depth: actorsOf(act).length, on_behalf_of: onBehalfOf, launch_reason: launchReason, purpose,
    task: task === undefined ? undefined : { id: task }, acr,
  };
}

/** The lists come from a cache, so that the same one is seen again and again. */
const names = new WeakMap<readonly AssignedTool[], ReadonlySet<string>>();

function namesOf(tools: readonly AssignedTool[]): ReadonlySet<string> {
  let known = names.get(tools);
  if (!known) names.set(tools, known = new Set(tools.map(({ name }) => name)));
  return known;
}
