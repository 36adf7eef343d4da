import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Agent } from '../agents/agent.entity.js';
import { DelegationGrants } from '../delegation/delegation-grants.service.js';
import { ConsentGrants } from '../tokens/consent-grants.service.js';
import { TokenCutoffs } from '../tokens/token-cutoffs.service.js';

/**
 * Suspending an agent and disabling a person can be taken back. What a kill switch ended stays over all the same: what they had been
 * let do has to be agreed to again, and their tokens are not those of whoever comes back.
 */
@Injectable()
export class StandingGrants {
  constructor(private readonly consents: ConsentGrants, private readonly delegations: DelegationGrants, private readonly cutoffs: TokenCutoffs) {}

  /** Answers since when the agent's tokens count. */
  async endOfAgent(manager: EntityManager, { id, clientId, organizationId }: Agent): Promise<Date> {
    await this.delegations.revokeAll(manager, { kind: 'agent', id }, organizationId);
    await this.consents.revokeAll(manager, { kind: 'client', id: clientId }, organizationId);
    return this.cutOff(manager, { kind: 'client', clientId });
  }

  /** @param organizationId in which; null for all */
  async endOfPerson(manager: EntityManager, id: string, organizationId: string | null): Promise<void> {
    await this.delegations.revokeAll(manager, { kind: 'user', id }, organizationId);
    await this.consents.revokeAll(manager, { kind: 'user', id }, organizationId);
  }

  /** Answers since when the organization's tokens count. */
  endOfOrganization(manager: EntityManager, organizationId: string): Promise<Date> {
    return this.cutOff(manager, { kind: 'organization', organizationId });
  }

  private async cutOff(manager: EntityManager, reach: Parameters<TokenCutoffs['draw']>[1]): Promise<Date> {
    const moment = await this.cutoffs.byNow(manager, reach);
    await this.cutoffs.draw(manager, reach, moment);
    return moment;
  }
}
