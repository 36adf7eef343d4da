import type { JsonValue } from '../../kernel/canonical-json.js';
import { microsAsUsd } from '../../kernel/usd.js';
import { actedBy, type ActorChain } from '../delegation/delegation-chain.js';
import type { DelegationGrant } from '../delegation/delegation-grant.entity.js';
import type { DelegationPath } from '../delegation/delegation-grants.service.js';
import type { DelegationFacts } from './token-record.js';

/** The delegation that a token is issued for. */
export function lastOf(path: DelegationPath): DelegationGrant {
  return path.at(-1)!;
}

/** Everybody on the path, the agent that acts now outermost. */
export function actorsOn(path: DelegationPath): ActorChain {
  const [first, ...rest] = path;
  return rest.reduce<ActorChain>((chain, { agentId }) => actedBy(agentId, chain), actedBy(first.agentId));
}

/** What a token says of the delegation it is issued for. */
export function delegationFacts(path: DelegationPath, issuer: string, purpose?: string): DelegationFacts {
  const last = lastOf(path);
  return {
    grantId: last.id,
    delegatorSub: last.principalId,
    purpose: purpose ?? last.purpose ?? undefined,
    constraints: constraintsOf(last),
    chain: path.map((step) => ({
      iss: issuer,
      sub: step.principalId,
      aud: step.agentId,
      delegated_at: Math.floor(step.createdAt.getTime() / 1000),
      scope: step.scopes.join(' '),
      purpose: step.purpose ?? undefined,
      constraints: constraintsOf(step),
    })),
  };
}

function constraintsOf({ resources, notBefore, maxTokenTtl, maxUses, maxDepth, requestsPerHour, costBudgetMicros, allowedActions }: DelegationGrant): JsonValue {
  return {
    resources: resources ?? undefined, not_before: notBefore?.toISOString(), max_token_ttl: maxTokenTtl ?? undefined, max_uses: maxUses ?? undefined, max_depth: maxDepth,
    requests_per_hour: requestsPerHour ?? undefined, cost_budget_usd: costBudgetMicros === null ? undefined : microsAsUsd(costBudgetMicros), allowed_actions: allowedActions ?? undefined,
  };
}
