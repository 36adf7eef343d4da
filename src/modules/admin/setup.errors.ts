import { DomainError } from '../../kernel/domain-error.js';

/** One sentence for a wrong, an expired and a used secret, and for an installation that is set up. */
export const invalidSetupSecret = () =>
  new DomainError('forbidden', 'invalid_setup_secret', 'This setup link is not valid, or no longer. While nobody has set the server up, each start of it prints a new one.');

export const bootstrapPasswordWeak = (sentence: string) =>
  new DomainError('invalid', 'bootstrap_password_weak', `LEGATE_BOOTSTRAP_ADMIN_PASSWORD is not good enough for a platform administrator. ${sentence}`);
