import { DomainError } from '../../kernel/domain-error.js';

export const masterKeyMissing = () =>
  new DomainError('unavailable', 'master_key_missing', 'Production mode needs LEGATE_MASTER_KEY or LEGATE_MASTER_KEY_FILE: 32 random bytes in base64url, made with "openssl rand 32 | basenc --base64url".');

export const masterKeyGenerated = (file: string) =>
  new DomainError('unavailable', 'master_key_generated', `Production mode refuses the generated development key ${file}: it lies beside the data it protects, so set LEGATE_MASTER_KEY or another LEGATE_MASTER_KEY_FILE.`);

export const masterKeyGuessable = () =>
  new DomainError('unavailable', 'master_key_guessable', 'Production mode refuses this master key because its bytes are not random: make one with "openssl rand 32 | basenc --base64url".');

export const masterKeyUnreadable = (file: string, cause: unknown) =>
  new DomainError('unavailable', 'master_key_unreadable', `The master key file ${file} cannot be read.`, { cause });

export const masterKeyUnwritable = (file: string, cause: unknown) =>
  new DomainError('unavailable', 'master_key_unwritable', `A development master key cannot be written to ${file}: set LEGATE_MASTER_KEY, or LEGATE_DATA_DIR to a folder this process may write.`, { cause });

export const masterKeyMalformed = (source: string) =>
  new DomainError('unavailable', 'master_key_malformed', `${source} must hold 32 bytes in base64url and nothing else.`);

export const sealedWithAnotherKey = () =>
  new DomainError('unavailable', 'sealed_with_another_key', 'A stored secret was sealed with another master key: start the server with the master key that this database was set up with.');

export const sealBroken = () =>
  new DomainError('unavailable', 'seal_broken', 'A stored secret is damaged or stands in the wrong place and cannot be opened.');

export const passwordHashingBusy = (retryAfterSeconds: number) =>
  new DomainError('unavailable', 'password_hashing_busy', 'Too many sign-ins are being checked at the moment; try again shortly.', { retryAfterSeconds });

export const weakPassword = (sentence: string) => new DomainError('invalid', 'weak_password', sentence);

/** @param sentence why, without a word of the token itself */
export const invalidToken = (sentence: string) => new DomainError('unauthenticated', 'invalid_token', sentence);

export const keyRingEmpty = (algorithm: string) =>
  new DomainError('unavailable', 'signing_key_missing', `There is no active ${algorithm} signing key.`, { retryAfterSeconds: 5 });

export const signingKeyNotFound = () => new DomainError('not_found', 'signing_key_not_found', 'There is no published signing key of that name.');
