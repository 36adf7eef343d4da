import { Injectable } from '@nestjs/common';
import { newId, type OrganizationId } from '../../kernel/ids.js';
import type { JsonValue } from '../../kernel/canonical-json.js';
import type { Role } from '../../platform/http/caller.js';
import { requestContext } from '../../platform/http/request-context.js';
import { AgentsService } from '../agents/agents.service.js';
import { ClientsService } from '../clients/clients.service.js';
import { PolicyDecisions, type DecisionEntity, type DecisionRequest } from '../policies/policy-decisions.service.js';
import { ToolsService } from '../tools/tools.service.js';
import type { Authority } from './authority.js';
import type { PrincipalKind } from './delegation-grant.entity.js';
import { delegationDenied } from './delegation.errors.js';
import { deniedDelegation } from './recorded-delegation.js';

/** A delegation as it would be made, for the policies to judge. */
export interface IntendedDelegation {
  readonly organizationId: OrganizationId;
  readonly principal: { readonly kind: PrincipalKind; readonly id: string; readonly role?: Role };
  readonly agentId: string;
  readonly authority: Pick<Authority, 'scopes' | 'tools'>;
  /** How many agents there are from the topmost principal to the delegate. */
  readonly depth: number;
  readonly purpose?: string | null;
}

/** The policies have a say on every scope and tool that is delegated (action `delegate`). What they decided stands in the event. */
@Injectable()
export class DelegationPolicies {
  constructor(
    private readonly policies: PolicyDecisions,
    private readonly agents: AgentsService,
    private readonly clients: ClientsService,
    private readonly tools: ToolsService,
  ) {}

  /**
   * Not for use inside a transaction.
   * @returns what the audit event says of it
   * @throws DomainError `delegation_denied`
   */
  async judge(intended: IntendedDelegation): Promise<{ readonly [member: string]: JsonValue }> {
    const requests = await this.requestsAbout(intended, { ip: requestContext()?.ip });
    const decisions = await this.policies.decideAll(requests);
    const decision = { id: decisions.length === 1 ? decisions[0]!.id : newId(), policies: [...new Set(decisions.flatMap(({ policies }) => policies))] };
    const denied = requests.filter((_, index) => !decisions[index]!.isAllowed).map(({ resource }) => resource);
    if (denied.length > 0) throw delegationDenied(denied.map(({ id }) => id), { decision, asked: deniedDelegation(intended, denied) });
    return { decision, depth: intended.depth };
  }

  /** One request for each scope and then one for each tool: the same for a delegation that is about to be made and for one on record. */
  async requestsAbout({ organizationId, principal, agentId, authority, depth, purpose }: IntendedDelegation, occasion: { readonly ip?: string; readonly time?: string }): Promise<DecisionRequest[]> {
    const subject = await this.subjectOf(principal);
    const context = { ...occasion, delegation_depth: depth, purpose: purpose ?? undefined, delegate: agentId };
    const resources: DecisionEntity[] = [...authority.scopes.map((id) => ({ type: 'scope', id })), ...(authority.tools ?? []).map((id) => ({ type: 'tool', id }))];
    return resources.map((resource) => ({ organizationId, subject, action: 'delegate', resource, context }));
  }

  private async subjectOf({ kind, id, role }: IntendedDelegation['principal']): Promise<DecisionEntity> {
    if (kind === 'user') return { type: 'user', id, attributes: { role } };
    const [agent, client, tools] = await Promise.all([this.agents.findCached(id), this.clients.findCached(id), this.tools.ofAgent(id)]);
    const profile = agent?.profile;
    return {
      type: 'agent', id,
      attributes: {
        agent_type: profile?.type, agent_model: profile?.model, agent_provider: profile?.provider, agent_trust_level: profile?.trustLevel, capabilities: profile?.capabilities,
        owner: agent?.ownerUserId, status: agent?.status, assigned_scopes: client?.scopes, assigned_tools: tools.map(({ name }) => name),
      },
    };
  }
}
