import { Injectable } from '@nestjs/common';
import { isId } from '../../kernel/ids.js';
import { allowsAction, callsOf } from '../limits/bounds.js';
import { Limits } from '../limits/limits.service.js';
import { UsageCounters } from '../limits/usage-counters.service.js';
import { ToolsService } from '../tools/tools.service.js';
import type { Decision, DecisionReason, DecisionRequest } from './decision.js';

/** Of what nobody knows the price of: the smallest amount there is. */
const UNKNOWN_COST_MICROS = 1;

/**
 * What the policies allow an agent may still be more than its limits do: its own, those of its organization and of the task that
 * the request names. Asking uses nothing up; whoever goes on reserves, or has the call of a tool checked.
 */
@Injectable()
export class DecisionLimits {
  constructor(private readonly limits: Limits, private readonly counters: UsageCounters, private readonly tools: ToolsService) {}

  /** Not for use inside a transaction. */
  async apply(request: DecisionRequest, decision: Decision): Promise<Decision> {
    if (!decision.isAllowed || request.subject.type !== 'agent' || !isId(request.subject.id)) return decision;
    const reason = await this.standingAgainst(request);
    return reason ? { ...decision, isAllowed: false, policies: [], reason } : decision;
  }

  private async standingAgainst({ organizationId, subject, action, resource, context }: DecisionRequest): Promise<DecisionReason | undefined> {
    const task = (context?.['task'] as { id?: unknown } | undefined)?.id;
    const subjects = await this.limits.behind({ organizationId, agentIds: [subject.id], delegationIds: [], taskIds: isId(task) ? [task] : [] });
    if (subjects.length === 0) return undefined;
    const isCall = action === 'invoke' && resource.type === 'tool';
    const names = isCall ? callsOf(resource.id) : [action];
    if (subjects.some(({ bounds }) => !allowsAction(bounds, names))) return 'action_not_allowed';
    const costMicros = (isCall ? (await this.tools.find(organizationId, resource.id))?.costMicros : undefined) ?? UNKNOWN_COST_MICROS;
    return (await this.counters.exhausted(subjects, { requests: 1, costMicros })).length > 0 ? 'limit_exhausted' : undefined;
  }
}
