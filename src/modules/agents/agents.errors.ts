import { DomainError } from '../../kernel/domain-error.js';

export const agentNotFound = () =>
  new DomainError('not_found', 'agent_not_found', 'There is no such agent.');

export const agentNameTaken = () =>
  new DomainError('conflict', 'agent_name_taken', 'Another agent of the organization has this name.');

export const agentDeactivated = () =>
  new DomainError('conflict', 'agent_deactivated', 'This agent is deactivated for good.');

/** One answer for a token that is wrong, was used, has expired, or belongs to an agent that may not become active. */
export const invalidRegistrationToken = () =>
  new DomainError('invalid', 'invalid_registration_token', 'The registration token is not valid, was used before, or has expired.');

export const registrationClosed = () =>
  new DomainError('unauthenticated', 'registration_closed', 'To register an agent send an access token with the scope agents:write, or the enrolment token of the organization.');

export const registrationForbidden = () =>
  new DomainError('forbidden', 'insufficient_scope', 'To register an agent the access token needs the scope agents:write.');

export const invalidEnrolmentToken = () =>
  new DomainError('unauthenticated', 'invalid_enrolment_token', 'The enrolment token is not valid.');

export const unknownOrganization = () =>
  new DomainError('invalid', 'unknown_organization', 'Agents cannot register themselves in this organization.');

export const trustNotYours = () =>
  new DomainError('forbidden', 'trust_level_not_yours', 'Only somebody who runs the organization may set trust_level.');

export const ownerNotYours = () =>
  new DomainError('forbidden', 'owner_not_yours', 'Agents that you register belong to you; only somebody who runs the organization may name another owner.');

export const notAnAgent = () =>
  new DomainError('forbidden', 'not_an_agent', 'This access token does not speak for an agent.');
