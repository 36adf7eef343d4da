import { Injectable } from '@nestjs/common';
import type { Caller } from '../../platform/http/caller.js';
import { AgentAdministration } from '../agents/agent-administration.service.js';
import { TaskAdministration } from '../lineage/task-administration.service.js';
import { OrganizationAdministration } from '../organizations/organization-administration.service.js';
import { UserAdministration } from '../users/user-administration.service.js';
import { targetMalformed } from './kill-switch.errors.js';
import { killSwitchEvent, type KillSwitch, type KillSwitchTarget } from './kill-switch.js';
import { PastTokens } from './past-tokens.service.js';
import { StandingGrants } from './standing-grants.service.js';

/** What each kill switch ends, and who may. */
@Injectable()
export class KillSwitchTargets {
  constructor(
    private readonly agents: AgentAdministration,
    private readonly tasks: TaskAdministration,
    private readonly users: UserAdministration,
    private readonly organizations: OrganizationAdministration,
    private readonly past: PastTokens,
    private readonly grants: StandingGrants,
  ) {}

  /**
   * Not for use inside a transaction.
   * @throws DomainError `invalid_request`; `task_not_found` and as `PastTokens.switchOf`; what else stands in the way is told by `hold`
   */
  async of(caller: Caller, target: KillSwitchTarget): Promise<KillSwitch> {
    if (target.kind === 'issued_before') {
      if (target.id !== undefined) throw targetMalformed('"id" names an agent, a task, a person or an organization; of "issued_before" say "client_id".');
      return this.past.switchOf(caller, target);
    }
    const { kind, id, ...rest } = target;
    const [surplus] = Object.entries(rest).filter(([, value]) => value !== undefined);
    if (surplus) throw targetMalformed(`"${surplus[0]}" belongs to the target "issued_before".`);
    if (id === undefined) throw targetMalformed(`"id" must name the ${kind === 'user' ? 'person' : kind}.`);
    return { agent: this.agent, task: this.task, user: this.user, organization: this.organization }[kind].call(this, caller, id);
  }

  private async agent(caller: Caller, id: string): Promise<KillSwitch> {
    return {
      hold: async (manager) => {
        const agent = await this.agents.hold(manager, caller, id);
        return {
          thing: { kind: 'agent', id, organizationId: agent.organizationId },
          event: (told) => killSwitchEvent(caller, agent.organizationId, 'agent', { kind: 'agent', id }, told, { name: agent.name }),
          end: async () => {
            await this.agents.stop(manager, agent);
            return this.grants.endOfAgent(manager, agent);
          },
          after: () => this.agents.forget(id),
        };
      },
    };
  }

  private async task(caller: Caller, id: string): Promise<KillSwitch> {
    const { task, seen } = await this.tasks.find(caller, id);
    return {
      hold: async (manager) => ({
        thing: { kind: 'task', id, organizationId: task.organizationId },
        event: (told) => killSwitchEvent(caller, task.organizationId, 'task', { kind: 'task', id }, told, { task_id: id, subject: seen.subject?.id, name: seen.description ?? undefined }),
        end: async () => {
          await this.tasks.cancelIn(manager, task);
          return undefined;
        },
      }),
    };
  }

  private async user(caller: Caller, id: string): Promise<KillSwitch> {
    return {
      hold: async (manager) => {
        const person = await this.users.holdToDisable(manager, caller, id);
        const organizationId = person.membership?.organizationId ?? null;
        return {
          thing: { kind: 'user', id, organizationId },
          event: (told) => killSwitchEvent(caller, organizationId, 'user', { kind: 'user', id }, told),
          end: async () => {
            await this.users.disable(manager, person);
            await this.grants.endOfPerson(manager, id, organizationId);
            return undefined;
          },
        };
      },
    };
  }

  private async organization(caller: Caller, id: string): Promise<KillSwitch> {
    return {
      hold: async (manager) => {
        const organization = await this.organizations.holdToSuspend(manager, caller, id);
        return {
          thing: { kind: 'organization', id, organizationId: id },
          event: (told) => killSwitchEvent(caller, id, 'organization', { kind: 'organization', id }, told, { name: organization.name }),
          end: async () => {
            await this.organizations.suspend(manager, organization);
            return this.grants.endOfOrganization(manager, id);
          },
        };
      },
    };
  }
}
