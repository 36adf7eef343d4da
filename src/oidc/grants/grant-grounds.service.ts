import { Injectable } from '@nestjs/common';
import { errors } from 'oidc-provider';
import type { ScopeGraph } from '../../kernel/scope-graph.js';
import { AgentsService, type AgentRecord } from '../../modules/agents/agents.service.js';
import type { ClientRecord } from '../../modules/clients/clients.service.js';
import type { ActorChain } from '../../modules/delegation/delegation-chain.js';
import type { DelegationPath } from '../../modules/delegation/delegation-grants.service.js';
import { ResourcesService, type ResolvedResource } from '../../modules/resources/resources.service.js';
import { ScopesService } from '../../modules/scopes/scopes.service.js';
import { lastOf } from '../../modules/tokens/delegation-facts.js';
import { IssuancePolicies, type JudgedToken } from '../../modules/tokens/issuance-policies.service.js';
import { descentFrom, type ParentToken, type TaskPlace } from '../../modules/tokens/token-lineage.service.js';
import { TokenTools } from '../../modules/tokens/token-tools.service.js';
import { resolveResource } from '../resource-access.js';
import type { Launch } from './launch.js';

/** What every grant of a client that acts by itself begins with. */
export interface GrantGround {
  readonly resource: ResolvedResource;
  readonly graph: ScopeGraph;
  /** The agent that the client is. */
  readonly agent?: AgentRecord;
}

/** A token as the grant would give it. */
export interface IntendedGrant {
  readonly grantType: string;
  readonly scopes: readonly string[];
  readonly areScopesRequested: boolean;
  readonly requiredTools?: string;
  readonly path?: DelegationPath;
  readonly parent?: ParentToken;
  readonly place?: TaskPlace;
  readonly act?: ActorChain;
  readonly onBehalfOf?: string;
  readonly launch: Launch;
  readonly acr?: string;
}

/** What client credentials and token exchange have in common: where the token is for, who gets it, its tools, and what the policies say. */
@Injectable()
export class GrantGrounds {
  constructor(
    private readonly scopes: ScopesService,
    private readonly resources: ResourcesService,
    private readonly agents: AgentsService,
    private readonly tools: TokenTools,
    private readonly policies: IssuancePolicies,
  ) {}

  /** @throws InvalidTarget, UnauthorizedClient, InvalidGrant */
  async of(client: ClientRecord, target: string): Promise<GrantGround> {
    const resource = await resolveResource(this.resources, client, target);
    const graph = this.scopes.peekGraph(client.organizationId) ?? await this.scopes.graphOf(client.organizationId);
    const agent = client.kind === 'agent' ? this.agents.peek(client.id) ?? await this.agents.findCached(client.id) : undefined;
    if (!client.organizationId) throw new errors.UnauthorizedClient('this client acts for people only');
    if (client.kind === 'agent' && agent?.status !== 'active') throw new errors.InvalidGrant('the agent is not active');
    return { resource, graph, agent };
  }

  /** @throws DomainError `access_denied` */
  async judge(client: ClientRecord, { resource, graph, agent }: GrantGround, intended: IntendedGrant): Promise<JudgedToken> {
    const { scopes, requiredTools, path, parent, launch, place, acr } = intended;
    const audience = resource.identifier;
    const tools = agent || requiredTools !== undefined ? await this.tools.of({ agent, audience, scopes, graph, required: requiredTools, path, parent }) : undefined;
    return this.policies.judge({
      organizationId: client.organizationId!, taker: agent ? { kind: 'agent', agent, client } : { kind: 'client', client }, grantType: intended.grantType, audience, scopes,
      areScopesRequested: intended.areScopesRequested, tools, areToolsRequested: requiredTools !== undefined, act: intended.act, onBehalfOf: intended.onBehalfOf,
      launchReason: launch.reason, purpose: launch.purpose ?? (path && lastOf(path).purpose) ?? undefined, task: place?.taskId ?? place?.parentTaskId, acr, path, place,
      parent: parent && { ...descentFrom(parent), link: parent.row },
    });
  }
}
