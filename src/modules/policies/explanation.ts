import type { Policy } from '@cedar-policy/cedar-wasm/nodejs';
import type { ScopeOrder } from './scope-relations.js';
import { isAuthorized } from './cedar.js';
import { actionEntity, resourceEntity, subjectEntity } from './cedar-terms.js';
import { pathText } from './attribute.js';
import type { Part, Read } from './compile-condition.js';
import type { DecisionRequest } from './decision.js';
import type { PolicySet, SetPolicy } from './policy-set.js';
import { cedarInput, factsOf } from './request-facts.js';
import { standingOf, type ScopeKnowledge } from './standing.js';

/** Whether a part of a rule held. */
export interface ConditionOutcome {
  /** In the rule: `when.all.0`. */
  readonly path: string;
  readonly holds: boolean;
  /** What it reads and was not there, or not as what it is compared as; then it counts against whoever asks. */
  readonly missing: readonly string[];
}

export interface PolicyOutcome {
  readonly policy: SetPolicy;
  readonly outcome: 'applies' | 'does_not_apply' | 'error';
  /** Cedar's words. */
  readonly error?: string;
  readonly conditions: readonly ConditionOutcome[];
}

/**
 * What each policy that may concern a request makes of it, and each of its conditions. Not quick: Cedar is asked anew, about every
 * part by itself.
 */
export function explain(set: PolicySet, request: DecisionRequest, order: ScopeOrder, scopes: ScopeKnowledge): PolicyOutcome[] {
  const { plan: { policies, reads }, relations } = set.questionOf(request, order);
  const facts = factsOf(request, reads, standingOf(request, order, scopes, relations));
  const isMissing = (read: Read) => read.kind !== 'given' && facts[reads.findIndex((one) => nameOf(one) === nameOf(read))] === undefined;
  const ask = (staticPolicies: Record<string, Policy>) => {
    const answer = isAuthorized({
      principal: subjectEntity(request.subject), action: actionEntity(request.action), resource: resourceEntity(request.resource), ...cedarInput(request, reads, facts), policies: { staticPolicies },
    });
    return answer.type === 'success' ? answer.response.diagnostics : { reason: [], errors: Object.keys(staticPolicies).map((policyId) => ({ policyId, error: answer.errors[0]! })) };
  };
  const chosen = (effect: 'allow' | 'deny') => Object.fromEntries(policies.filter(({ compiled }) => compiled.effect === effect).map(({ id, compiled }) => [id, compiled.policy]));
  // Cedar names only those that decided, so that a denial would hide what allows.
  const allowing = ask({ ...chosen('allow'), ...partsOf(policies) });
  const denying = ask(chosen('deny'));
  const satisfied = new Set([...allowing.reason, ...denying.reason]);
  const errors = new Map([...allowing.errors, ...denying.errors].map(({ policyId, error }) => [policyId, error.message]));

  return policies.map((policy): PolicyOutcome => {
    const error = errors.get(policy.id);
    return {
      policy,
      outcome: error !== undefined ? 'error' : satisfied.has(policy.id) ? 'applies' : 'does_not_apply',
      ...(error !== undefined && { error }),
      conditions: policy.compiled.parts.map((part) => ({
        path: part.path, holds: satisfied.has(partName(policy, part)), missing: part.reads.filter(isMissing).map(nameOf),
      })),
    };
  });
}

/** Each part as a policy of its own that allows where it holds. */
function partsOf(policies: readonly SetPolicy[]): Record<string, Policy> {
  return Object.fromEntries(policies.flatMap((policy) => policy.compiled.parts.map((part): [string, Policy] => [partName(policy, part), {
    effect: 'permit', principal: { op: 'All' }, action: { op: 'All' }, resource: { op: 'All' }, conditions: [{ kind: 'when', body: part.expression }],
  }])));
}

function partName({ id }: SetPolicy, { path }: Part): string {
  return `${id} ${path}`;
}

function nameOf(read: Read): string {
  return read.kind === 'clock' ? `the time in ${read.zone}` : pathText(read.path);
}
