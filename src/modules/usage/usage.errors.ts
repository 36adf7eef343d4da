import { DomainError } from '../../kernel/domain-error.js';

export const limitsNotYours = () =>
  new DomainError('forbidden', 'limits_not_yours', 'You may narrow these limits; only a person or client who runs the organization may widen them.');

export const periodWithoutBudget = () =>
  new DomainError('invalid', 'period_without_budget', 'A cost_period says what a cost_budget_usd is for, and there is none.');

export const nothingUsed = () =>
  new DomainError('invalid', 'nothing_used', 'Neither requests nor costs are used by this.');

export const usageNotYours = () =>
  new DomainError('forbidden', 'usage_not_yours', 'Usage is reserved with the access token of an agent: send it, or use your own if you are one.');

export const historyTooLong = (most: number) =>
  new DomainError('invalid', 'history_too_long', `That is more than ${most} buckets, or ends before it begins: ask for a shorter time or larger buckets.`);
