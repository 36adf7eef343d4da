import { DomainError } from '../../kernel/domain-error.js';

export const keysOfInstallation = () =>
  new DomainError('forbidden', 'keys_of_installation', 'Signing keys belong to the whole installation: this takes a platform administrator, or a client of the organization "default".');

export const tooManyKeys = (most: number) =>
  new DomainError('conflict', 'too_many_keys', `${most} keys are published already, which verifiers have to fetch; wait until some of them retire.`);

export const reasonRequired = () =>
  new DomainError('invalid', 'reason_required', 'Say why the key is withdrawn, in "reason".');
