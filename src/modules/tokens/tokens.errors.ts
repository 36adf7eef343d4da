import type { JsonValue } from '../../kernel/canonical-json.js';
import { DomainError } from '../../kernel/domain-error.js';
import type { Counter } from '../limits/bounds.js';
import { namedLimit, sentenceOf } from '../limits/limits.errors.js';

/** One sentence for an unknown agent, a wrong password and a wrong key. */
export const invalidAgentCredentials = () =>
  new DomainError('unauthenticated', 'invalid_credentials', 'The API key, or the name or the password, is wrong.');

export const credentialsAmbiguous = () =>
  new DomainError('invalid', 'credentials_ambiguous', 'Send either api_key, or name and password.');

/** Only whoever has proved to be the agent hears this. */
export const agentNotActive = (status: string) =>
  new DomainError('forbidden', 'agent_not_active', `This agent is ${status}; it gets tokens once it is active.`, { details: { status } });

export const grantNotAllowed = () =>
  new DomainError('forbidden', 'unauthorized_client', 'This client is not registered for client_credentials, so it gets no tokens of its own.');

export const boundTokensOnly = () =>
  new DomainError('forbidden', 'dpop_required', 'The tokens of this client are bound to a key: get them at /api/oauth/token with a DPoP proof.');

export const scopesNotOffered = (scopes: readonly string[]) =>
  new DomainError('invalid', 'invalid_scope', scopes.length === 0 ? 'There is no scope left that this token could have.' : `This token cannot have the scopes ${scopes.join(' ')}.`,
    { details: { refused_scopes: scopes } });

export const personalScopes = (scopes: readonly string[]) =>
  new DomainError('forbidden', 'person_has_to_agree', `Only a person may grant the scopes ${scopes.join(' ')}; nobody gets them for themselves.`, { details: { refused_scopes: scopes } });

export const tooManyKeyAttempts = (retryAfterSeconds: number) =>
  new DomainError('throttled', 'too_many_sign_ins', 'Too many attempts to log in; try again later.', { retryAfterSeconds });

export const refreshTokenRequired = () =>
  new DomainError('invalid', 'refresh_token_required', 'The access token of a person is renewed with its refresh token, at /api/oauth/token.');

export const obtainedByAnother = () =>
  new DomainError('forbidden', 'obtained_by_another', 'Somebody else got this token for the agent, and nothing further can be got with it.');

export const loginOver = () =>
  new DomainError('forbidden', 'login_over', 'This login began too long ago, or was renewed too often: log in again.');

export const passwordNotUsed = () =>
  new DomainError('conflict', 'password_not_used', 'This agent has no password; it logs in with its API key.');

export const ownPasswordOnly = () =>
  new DomainError('forbidden', 'own_password_only', 'Only a person, or an agent that logs in with one, changes a password, and each only their own.');

export const clientOfOneOrganization = () =>
  new DomainError('conflict', 'client_of_one_organization', 'The client of this token belongs to one organization; sign in to another organization with a client of its own.');

export const tokenNotFound = () =>
  new DomainError('not_found', 'token_not_found', 'There is no such token.');

export const consentNotFound = () =>
  new DomainError('not_found', 'consent_not_found', 'There is no such consent.');

// What follows is told at the token endpoint under the code it has here (RFC 6749 section 5.2, RFC 8693 section 2.2.2).

export const scopesBeyondAuthority = (scopes: readonly string[]) =>
  new DomainError('invalid', 'invalid_scope', scopes.length === 0 ? 'Nothing of what this stands on can be had at this resource.' : `What this stands on does not reach so far: ${scopes.join(' ')}.`,
    { details: { refused_scopes: scopes } });

export const targetBeyondAuthority = () =>
  new DomainError('invalid', 'invalid_target', 'What this stands on does not reach to that resource.');

export const delegationUnusable = (because: string) =>
  new DomainError('forbidden', 'invalid_grant', `The delegation cannot be used: ${because}.`);

export const lineageRefused = (because: string) =>
  new DomainError('forbidden', 'invalid_grant', `The token cannot descend from there: ${because}.`);

export const taskUnusable = () =>
  new DomainError('forbidden', 'invalid_grant', 'The task is over, or it is not one that this client works on.');

export const exchangeRefused = (because: string) =>
  new DomainError('forbidden', 'access_denied', `The exchange is refused: ${because}.`);

export const exchangeMalformed = (because: string) =>
  new DomainError('invalid', 'invalid_request', because);

/** @param asked what the event keeps of the question, so that it can be asked again */
export const policyDenied = (names: readonly string[], decision: { readonly id: string; readonly policies: readonly string[] }, asked: JsonValue) =>
  new DomainError('forbidden', 'access_denied', `No policy allows this, or one denies it: ${names.join(' ')}.`,
    { details: { refused: names, decision_id: decision.id }, record: { decision: { id: decision.id, policies: decision.policies }, asked } });

/** Nobody denied it, and nobody allowed it: it may be asked for again. */
export const policiesUnavailable = () =>
  new DomainError('unavailable', 'policies_unavailable', 'The policies cannot be read at the moment; nothing was issued.', { retryAfterSeconds: 1 });

/** @param exhausted never empty */
export const limitsUsedUp = (exhausted: readonly Counter[]) =>
  new DomainError('forbidden', 'access_denied', `Nothing is left of ${exhausted.map(sentenceOf).join(' and of ')}.`, { details: { reasons: ['limit_exhausted'], exhausted: exhausted.map(namedLimit) } });

export const toolsMissing = (missing: readonly string[]) =>
  new DomainError('forbidden', 'access_denied', `The agent cannot have these tools with such a token: ${missing.join(' ')}.`, { details: { missing_tools: missing } });
