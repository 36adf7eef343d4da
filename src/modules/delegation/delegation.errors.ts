import { DomainError, type RefusalRecord } from '../../kernel/domain-error.js';
import type { Widening } from './attenuation.js';

export const delegationNotFound = () =>
  new DomainError('not_found', 'delegation_not_found', 'There is no such delegation.');

export const delegationOver = () =>
  new DomainError('conflict', 'delegation_over', 'This delegation is over: it was revoked, it expired, or something that it stands on did.');

export const delegateNotFound = () =>
  new DomainError('invalid', 'delegate_not_found', 'The agent to delegate to does not exist, or is not active.');

export const delegationToSelf = () =>
  new DomainError('invalid', 'delegation_to_self', 'An agent that acts already needs no delegation from itself.');

export const principalNotFound = () =>
  new DomainError('invalid', 'principal_not_found', 'The principal does not exist in this organization, or is not active.');

export const noSuchPrincipal = () =>
  new DomainError('not_found', 'no_such_principal', 'There is no such person or agent in this organization.');

export const principalNotYours = () =>
  new DomainError('forbidden', 'principal_not_yours', 'You delegate your own authority; for others only somebody who runs the organization may, and that is on record.');

export const actingForAnother = () =>
  new DomainError('forbidden', 'acting_for_another', 'Whoever acts for somebody else hands on what was delegated to them, and makes no new delegation.');

export const notTheDelegate = () =>
  new DomainError('forbidden', 'not_the_delegate', 'Only the agent that a delegation was made to may hand it on.');

export const authorityNotHeld = (scopes: readonly string[]) =>
  new DomainError('forbidden', 'authority_not_held', `The principal does not hold these scopes: ${scopes.join(' ')}.`, { details: { refused_scopes: scopes } });

export const delegationDenied = (names: readonly string[], record: RefusalRecord) =>
  new DomainError('forbidden', 'delegation_denied', `No policy allows to delegate this, or one denies it: ${names.join(' ')}.`, { details: { refused: names }, record });

export const expiryInThePast = () =>
  new DomainError('invalid', 'expiry_in_the_past', 'The delegation would be over before it began.');

export const delegationWidens = (widenings: readonly Widening[]) =>
  new DomainError('forbidden', 'delegation_widens', `A delegation can only hand on less than it holds: ${widenings.map(sentence).join('; ')}.`,
    { details: { widenings: widenings.map(({ member, beyond }) => ({ member: MEMBERS[member], beyond })) } });

/** As the members are called on the wire. */
const MEMBERS: { readonly [Member in Widening['member']]: string } = {
  scopes: 'scopes', tools: 'tools', resources: 'resources', authorizationDetails: 'authorization_details', maxDepth: 'max_depth', notBefore: 'not_before',
  expiresAt: 'expires_at', maxTokenTtl: 'max_token_ttl', maxUses: 'max_uses', requestsPerHour: 'requests_per_hour',
  costBudgetMicros: 'cost_budget_usd', allowedActions: 'allowed_actions',
};

function sentence({ member, beyond }: Widening): string {
  return `${MEMBERS[member]} goes beyond it (${beyond.join(' ')})`;
}
