import { Injectable, Logger } from '@nestjs/common';
import { newId, type Id, type OrganizationId } from '../../kernel/ids.js';
import type { ScopeGraph } from '../../kernel/scope-graph.js';
import { isDatabaseUnavailable } from '../../platform/database/database-unavailable.js';
import { Sparingly } from '../../platform/logging/sparingly.js';
import { ScopesService } from '../scopes/scopes.service.js';
import type { Decision, DecisionRequest } from './decision.js';
import type { PolicySet } from './policy-set.js';
import { PolicySets } from './policy-sets.service.js';

export type { Attributes, Decision, DecisionEntity, DecisionReason, DecisionRequest } from './decision.js';

export type DecisionId = Id<'decision'>;

const ONE_ERROR_PER_MS = 10_000;

/**
 * Decides by the policies of an organization and of the installation. A denial wins, what nothing allows is denied, and so is
 * what cannot be evaluated. Who asks records the decision, `{id, policies}`, in the event of what they do or refuse because of it.
 */
@Injectable()
export class PolicyDecisions {
  private readonly logger = new Logger(PolicyDecisions.name);
  private readonly errors = new Sparingly(ONE_ERROR_PER_MS);

  constructor(private readonly sets: PolicySets, private readonly scopes: ScopesService) {}

  /** Never rejects. Not for use inside a transaction. */
  async decide(request: DecisionRequest): Promise<Decision> {
    return (await this.deciderOf(request.organizationId))(request);
  }

  /**
   * In the order of the requests, all by one version of the policies.
   * @throws TypeError when they are not all of one organization
   */
  async decideAll(requests: readonly DecisionRequest[]): Promise<Decision[]> {
    if (requests.length === 0) return [];
    const { organizationId } = requests[0]!;
    if (requests.some((request) => request.organizationId !== organizationId)) throw new TypeError('decisions of several organizations are asked for at once');
    return requests.map(await this.deciderOf(organizationId));
  }

  /** Decides by the policies as they are at most a second ago. It never rejects, and what it answers with does not throw. */
  private async deciderOf(organizationId: OrganizationId): Promise<(request: DecisionRequest) => Decision> {
    let isUndecided: true | undefined;
    try {
      const set = this.sets.peek(organizationId) ?? await this.sets.of(organizationId);
      const graph = this.scopes.peekGraph(organizationId) ?? await this.scopes.graphOf(organizationId);
      if (set) return (request) => this.decideBy(set, graph, request);
    } catch (error) {
      this.report(error);
      if (isDatabaseUnavailable(error)) isUndecided = true;
    }
    return () => ({ id: newId<DecisionId>(), isAllowed: false, policies: [], reason: 'policies_unavailable', version: 'none', ...(isUndecided && { isUndecided }) });
  }

  private decideBy(set: PolicySet, graph: ScopeGraph, request: DecisionRequest): Decision {
    const id = newId<DecisionId>();
    const { version } = set;
    try {
      const { isAllowed, policies, reason } = set.decide(request, graph);
      return { id, isAllowed, policies, reason, version };
    } catch (error) {
      this.report(error);
      return { id, isAllowed: false, policies: [], reason: 'policy_error', version };
    }
  }

  private report(error: unknown): void {
    const unsaid = this.errors.admit();
    if (unsaid !== undefined) this.logger.error(`what could not be decided is denied (${unsaid} more since the last time): ${String(error)}`);
  }
}
