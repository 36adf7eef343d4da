import { Injectable } from '@nestjs/common';
import { PasswordHasher } from '../../platform/crypto/password-hasher.js';
import { judgePassword } from '../../platform/crypto/password-policy.js';

/** The one door through which a new password comes in. */
@Injectable()
export class PasswordsService {
  constructor(private readonly hasher: PasswordHasher) {}

  /**
   * Call it outside a transaction: it takes its time.
   *
   * @param about what is known of the person: e-mail, name, organization
   * @returns the hash to keep
   * @throws DomainError `weak_password`, `password_hashing_busy`
   */
  async accept(password: string, about: readonly (string | null | undefined)[]): Promise<string> {
    const weakness = await judgePassword(password, about);
    if (weakness) throw weakness;
    return this.hasher.hash(password);
  }
}
