import { BoundedMap } from '../../kernel/bounded-map.js';
import { pathText } from './attribute.js';
import { actionEntity, resourceEntity, subjectEntity } from './cedar-terms.js';
import type { Read } from './compile-condition.js';
import type { CompiledRule } from './compile-rule.js';
import type { Decision, DecisionRequest } from './decision.js';
import type { ParsedSets, PoliciesById } from './parsed-sets.js';
import { PolicyIndex } from './policy-index.js';
import type { Match } from './selector.js';
import { cedarInput, factsOf } from './request-facts.js';
import { scopeRelations, type ScopeOrder, type ScopeRelations } from './scope-relations.js';
import { standingOf, type ScopeKnowledge } from './standing.js';

/** A policy as a member of a set. */
export interface SetPolicy {
  /** A UUID, or `directory:…` for one of the installation's. */
  readonly id: string;
  readonly name: string;
  readonly compiled: CompiledRule;
}

export type Outcome = Pick<Decision, 'isAllowed' | 'policies' | 'reason'>;

/** The policies that may concern a request, and all that they read. */
export interface Plan {
  readonly serial: number;
  readonly policies: readonly SetPolicy[];
  readonly byId: PoliciesById;
  readonly reads: readonly Read[];
  /** Does one of them read the time to the millisecond? Then no two decisions are alike. */
  readonly readsTime: boolean;
}

/** What policies name, without wildcards: what a search can find beside what the organization has. */
export interface Named {
  /** Ids by type. */
  readonly subjects: ReadonlyMap<string, readonly string[]>;
  readonly resources: ReadonlyMap<string, readonly string[]>;
  readonly actions: readonly string[];
}

export interface Question {
  readonly plan: Plan;
  readonly relations: ScopeRelations | undefined;
}

/** What all sets of a process share. */
export interface Engine {
  readonly parsed: ParsedSets;
  /** Outcomes by what they depend on. */
  readonly outcomes: BoundedMap<string, Outcome>;
  readonly scopes: ScopeKnowledge;
}

const MOST_PLANS = 2000;
const MOST_RELATIONS = 2000;
/** Outcomes that depend on more than this are not remembered: they would fill the memory, and hardly come again. Characters. */
const LONGEST_KEY = 2000;
let plansMade = 0;

/**
 * Everything that decides for an organization: its own policies and those of the installation. Never changed; another version is
 * another set.
 *
 * 1. The index finds the few policies that may concern the request.
 * 2. What those read of it, and nothing else, makes the key of the outcome: the same facts have the same outcome.
 * 3. Otherwise Cedar is asked, with these policies and these facts.
 */
export class PolicySet {
  private readonly index: PolicyIndex;
  private readonly plans = new BoundedMap<string, Plan>(MOST_PLANS);
  /** Those that `scopeRelations` looks at, beginnings among them. */
  private readonly namedScopes: readonly string[];
  private namedAll?: Named;
  private readonly relations = new WeakMap<ScopeOrder, BoundedMap<string, ScopeRelations>>();

  constructor(readonly policies: readonly SetPolicy[], readonly version: string, private readonly engine: Engine) {
    const selectors = policies.map(({ compiled }) => compiled.selector);
    this.index = new PolicyIndex(selectors);
    this.namedScopes = [...new Set(selectors.flatMap(({ resources = [] }) => resources.flatMap(({ isScope, id }) => (isScope && id !== undefined ? [id] : []))))];
  }

  get named(): Named {
    const selectors = this.policies.map(({ compiled }) => compiled.selector);
    return this.namedAll ??= {
      subjects: idsByType(selectors.flatMap(({ subjects = [] }) => subjects)),
      resources: idsByType(selectors.flatMap(({ resources = [] }) => resources)),
      actions: [...new Set(selectors.flatMap(({ actions = [] }) => actions.flatMap(({ name, isPrefix }) => (isPrefix ? [] : [name]))))],
    };
  }

  decide(request: DecisionRequest, order: ScopeOrder): Outcome {
    const { plan, relations } = this.questionOf(request, order);
    if (plan.policies.length === 0) return { isAllowed: false, policies: [], reason: 'not_allowed' };
    const facts = factsOf(request, plan.reads, standingOf(request, order, this.engine.scopes, relations));
    if (plan.readsTime) return this.ask(request, plan, facts);
    const { subject, resource, action } = request;
    const key = JSON.stringify([plan.serial, subject.type, subject.id, action, resource.type, resource.id, facts]);
    const known = this.engine.outcomes.get(key);
    if (known) return known;
    const outcome = this.ask(request, plan, facts);
    if (key.length <= LONGEST_KEY) this.engine.outcomes.set(key, outcome);
    return outcome;
  }

  /** Which policies concern a request, and with what. */
  questionOf(request: DecisionRequest, order: ScopeOrder): Question {
    const relations = request.resource.type === 'scope' ? this.relationsOf(request.resource.id, order) : undefined;
    return { plan: this.planFor(this.index.candidates(request, relations?.overlaps ?? [])), relations };
  }

  private ask(request: DecisionRequest, plan: Plan, facts: ReturnType<typeof factsOf>): Outcome {
    const answer = this.engine.parsed.ask(plan.byId, {
      principal: subjectEntity(request.subject), action: actionEntity(request.action), resource: resourceEntity(request.resource), ...cedarInput(request, plan.reads, facts),
    });
    if (answer.type === 'failure') return { isAllowed: false, policies: [], reason: 'policy_error' };
    const { decision, diagnostics: { reason, errors } } = answer.response;
    // Also when it is one that allows: what cannot be evaluated might have been meant to say no.
    if (errors.length > 0) return { isAllowed: false, policies: [...new Set(errors.map(({ policyId }) => policyId))].sort(), reason: 'policy_error' };
    const policies = reason.toSorted();
    if (decision === 'allow') return { isAllowed: true, policies, reason: 'allowed' };
    return { isAllowed: false, policies, reason: policies.length > 0 ? 'denied_by_policy' : 'not_allowed' };
  }

  private planFor(candidates: readonly number[]): Plan {
    const key = candidates.join();
    const known = this.plans.get(key);
    if (known) return known;
    const policies = candidates.map((position) => this.policies[position]!);
    const reads = distinct(policies.flatMap(({ compiled }) => compiled.reads));
    const plan: Plan = {
      serial: plansMade += 1,
      policies,
      byId: Object.fromEntries(policies.map(({ id, compiled }) => [id, compiled.policy])),
      reads,
      readsTime: reads.some((read) => read.kind === 'attribute' && read.type === 'time' && pathText(read.path) === 'context.time'),
    };
    this.plans.set(key, plan);
    return plan;
  }

  private relationsOf(scope: string, order: ScopeOrder): ScopeRelations {
    let known = this.relations.get(order);
    if (!known) this.relations.set(order, known = new BoundedMap(MOST_RELATIONS));
    let relations = known.get(scope);
    // The protocol's own scopes stand alone, and are always active.
    const isAlone = this.engine.scopes.isOidcScope(scope);
    if (!relations) known.set(scope, relations = isAlone ? { isActive: true, coveredBy: [scope], overlaps: [scope] } : scopeRelations(order, this.namedScopes, scope));
    return relations;
  }
}

function idsByType(matches: readonly Match[]): Map<string, string[]> {
  const ids = new Map<string, Set<string>>();
  for (const { type, id, isPrefix, isScope } of matches) {
    if (id === undefined || isPrefix || (isScope && id.endsWith('*'))) continue;
    ids.set(type, (ids.get(type) ?? new Set()).add(id));
  }
  return new Map([...ids].map(([type, some]) => [type, [...some]]));
}

/** Each once. An attribute that two policies read as two types is read as both: whichever it is not, Cedar reports as an error. */
function distinct(reads: readonly Read[]): Read[] {
  return [...new Map(reads.map((read) => [keyOf(read), read])).values()];
}

function keyOf(read: Read): string {
  switch (read.kind) {
    case 'attribute': return `${read.type} ${pathText(read.path)}`;
    case 'given': return `given ${pathText(read.path)}`;
    case 'clock': return `clock ${read.zone}`;
  }
}
