import { DomainError } from '../../kernel/domain-error.js';

export const taskNotFound = () =>
  new DomainError('not_found', 'task_not_found', 'There is no such task.');

export const taskCancelled = () =>
  new DomainError('conflict', 'task_cancelled', 'This task was cancelled, or one that it is part of was.');

export const taskChainTooLarge = (most: number) =>
  new DomainError('invalid', 'task_chain_too_large', `More than ${most} tasks belong to this one; ask for those of a task below it, or for one task at a time.`);

// What follows is about a token that somebody asks about, not about their own. `reasons` says what is wrong, for programs.

/** @param reasons `token_unknown` for one that is not ours, an expired JWT, and one that is not the caller's to see; else why it is not active */
export const presentedTokenInvalid = (reasons: readonly string[]) =>
  new DomainError('unauthenticated', 'presented_token_invalid', 'The token in the request is not valid, or no longer.', { details: { reasons } });

export const ancestorTokenInvalid = (reasons: readonly string[]) =>
  new DomainError('unauthenticated', 'ancestor_token_invalid', 'The ancestor named in the request is not a valid token, or no longer.', { details: { reasons } });

export const lineageMismatch = (reasons: readonly string[]) =>
  new DomainError('forbidden', 'lineage_mismatch', 'The token is alive, but not of the task or the ancestor that was expected.', { details: { reasons } });

export const resourceMismatch = () =>
  new DomainError('forbidden', 'resource_mismatch', 'The token is for another resource.', { details: { reasons: ['resource_mismatch'] } });

export const scopeNotCovered = (missing: readonly string[]) =>
  new DomainError('forbidden', 'scope_not_covered', `The token does not cover the scopes ${missing.join(' ')}.`, { details: { reasons: ['scope_not_covered'], missing_scopes: missing } });

/** @param reason `tool_unknown`, also of one that is not active, or `tool_not_in_token` */
export const toolNotAllowed = (reason: 'tool_unknown' | 'tool_not_in_token') =>
  new DomainError('forbidden', 'tool_not_allowed', 'The token is not good for this tool.', { details: { reasons: [reason] } });

export const toolArgumentsInvalid = (problems: readonly string[]) =>
  new DomainError('forbidden', 'tool_arguments_invalid', 'The tool does not take these arguments.', { details: { reasons: ['arguments_invalid'], problems } });

export const policyDenied = (decision: { readonly id: string; readonly policies: readonly string[] }, reason: string) =>
  new DomainError('forbidden', 'policy_denied', 'The policies do not allow this call.', { details: { reasons: [reason], decision } });
