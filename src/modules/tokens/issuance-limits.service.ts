import { Injectable } from '@nestjs/common';
import { AgentsService, type AgentRecord } from '../agents/agents.service.js';
import type { ActorChain } from '../delegation/delegation-chain.js';
import { DelegationGrants, type DelegationPath } from '../delegation/delegation-grants.service.js';
import { hasBounds } from '../limits/bounds.js';
import { Limits, type StandsBehind } from '../limits/limits.service.js';
import { UsageCounters } from '../limits/usage-counters.service.js';
import { lastOf } from './delegation-facts.js';
import { standsBehind, TokenChain, type TokenLink } from './token-chain.service.js';
import { limitsUsedUp } from './tokens.errors.js';

/** What a token would stand on, as far as there can be limits to it. */
export interface LimitedIssuance {
  readonly organizationId: string;
  readonly act?: ActorChain;
  readonly path?: DelegationPath;
  readonly place?: { readonly taskId?: string; readonly parentTaskId?: string };
  /** What it would descend from: the parent, and what is above that. */
  readonly parent?: { readonly tokenId: string; readonly ancestors: readonly string[]; /** Where it is at hand. */ readonly link?: TokenLink };
}

/** Something is left: a request, and the smallest amount of money. */
const ANYTHING = { requests: 1, costMicros: 1 };

/**
 * No token for an agent that has nothing left of some limit: its own, its organization's, or one of whoever else would stand behind
 * the token. These are the same whom its use is metered for. Nothing is used up by a token: what is done with it is metered.
 */
@Injectable()
export class IssuanceLimits {
  constructor(
    private readonly agents: AgentsService,
    private readonly delegations: DelegationGrants,
    private readonly limits: Limits,
    private readonly counters: UsageCounters,
    private readonly chain: TokenChain,
  ) {}

  /**
   * Undefined where no limit concerns the token, as far as is known from at most a second ago; that costs no promise.
   * Not for use inside a transaction.
   *
   * @param agent who gets it
   * @throws DomainError `access_denied`
   */
  check(agent: AgentRecord, issuance: LimitedIssuance): Promise<void> | undefined {
    const { parent } = issuance;
    if (!parent) return this.checkBelow(agent, issuance, []);
    const above = parent.link ? parent.ancestors : [...parent.ancestors, parent.tokenId];
    const known = this.chain.peek(above);
    const withParent = (links: TokenLink[]) => (parent.link ? [...links, parent.link] : links);
    return known ? this.checkBelow(agent, issuance, withParent(known)) : this.chain.links(above).then((links) => this.checkBelow(agent, issuance, withParent(links)));
  }

  /** @param above links of what it would descend from */
  private checkBelow(agent: AgentRecord, issuance: LimitedIssuance, above: readonly TokenLink[]): Promise<void> | undefined {
    const { organizationId, path, act, place } = issuance;
    // Most tokens stand on nobody else.
    if (!agent.isLimited && !path && !act && !place && above.length === 0) return undefined;
    const behind = standsBehind(organizationId, [linkOf(agent, issuance), ...above]);
    const isInTask = behind.taskIds.length > 0;
    const last = path && lastOf(path);
    const mayBeBounded = (id: string) => (id === last?.id ? path : this.delegations.peekPath(id))?.some(hasBounds) !== false;
    if (agent.isLimited || (isInTask && agent.hasLimitedTasks) || behind.delegationIds.some(mayBeBounded)) return this.assertAnythingLeft(behind);
    const others = behind.agentIds.filter((id) => id !== agent.id && this.mayBeLimited(id));
    return others.length > 0 ? this.checkOthers(others, behind) : undefined;
  }

  /** As far as one knows without asking. */
  private mayBeLimited(agentId: string): boolean {
    return this.agents.peek(agentId)?.isLimited !== false;
  }

  private async checkOthers(agentIds: readonly string[], behind: StandsBehind): Promise<void> {
    const others = await Promise.all(agentIds.map((id) => this.agents.findCached(id)));
    if (others.some((one) => one?.isLimited)) await this.assertAnythingLeft(behind);
  }

  private async assertAnythingLeft(behind: StandsBehind): Promise<void> {
    const exhausted = await this.counters.exhausted(await this.limits.behind(behind), ANYTHING);
    if (exhausted.length > 0) throw limitsUsedUp(exhausted);
  }
}

/** The token as a link of the chain below it. */
function linkOf(agent: AgentRecord, { act, path, place }: LimitedIssuance): TokenLink {
  const first = path?.[0];
  return {
    clientId: agent.id, agentId: first?.principalKind === 'agent' ? first.principalId : null, delegationGrantId: path ? lastOf(path).id : null,
    taskId: place?.taskId ?? null, parentTaskId: place?.parentTaskId ?? null, act,
  };
}
