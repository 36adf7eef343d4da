import { Injectable, Logger } from '@nestjs/common';
import { newId, type Id } from '../../kernel/ids.js';
import { Sparingly } from '../../platform/logging/sparingly.js';
import { ScopesService } from '../scopes/scopes.service.js';
import type { Decision, DecisionRequest } from './decision.js';
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
    const id = newId<DecisionId>();
    let version = 'none';
    try {
      const set = await this.sets.of(request.organizationId);
      const graph = await this.scopes.graphOf(request.organizationId);
      if (!set) return { id, isAllowed: false, policies: [], reason: 'policies_unavailable', version };
      ({ version } = set);
      return { id, ...set.decide(request, graph), version };
    } catch (error) {
      const unsaid = this.errors.admit();
      if (unsaid !== undefined) this.logger.error(`what could not be decided is denied (${unsaid} more since the last time): ${String(error)}`);
      return { id, isAllowed: false, policies: [], reason: version === 'none' ? 'policies_unavailable' : 'policy_error', version };
    }
  }

  /** In the order of the requests. */
  decideAll(requests: readonly DecisionRequest[]): Promise<Decision[]> {
    return Promise.all(requests.map((request) => this.decide(request)));
  }
}
