import { DomainError, quoted } from '../../kernel/domain-error.js';

export const clientNotFound = () =>
  new DomainError('not_found', 'client_not_found', 'There is no such client.');

export const clientIsAgent = () =>
  new DomainError('conflict', 'client_is_agent', 'This client belongs to an agent; manage it under /api/agents.');

export const clientDeactivated = () =>
  new DomainError('conflict', 'client_deactivated', 'This client is deactivated for good.');

/** RFC 7591 section 3.2.2. */
export const invalidRedirectUri = (uri: string, problem: string) =>
  new DomainError('invalid', 'invalid_redirect_uri', `The redirect URI ${quoted(uri)} ${problem}.`);

/** RFC 7591 section 3.2.2. */
export const invalidClientMetadata = (sentence: string) =>
  new DomainError('invalid', 'invalid_client_metadata', sentence);

export const scopesBeyondCaller = (missing: readonly string[]) =>
  new DomainError('forbidden', 'scopes_not_held', `You cannot hand out scopes that you do not hold: ${missing.join(' ')}.`, { details: { missing_scopes: missing } });

export const administratorRequired = (what: string) =>
  new DomainError('forbidden', 'administrator_required', `Only an administrator of the organization may ${what}.`);

export const secretNotFound = () =>
  new DomainError('not_found', 'secret_not_found', 'There is no such secret.');

export const secretsNotUsed = (method: string) =>
  new DomainError('conflict', 'secrets_not_used', `A client that authenticates with ${method} has no secrets.`);

export const tooManySecrets = (most: number) =>
  new DomainError('conflict', 'too_many_secrets', `A client has at most ${most} live secrets; retire one first.`);

export const secretExpiryPast = () =>
  new DomainError('invalid', 'secret_expiry_past', 'The time in expires_at must lie in the future.');
