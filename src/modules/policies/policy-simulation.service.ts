import { setImmediate as turn } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { BoundedMap } from '../../kernel/bounded-map.js';
import type { OrganizationId } from '../../kernel/ids.js';
import type { Caller } from '../../platform/http/caller.js';
import { RecordedDecisions, type RecordedDecision } from '../audit/recorded-decisions.service.js';
import { ScopesService } from '../scopes/scopes.service.js';
import { recordedRequest, type DecisionRecord } from './decision-record.js';
import { DecisionReplays, type EventReader, type ReplayableDecision } from './decision-replays.service.js';
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

/** `recorded`: what was decided about is on record as a whole. `present_attributes`: the event, and the subject as it is now. */
export type ReplayBasis = 'recorded' | 'present_attributes';

/** A decision that the draft would make otherwise. */
export interface ChangedDecision extends ReplayableDecision {
  readonly event: RecordedDecision;
  readonly basis: ReplayBasis;
  readonly present: Outcome;
  readonly drafted: Outcome;
}

export interface Simulation {
  /** Events. */
  readonly replayed: number;
  /** Recorded without what they were decided by, and nobody can tell. */
  readonly skipped: number;
  readonly changes: readonly ChangedDecision[];
  /** Changes that are too many to list. */
  readonly unlisted: number;
  /** Events that were not reached: those before came of as many decisions as are made again at once. */
  readonly leftOut: number;
}

const DRAFT_ID = 'draft';
const DECIDED_AT_ONCE = 25;
/** One token may have come of dozens of decisions, and each takes up to half a millisecond here. */
export const MOST_DECISIONS = 10_000;
/** A draft may change every scope of every token. */
const MOST_CHANGES = 1000;
/** Tokens are much alike. */
const MOST_OUTCOMES = 5000;

/** Shows what would be decided otherwise if a policy were otherwise. */
@Injectable()
export class PolicySimulation {
  private readonly parsed = new ParsedSets(2000);

  constructor(
    private readonly sets: PolicySets,
    private readonly policies: PolicyAdministration,
    private readonly drafts: PolicyDrafts,
    private readonly scopes: ScopesService,
    private readonly recorded: RecordedDecisions,
    private readonly replays: DecisionReplays,
  ) {}

  /**
   * Decides recorded requests again, by the policies in force and by those with the draft, and lists where the two differ. An event
   * that keeps no request is read by whoever wrote it; the subject is then taken as it is now.
   *
   * @param limit events
   * @throws DomainError `invalid_policy`, `policy_not_found`, `no_policies_in_force`
   */
  async simulate(caller: Caller, draft: Draft, limit: number): Promise<Simulation> {
    const { organizationId } = caller;
    const change = await this.changeBy(caller, draft);
    const present = await this.sets.of(organizationId);
    if (!present) throw noPoliciesInForce();
    // What drafts need is not kept beside what decides.
    const engine: Engine = { parsed: this.parsed, outcomes: new BoundedMap(MOST_OUTCOMES), scopes: this.scopes };
    const drafted = new PolicySet(change(present.policies), 'draft', engine);
    const graph = await this.scopes.graphOf(organizationId);
    const read = this.replays.reader();
    const changes: ChangedDecision[] = [];
    let [seen, replayed, skipped, decided, unlisted] = [0, 0, 0, 0, 0];
    const events = await this.recorded.newest(organizationId, limit);
    for (const event of events) {
      if (decided >= MOST_DECISIONS) break;
      seen += 1;
      const { basis, decisions } = await replay(organizationId, event, read);
      if (!decisions) skipped += 1;
      else if (decisions.length > 0) replayed += 1;
      for (const decision of decisions ?? []) {
        // Others get their turn in between.
        if (++decided % DECIDED_AT_ONCE === 0) await turn();
        const [now, then] = [present.decide(decision.request, graph), drafted.decide(decision.request, graph)];
        if (now.isAllowed === then.isAllowed) continue;
        if (changes.length < MOST_CHANGES) changes.push({ ...decision, event, basis, present: now, drafted: then });
        else unlisted += 1;
      }
    }
    return { replayed, skipped, changes, unlisted, leftOut: events.length - seen };
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

async function replay(organizationId: OrganizationId, event: RecordedDecision, read: EventReader): Promise<{ basis: ReplayBasis; decisions?: readonly ReplayableDecision[] }> {
  const record = event.decision as DecisionRecord;
  const request = recordedRequest(organizationId, record);
  if (request) return { basis: 'recorded', decisions: [{ request, wasAllowed: record.is_allowed === true }] };
  return { basis: 'present_attributes', decisions: await read(organizationId, event) };
}
