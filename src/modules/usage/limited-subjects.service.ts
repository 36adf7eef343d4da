import { Injectable } from '@nestjs/common';
import { insufficientScope } from '../../platform/http/access.errors.js';
import type { Caller } from '../../platform/http/caller.js';
import { AgentDirectory } from '../agents/agent-directory.service.js';
import { DelegationDirectory } from '../delegation/delegation-directory.service.js';
import type { DelegationGrant } from '../delegation/delegation-grant.entity.js';
import type { LimitedKind } from '../limits/limits.service.js';
import { TaskDirectory } from '../lineage/task-directory.service.js';
import { organizationNotFound } from '../organizations/organizations.errors.js';
import { OrganizationsService } from '../organizations/organizations.service.js';

/** Somebody whose limits a caller may look at. */
export interface LimitedSubject {
  readonly kind: LimitedKind;
  readonly id: string;
  readonly organizationId: string;
}

/** Whose limits and usage a caller may see: those of whom they see, and an agent its own. */
@Injectable()
export class LimitedSubjects {
  constructor(
    private readonly organizations: OrganizationsService,
    private readonly agents: AgentDirectory,
    private readonly delegations: DelegationDirectory,
    private readonly tasks: TaskDirectory,
  ) {}

  /**
   * @param scope what it takes, but for the agent itself
   * @throws DomainError `agent_not_found`, `insufficient_scope`
   */
  async agent(caller: Caller, id: string, scope: 'agents:read' | 'agents:write'): Promise<LimitedSubject> {
    if (isItself(caller, id)) return { kind: 'agent', id, organizationId: caller.organizationId };
    if (!caller.scopes.has(scope)) throw insufficientScope([scope]);
    const { agent } = await this.agents.get(caller, id);
    return { kind: 'agent', id: agent.id, organizationId: agent.organizationId };
  }

  /** @throws DomainError `organization_not_found` */
  async organization(caller: Caller, id: string): Promise<LimitedSubject> {
    const organizationId = this.organizations.visibleId(caller, id);
    if (!await this.organizations.findById(organizationId)) throw organizationNotFound();
    return { kind: 'organization', id: organizationId, organizationId };
  }

  /** @throws DomainError `task_not_found` */
  async task(caller: Caller, id: string): Promise<LimitedSubject> {
    const task = await this.tasks.get(caller, id);
    return { kind: 'task', id: task.id, organizationId: task.organizationId };
  }

  /** @throws DomainError `delegation_not_found` */
  async delegation(caller: Caller, id: string): Promise<DelegationGrant> {
    return (await this.delegations.get(caller, id)).grant;
  }
}

/** An agent that speaks for itself, and nobody who got a token for it. */
export function isItself(caller: Caller, agentId: string): boolean {
  return caller.kind === 'agent' && caller.subject === agentId && caller.act === undefined;
}
