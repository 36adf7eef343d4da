import { Injectable, type OnModuleInit } from '@nestjs/common';
import type { OrganizationId } from '../../kernel/ids.js';
import { AgentsService } from '../agents/agents.service.js';
import { OrganizationsService } from '../organizations/organizations.service.js';
import { DecisionReplays, type EventReader } from '../policies/decision-replays.service.js';
import { UsersService } from '../users/users.service.js';
import { DelegationPolicies, type IntendedDelegation } from './delegation-policies.service.js';
import { recordedDelegation, type RecordedDelegation } from './recorded-delegation.js';

type PresentPrincipal = IntendedDelegation['principal'];

/** Turns the events of delegations, made or denied by policies, back into what the policies were asked about them. */
@Injectable()
export class DelegationReplay implements OnModuleInit {
  constructor(
    private readonly replays: DecisionReplays,
    private readonly policies: DelegationPolicies,
    private readonly organizations: OrganizationsService,
    private readonly users: UsersService,
    private readonly agents: AgentsService,
  ) {}

  onModuleInit(): void {
    this.replays.readBy(() => this.reader());
  }

  private reader(): EventReader {
    const principals = new Map<string, Promise<PresentPrincipal | undefined>>();
    return async (organizationId, event) => {
      const recorded = recordedDelegation(event);
      if (!recorded) return undefined;
      const { id } = recorded.principal;
      let found = principals.get(id);
      if (!found) principals.set(id, found = this.presentPrincipal(organizationId, recorded.principal));
      const principal = await found;
      if (!principal) return undefined;
      const { agentId, depth, purpose, scopes, tools, wasAllowed } = recorded;
      const requests = await this.policies.requestsAbout({ organizationId, principal, agentId, authority: { scopes, tools }, depth, purpose }, { ip: event.source?.ip, time: event.time });
      return requests.map((request) => ({ request, wasAllowed }));
    };
  }

  /** Undefined when there is no such party in the organization any more. */
  private async presentPrincipal(organizationId: OrganizationId, { kind, id }: RecordedDelegation['principal']): Promise<PresentPrincipal | undefined> {
    if (kind === 'agent') return (await this.agents.findCached(id))?.organizationId === organizationId ? { kind, id } : undefined;
    const role = await this.organizations.roleOf(id, organizationId) ?? ((await this.users.findActive(id))?.isPlatformAdministrator ? 'owner' : undefined);
    return role && { kind, id, role };
  }
}
