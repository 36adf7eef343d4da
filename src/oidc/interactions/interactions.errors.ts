import { DomainError } from '../../kernel/domain-error.js';

export const interactionExpired = (cause?: unknown) =>
  new DomainError('invalid', 'interaction_expired', 'This sign-in was finished or took too long. Go back to the application and start again.', { cause });

export const interactionForged = () =>
  new DomainError('forbidden', 'interaction_forged', 'This form did not come from the page that this server showed you. Go back to the application and start again.');
