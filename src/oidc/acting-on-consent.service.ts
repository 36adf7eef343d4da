import { Injectable } from '@nestjs/common';
import { errors, type KoaContextWithOIDC } from 'oidc-provider';
import { AgentsService, type AgentRecord } from '../modules/agents/agents.service.js';
import { ClientsService, type ClientRecord } from '../modules/clients/clients.service.js';
import { DelegationGrants, type DelegationPath } from '../modules/delegation/delegation-grants.service.js';
import type { ConsentGrant } from '../modules/tokens/consent-grant.entity.js';
import { actorsOn, delegationFacts, lastOf } from '../modules/tokens/delegation-facts.js';
import type { TokenTaker } from '../modules/tokens/issuance-policies.service.js';
import { TokenLineage } from '../modules/tokens/token-lineage.service.js';
import type { Issuance } from '../modules/tokens/token-record.js';
import { Config } from '../platform/config/config.js';
import { provesActor } from './requested-actor.js';
import { stateOf } from './request-state.js';

export interface Acting {
  readonly facts: Pick<Issuance, 'act' | 'mayAct' | 'delegation'>;
  /** The agent that acts. */
  readonly taker?: Extract<TokenTaker, { kind: 'agent' }>;
  /** By what it does. */
  readonly path?: DelegationPath;
}

/** What tokens of the code flow say of the agent that a person let act for them: a client that is one, or `requested_actor`. */
@Injectable()
export class ActingOnConsent {
  constructor(
    private readonly config: Config,
    private readonly agents: AgentsService,
    private readonly clients: ClientsService,
    private readonly delegations: DelegationGrants,
    private readonly lineage: TokenLineage,
  ) {}

  /** The agent that a client is, if it is one. */
  async agentOf({ id, kind }: ClientRecord): Promise<AgentRecord | undefined> {
    return kind === 'agent' ? this.agents.findCached(id) : undefined;
  }

  /** @throws InvalidGrant when the delegation is gone, or an actor token does not prove the actor */
  async of(ctx: KoaContextWithOIDC, { actorId, delegationGrantId, organizationId }: ConsentGrant): Promise<Acting> {
    const { actor_token: actorToken } = ctx.oidc.params as { actor_token?: string };
    if (actorId === null && actorToken !== undefined) throw new errors.InvalidGrant({ detail: 'the person was not asked about an actor' });
    // Only who somebody is was agreed to: nobody acts with that.
    if (delegationGrantId === null) return { facts: {} };
    if (actorId !== null && !await this.isProven(ctx, actorId, organizationId, actorToken)) return { facts: { mayAct: { sub: actorId } } };
    const path = await this.delegations.path(delegationGrantId);
    if (!path) throw new errors.InvalidGrant({ detail: 'delegation_over' });
    const { agentId } = lastOf(path);
    const [agent, client] = await Promise.all([this.agents.findCached(agentId), this.clients.findCached(agentId)]);
    if (agent?.status !== 'active' || !client) throw new errors.InvalidGrant({ detail: 'the agent that acts is not active' });
    return { facts: { act: actorsOn(path), delegation: delegationFacts(path, this.config.issuer) }, taker: { kind: 'agent', agent, client }, path };
  }

  private async isProven(ctx: KoaContextWithOIDC, actorId: NonNullable<ConsentGrant['actorId']>, organizationId: string, actorToken: string | undefined): Promise<boolean> {
    const state = stateOf(ctx.req);
    if (state.isActorProven !== undefined || actorToken === undefined) return state.isActorProven === true;
    state.isActorProven = await provesActor(this.lineage, actorToken, actorId, organizationId);
    if (!state.isActorProven) throw new errors.InvalidGrant({ detail: 'the actor token is not a live token of the agent that the person agreed to' });
    return true;
  }
}
