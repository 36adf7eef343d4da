import { setImmediate as turn } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { BoundedMap } from '../../kernel/bounded-map.js';
import type { Caller } from '../../platform/http/caller.js';
import { RecordedDecisions, type RecordedDecision } from '../audit/recorded-decisions.service.js';
import { ScopesService } from '../scopes/scopes.service.js';
import type { DecisionRequest } from './decision.js';
import { recordedRequest, type DecisionRecord } from './decision-record.js';
import { ParsedSets } from './parsed-sets.js';
import { PolicyAdministration } from './policy-administration.service.js';
import { PolicyDrafts } from './policy-drafts.service.js';
import { PolicySet, type Engine, type Outcome, type SetPolicy } from './policy-set.js';
import { PolicySets } from './policy-sets.service.js';
import { noPoliciesInForce } from './policies.errors.js';

/** One change to the policies of an organization. */
export type Draft =
  | { readonly kind: 'add'; readonly rule: Record<string, unknown> }
  | { readonly kind: 'replace'; readonly id: string; readonly rule: Record<string, unknown> }
  | { readonly kind: 'remove'; readonly id: string };

/** A decision that the draft would make otherwise. */
export interface ChangedDecision {
  readonly event: RecordedDecision;
  readonly request: DecisionRequest;
  readonly recorded: DecisionRecord;
  readonly present: Outcome;
  readonly drafted: Outcome;
}

export interface Simulation {
  readonly replayed: number;
  /** Recorded without what they were decided by. */
  readonly skipped: number;
  readonly changes: readonly ChangedDecision[];
}

const DRAFT_ID = 'draft';
const DECIDED_AT_ONCE = 25;

/** Shows what would be decided otherwise if a policy were otherwise. */
@Injectable()
export class PolicySimulation {
  /** What drafts need is not kept beside what decides. */
  private readonly drafted: Engine;

  constructor(
    private readonly sets: PolicySets,
    private readonly policies: PolicyAdministration,
    private readonly drafts: PolicyDrafts,
    private readonly scopes: ScopesService,
    private readonly recorded: RecordedDecisions,
  ) {
    this.drafted = { parsed: new ParsedSets(2000), outcomes: new BoundedMap(1), scopes };
  }

  /**
   * Decides recorded requests again, by the policies in force and by those with the draft, and lists where the two differ.
   * @throws DomainError `invalid_policy`, `policy_not_found`, `no_policies_in_force`
   */
  async simulate(caller: Caller, draft: Draft, limit: number): Promise<Simulation> {
    const { organizationId } = caller;
    const change = await this.changeBy(caller, draft);
    const present = await this.sets.of(organizationId);
    if (!present) throw noPoliciesInForce();
    const drafted = new PolicySet(change(present.policies), 'draft', this.drafted);
    const graph = await this.scopes.graphOf(organizationId);
    const changes: ChangedDecision[] = [];
    let replayed = 0;
    const events = await this.recorded.newest(organizationId, limit);
    for (const [index, event] of events.entries()) {
      // Others get their turn in between.
      if (index % DECIDED_AT_ONCE === DECIDED_AT_ONCE - 1) await turn();
      const recorded = event.decision as DecisionRecord;
      const request = recordedRequest(organizationId, recorded);
      if (!request) continue;
      replayed += 1;
      const [now, then] = [present.decide(request, graph), drafted.decide(request, graph)];
      if (now.isAllowed !== then.isAllowed) changes.push({ event, request, recorded, present: now, drafted: then });
    }
    return { replayed, skipped: events.length - replayed, changes };
  }

  private async changeBy(caller: Caller, draft: Draft): Promise<(policies: readonly SetPolicy[]) => SetPolicy[]> {
    if (draft.kind === 'remove') {
      const { id } = await this.policies.get(caller, draft.id);
      return (policies) => policies.filter((policy) => policy.id !== id);
    }
    const replaced = draft.kind === 'replace' ? await this.policies.get(caller, draft.id) : undefined;
    const compiled = await this.drafts.check(caller.organizationId, draft.rule, replaced?.id, `${draft.kind}.rule`);
    const added: SetPolicy = { id: replaced?.id ?? DRAFT_ID, name: replaced?.name ?? DRAFT_ID, compiled };
    // One that is not enabled is not in force: replacing it shows what it would do if it were.
    return (policies) => [...policies.filter(({ id }) => id !== replaced?.id), added];
  }
}
