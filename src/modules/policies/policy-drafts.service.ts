import { Injectable } from '@nestjs/common';
import type { OrganizationId } from '../../kernel/ids.js';
import { pathText, TYPE_WORDS, type AttributeType } from './attribute.js';
import { checkPolicy } from './compile-policy.js';
import type { CompiledRule } from './compile-rule.js';
import type { PolicySet } from './policy-set.js';
import { PolicySets } from './policy-sets.service.js';
import { invalidPolicy } from './policies.errors.js';
import type { RuleProblem } from './policy-rule.js';

/** Rules that an organization wants to have: checked by themselves, and beside those that are in force there. */
@Injectable()
export class PolicyDrafts {
  constructor(private readonly sets: PolicySets) {}

  /**
   * Not for use inside a transaction.
   *
   * @param replacing the policy that the rule is for, if it is there already
   * @param member of the request that holds the rule, for the paths of what is wrong
   * @throws DomainError `invalid_policy`
   */
  async check(organizationId: OrganizationId, rule: Record<string, unknown>, replacing?: string, member = 'rule'): Promise<CompiledRule> {
    const compiled = checkPolicy(rule);
    if ('problems' in compiled) throw invalidPolicy(compiled.problems, member);
    if (compiled.selector.organizations) throw invalidPolicy([{ path: 'who.organizations', message: 'is for the policies of the installation; those of an organization count only there' }], member);
    const set = await this.sets.of(organizationId);
    const problems = set ? contradictions(compiled, set, replacing) : [];
    if (problems.length > 0) throw invalidPolicy(problems, member);
    return compiled;
  }
}

/** An attribute has one value: two policies that compare it as two types would deny each other everything. */
function contradictions({ reads }: CompiledRule, set: PolicySet, replacing: string | undefined): RuleProblem[] {
  const known = new Map<string, { type: AttributeType; name: string }>();
  for (const { id, name, compiled } of set.policies) {
    if (id !== replacing) for (const read of compiled.reads) if (read.kind === 'attribute') known.set(pathText(read.path), { type: read.type, name });
  }
  return reads.flatMap((read): RuleProblem[] => {
    const other = read.kind === 'attribute' ? known.get(pathText(read.path)) : undefined;
    if (read.kind !== 'attribute' || !other || other.type === read.type) return [];
    return [{ path: '', message: `compares ${pathText(read.path)} as ${TYPE_WORDS[read.type]}, but the policy ${other.name} compares it as ${TYPE_WORDS[other.type]}` }];
  });
}
