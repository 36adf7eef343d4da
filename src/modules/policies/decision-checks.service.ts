import { Injectable } from '@nestjs/common';
import type { Caller } from '../../platform/http/caller.js';
import { ScopesService } from '../scopes/scopes.service.js';
import type { Decision, DecisionRequest } from './decision.js';
import { DecisionLog } from './decision-log.service.js';
import { EntityFacts } from './entity-facts.service.js';
import { explain, type PolicyOutcome } from './explanation.js';
import { PolicyDecisions } from './policy-decisions.service.js';
import { PolicySets } from './policy-sets.service.js';

export interface ExplainedDecision {
  readonly decision: Decision;
  /** Of the policies that may concern the request. */
  readonly policies: readonly PolicyOutcome[];
  /** How many others there are. */
  readonly unconcerned: number;
}

/** Shows why policies decide as they do. */
@Injectable()
export class DecisionChecks {
  constructor(
    private readonly decisions: PolicyDecisions,
    private readonly sets: PolicySets,
    private readonly scopes: ScopesService,
    private readonly facts: EntityFacts,
    private readonly log: DecisionLog,
  ) {}

  /** Decides as for anybody else, and says what each policy made of it. On record, as every decision. */
  async check({ organizationId, ...caller }: Caller, asked: Omit<DecisionRequest, 'organizationId'>): Promise<ExplainedDecision> {
    const request = await this.facts.completeRequest(organizationId, asked);
    const decision = await this.decisions.decide(request);
    const [set, graph] = [await this.sets.of(organizationId), await this.scopes.graphOf(organizationId)];
    const policies = set ? explain(set, request, graph, this.scopes) : [];
    await this.log.record({ organizationId, ...caller }, [{ request, decision }]);
    return { decision, policies, unconcerned: (set?.policies.length ?? 0) - policies.length };
  }
}
