import { Injectable } from '@nestjs/common';
import { errors, type KoaContextWithOIDC } from 'oidc-provider';
import { AgentsService } from '../modules/agents/agents.service.js';
import { DelegationGrants } from '../modules/delegation/delegation-grants.service.js';
import type { ConsentGrant } from '../modules/tokens/consent-grant.entity.js';
import { actorsOn, delegationFacts } from '../modules/tokens/delegation-facts.js';
import { TokenLineage } from '../modules/tokens/token-lineage.service.js';
import type { Issuance } from '../modules/tokens/token-record.js';
import { Config } from '../platform/config/config.js';
import { provesActor } from './requested-actor.js';
import { stateOf } from './request-state.js';

type ActingFacts = Pick<Issuance, 'act' | 'mayAct' | 'delegation'> & { agent?: Issuance['agent'] };

/** What tokens of the code flow say of the agent that a person let act for them: a client that is one, or `requested_actor`. */
@Injectable()
export class ActingOnConsent {
  constructor(
    private readonly config: Config,
    private readonly agents: AgentsService,
    private readonly delegations: DelegationGrants,
    private readonly lineage: TokenLineage,
  ) {}

  /** @throws InvalidGrant when the delegation is gone, or an actor token does not prove the actor */
  async factsOf(ctx: KoaContextWithOIDC, { actorId, delegationGrantId, organizationId }: ConsentGrant): Promise<ActingFacts> {
    const { actor_token: actorToken } = ctx.oidc.params as { actor_token?: string };
    if (actorId === null && actorToken !== undefined) throw new errors.InvalidGrant({ detail: 'the person was not asked about an actor' });
    // Only who somebody is was agreed to: nobody acts with that.
    if (delegationGrantId === null) return {};
    if (actorId !== null && !await this.isProven(ctx, actorId, organizationId, actorToken)) return { mayAct: { sub: actorId } };
    const path = await this.delegations.path(delegationGrantId);
    if (!path) throw new errors.InvalidGrant({ detail: 'delegation_over' });
    const actor = actorId === null ? undefined : await this.agents.findCached(actorId);
    return { act: actorsOn(path), delegation: delegationFacts(path, this.config.issuer), ...(actor && { agent: actor.profile }) };
  }

  private async isProven(ctx: KoaContextWithOIDC, actorId: NonNullable<ConsentGrant['actorId']>, organizationId: string, actorToken: string | undefined): Promise<boolean> {
    const state = stateOf(ctx.req);
    if (state.isActorProven !== undefined || actorToken === undefined) return state.isActorProven === true;
    state.isActorProven = await provesActor(this.lineage, actorToken, actorId, organizationId);
    if (!state.isActorProven) throw new errors.InvalidGrant({ detail: 'the actor token is not a live token of the agent that the person agreed to' });
    return true;
  }
}
