import { Injectable } from '@nestjs/common';
import type { Caller } from '../../platform/http/caller.js';
import type { Evaluations } from './authzen-request.js';
import type { Decision, DecisionRequest } from './decision.js';
import { DecisionLimits } from './decision-limits.service.js';
import { DecisionLog } from './decision-log.service.js';
import { EntityFacts } from './entity-facts.service.js';
import { PolicyDecisions } from './policy-decisions.service.js';

/** What became of one evaluation: a decision, or what was wrong with the request for it. */
export type Evaluated = { readonly decision: Decision } | { readonly error: string };

/** Decides what enforcement points ask over AuthZEN: by the policies, and for agents by their limits. Each decision is on record before it is answered. */
@Injectable()
export class AuthzenEvaluations {
  constructor(
    private readonly decisions: PolicyDecisions,
    private readonly limits: DecisionLimits,
    private readonly facts: EntityFacts,
    private readonly log: DecisionLog,
  ) {}

  async evaluate(caller: Caller, asked: Omit<DecisionRequest, 'organizationId'>): Promise<Decision> {
    const request = await this.facts.completeRequest(caller.organizationId, asked);
    const decision = await this.limits.apply(request, await this.decisions.decide(request));
    await this.log.record(caller, [{ request, decision }]);
    return decision;
  }

  /** In their order, as far as the semantic goes: the first denial, or the first permission, may be the last that is looked at. */
  async evaluateAll(caller: Caller, { several, semantic }: Extract<Evaluations, { several: unknown }>): Promise<Evaluated[]> {
    const requests = await this.facts.completeRequests(caller.organizationId, several.flatMap((one) => ('error' in one ? [] : [one])));
    const decided: { request: DecisionRequest; decision: Decision }[] = [];
    const evaluated: Evaluated[] = [];
    for (const one of several) {
      const request = 'error' in one ? undefined : requests[decided.length]!;
      const decision = request && await this.limits.apply(request, await this.decisions.decide(request));
      if (request && decision) decided.push({ request, decision });
      evaluated.push(decision ? { decision } : { error: (one as { error: string }).error });
      const isAllowed = decision?.isAllowed ?? false;
      if (semantic === (isAllowed ? 'permit_on_first_permit' : 'deny_on_first_deny')) break;
    }
    await this.log.record(caller, decided);
    return evaluated;
  }
}
