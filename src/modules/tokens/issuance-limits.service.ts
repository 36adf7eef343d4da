import { Injectable } from '@nestjs/common';
import { AgentsService, type AgentRecord } from '../agents/agents.service.js';
import { actorsOf, type ActorChain } from '../delegation/delegation-chain.js';
import type { DelegationPath } from '../delegation/delegation-grants.service.js';
import { hasBounds } from '../limits/bounds.js';
import { Limits } from '../limits/limits.service.js';
import { UsageCounters } from '../limits/usage-counters.service.js';
import { lastOf } from './delegation-facts.js';
import { limitsUsedUp } from './tokens.errors.js';

/** What a token would stand on, as far as there can be limits to it. */
export interface LimitedIssuance {
  readonly organizationId: string;
  readonly act?: ActorChain;
  readonly path?: DelegationPath;
  readonly place?: { readonly taskId?: string; readonly parentTaskId?: string };
}

/** Something is left: a request, and the smallest amount of money. */
const ANYTHING = { requests: 1, costMicros: 1 };

/**
 * No token for an agent that has nothing left of some limit – its own, its organization's, or one of an agent, delegation or task
 * above it. Nothing is used up by a token: what is done with it is metered.
 */
@Injectable()
export class IssuanceLimits {
  constructor(private readonly agents: AgentsService, private readonly limits: Limits, private readonly counters: UsageCounters) {}

  /**
   * Undefined where no limit concerns the token, as far as is known from at most a second ago; that costs no promise.
   * Not for use inside a transaction.
   *
   * @param agent who gets it
   * @throws DomainError `access_denied`
   */
  check(agent: AgentRecord, issuance: LimitedIssuance): Promise<void> | undefined {
    const { act, path, place } = issuance;
    const isInTask = place?.taskId !== undefined || place?.parentTaskId !== undefined;
    if (agent.isLimited || (isInTask && agent.hasLimitedTasks) || (path !== undefined && path.some(hasBounds))) return this.assertAnythingLeft(agent, issuance);
    const first = path?.[0];
    if (first?.principalKind === 'agent' && this.mayBeLimited(first.principalId)) return this.checkAbove(agent, issuance);
    for (let link = act; link; link = link.act) {
      if (link.sub !== agent.id && this.mayBeLimited(link.sub)) return this.checkAbove(agent, issuance);
    }
    return undefined;
  }

  /** As far as one knows without asking. */
  private mayBeLimited(agentId: string): boolean {
    return this.agents.peek(agentId)?.isLimited !== false;
  }

  private async checkAbove(agent: AgentRecord, issuance: LimitedIssuance): Promise<void> {
    const above = await Promise.all(agentsAbove(issuance).map((id) => this.agents.findCached(id)));
    if (above.some((one) => one?.isLimited)) await this.assertAnythingLeft(agent, issuance);
  }

  private async assertAnythingLeft(agent: AgentRecord, issuance: LimitedIssuance): Promise<void> {
    const { organizationId, path, place } = issuance;
    const subjects = await this.limits.behind({
      organizationId,
      agentIds: [agent.id, ...agentsAbove(issuance)],
      delegationIds: path ? [lastOf(path).id] : [],
      taskIds: [place?.taskId, place?.parentTaskId].filter((id) => id !== undefined),
    });
    const exhausted = await this.counters.exhausted(subjects, ANYTHING);
    if (exhausted.length > 0) throw limitsUsedUp(exhausted);
  }
}

/** Those who acted, and the agent for whom, if it is one. */
function agentsAbove({ act, path }: LimitedIssuance): string[] {
  const first = path?.[0];
  return [...actorsOf(act), ...(first?.principalKind === 'agent' ? [first.principalId] : [])];
}
