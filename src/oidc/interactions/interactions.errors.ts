import { DomainError } from '../../kernel/domain-error.js';

export const interactionExpired = (cause?: unknown) =>
  new DomainError('invalid', 'interaction_expired', 'This sign-in was finished before, or took too long.', { cause });

export const interactionForged = () =>
  new DomainError('forbidden', 'interaction_forged', 'This form did not come from the page that this server showed you.');
