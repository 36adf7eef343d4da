import { DomainError } from '../../kernel/domain-error.js';
import type { RuleProblem } from './policy-rule.js';

const MOST_PROBLEMS = 20;

export const policyNotFound = () =>
  new DomainError('not_found', 'policy_not_found', 'There is no such policy.');

export const policyVersionNotFound = () =>
  new DomainError('not_found', 'policy_version_not_found', 'The policy has no such version.');

export const policyNameTaken = (name: string) =>
  new DomainError('conflict', 'policy_name_taken', `There is a policy ${name} already.`);

export const policyChanged = (version: number) =>
  new DomainError('conflict', 'policy_changed', `The policy was changed meanwhile; it now has the version ${version}.`, { details: { version } });

export const tooManyPolicies = (most: number) =>
  new DomainError('conflict', 'too_many_policies', `An organization can have ${most} policies.`);

/** @param member of the request, that the paths of the problems begin in */
export const invalidPolicy = (problems: readonly RuleProblem[], member = 'rule') => {
  const errors = problems.slice(0, MOST_PROBLEMS).map(({ path, message }) => ({ field: path === '' ? member : `${member}.${path}`, message }));
  const more = problems.length - 1;
  const others = more > 0 ? ` ${more === 1 ? 'One more thing is' : `${more} more things are`} wrong.` : '';
  return new DomainError('invalid', 'invalid_policy', `The policy is not valid: ${errors[0]!.field} ${errors[0]!.message}.${others}`, { details: { errors } });
};

export const noPoliciesInForce = () =>
  new DomainError('unavailable', 'no_policies_in_force', 'The policies in force cannot be used, so that nothing is allowed until they are put right.');

export const oneDraftOnly = () =>
  new DomainError('invalid', 'one_draft_only', 'A simulation takes one of add, replace and remove.');
