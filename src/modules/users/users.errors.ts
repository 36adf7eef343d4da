import { DomainError } from '../../kernel/domain-error.js';

export const userNotFound = () =>
  new DomainError('not_found', 'user_not_found', 'There is no such person.');

export const emailTaken = () =>
  new DomainError('conflict', 'email_taken', 'There is an account with this e-mail address already.');

export const emailMalformed = () =>
  new DomainError('invalid', 'email_malformed', 'This is not an e-mail address in ASCII characters.');

/** One sentence for an unknown address, a wrong password and a disabled account. */
export const invalidCredentials = () =>
  new DomainError('unauthenticated', 'invalid_credentials', 'The e-mail address or the password is wrong.');

export const tooManySignIns = (retryAfterSeconds: number) =>
  new DomainError('throttled', 'too_many_sign_ins', 'Too many attempts to sign in; try again later.', { retryAfterSeconds });

export const wrongPassword = () =>
  new DomainError('forbidden', 'wrong_password', 'The current password is wrong.');

export const personRequired = () =>
  new DomainError('forbidden', 'person_required', 'Only a person who is signed in, without anybody acting for them, may do this.');

export const memberAmbiguous = () =>
  new DomainError('invalid', 'member_ambiguous', 'Name the person by user_id or by email, not both and not neither.');

export const accountNotYours = () =>
  new DomainError('forbidden', 'account_not_yours', 'This account is not in your charge; you can only end the membership.');

export const accountElsewhere = () =>
  new DomainError('forbidden', 'account_elsewhere', 'The person is in another organization too, which a new password would open as well; they can change it themselves.');

export const administratorProtected = () =>
  new DomainError('forbidden', 'administrator_protected', 'Only a platform administrator may change the account of another one.');

export const lastAdministrator = () =>
  new DomainError('conflict', 'last_platform_administrator', 'The last platform administrator cannot be disabled.');

export const ownPassword = () =>
  new DomainError('forbidden', 'own_password', 'Change your own password with the current one, at /api/users/me/password.');
