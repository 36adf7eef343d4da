import type { AuthorizationAnswer, Policy, StatefulAuthorizationCall } from '@cedar-policy/cedar-wasm/nodejs';
import { preparsePolicySet, statefulIsAuthorized } from './cedar.js';

/** Some policies by their ids, as Cedar is asked about them together. */
export type PoliciesById = Readonly<Record<string, Policy>>;

type Question = Omit<StatefulAuthorizationCall, 'preparsedPolicySetId'>;

/** About 3 KB each, in memory that the engine never gives back. */
const MOST_POLICIES = 8000;
let instances = 0;

/**
 * Keeps policies parsed inside the engine, so that a question costs no parsing. The engine knows parsed sets by name, and can
 * replace but not remove them; names are used again, those that were not asked for longest first.
 */
export class ParsedSets {
  /** In the order of their last use. */
  private readonly names = new Map<PoliciesById, string>();
  private readonly free: string[] = [];
  private count = 0;
  private named = 0;
  /** The names of one are not those of another: the engine knows them all. */
  private readonly serial = instances += 1;

  constructor(private readonly mostPolicies = MOST_POLICIES) {}

  /** @throws Error when the policies cannot be parsed */
  ask(policies: PoliciesById, question: Question): AuthorizationAnswer {
    return statefulIsAuthorized({ ...question, preparsedPolicySetId: this.nameOf(policies) });
  }

  private nameOf(policies: PoliciesById): string {
    const known = this.names.get(policies);
    if (known !== undefined) {
      this.names.delete(policies);
      this.names.set(policies, known);
      return known;
    }
    const size = sizeOf(policies);
    for (const [oldest, name] of this.names) {
      if (this.count + size <= this.mostPolicies) break;
      this.names.delete(oldest);
      this.count -= sizeOf(oldest);
      this.free.push(name);
    }
    const name = this.free.pop() ?? `${this.serial}/${this.named += 1}`;
    const answer = preparsePolicySet(name, { staticPolicies: policies });
    if (answer.type === 'failure') {
      this.free.push(name);
      throw new Error(`the policies cannot be parsed: ${answer.errors.map(({ message }) => message).join('; ')}`);
    }
    this.names.set(policies, name);
    this.count += size;
    return name;
  }
}

function sizeOf(policies: PoliciesById): number {
  return Object.keys(policies).length;
}
