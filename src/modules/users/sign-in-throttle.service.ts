import { createHmac } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { MoreThan, Repository, type EntityManager } from 'typeorm';
import { now, nowDate } from '../../kernel/clock.js';
import type { UserId } from '../../kernel/ids.js';
import { MasterKey } from '../../platform/crypto/master-key.js';
import { sourceNetwork } from '../../platform/http/source-network.js';
import { AttemptLimiter } from '../../platform/redis/attempt-limiter.js';
import { SignInSource } from './sign-in-source.entity.js';
import { tooManySignIns } from './users.errors.js';

const LIMITS = {
  /** Guessing at one account from one place: so many times in a row. */
  accountAndNetwork: { points: 10, seconds: 15 * 60 },
  /** Guessing at many accounts from one place (ASVS 5.0 V6.3.1). Wide enough for an office behind one address. */
  network: { points: 300, seconds: 15 * 60 },
  /** Guessing at one account from many places (NIST SP 800-63B section 3.2.2 names 100). */
  account: { points: 100, seconds: 60 * 60 },
} as const;

const KNOWN_FOR_MS = 90 * 24 * 3600 * 1000;

/** An unknown person's id, so that looking up their networks costs what a known person's costs. */
const NOBODY = '00000000-0000-0000-0000-000000000000' as UserId;

/**
 * How often somebody may try to sign in. Attempts are counted before the password is looked at, so parallel guesses are too.
 *
 * - An account and a network together have an allowance that starts anew whenever the person signs in from there. Whoever
 *   floods an account from one place uses up the allowance of that place, and nobody else's.
 * - A network, and an account, each have a looser one, which a crowd can use up. Neither is asked where the person signed in
 *   from that network within 90 days: so nobody can lock a person out of where they usually are.
 *
 * The answer is the same whether the account exists.
 */
@Injectable()
export class SignInThrottle {
  private readonly key: Buffer;

  constructor(
    @InjectRepository(SignInSource) private readonly sources: Repository<SignInSource>,
    private readonly limiter: AttemptLimiter,
    masterKey: MasterKey,
  ) {
    this.key = masterKey.derive('sign-in');
  }

  /** A name for an account that does not tell its address: 32 hex digits. */
  pseudonym(email: string): string {
    return this.mac('account', email).toString('hex').slice(0, 32);
  }

  /**
   * Counts one attempt.
   * @param source address of the peer
   * @throws DomainError `too_many_sign_ins`
   */
  async admit(email: string, userId: UserId | undefined, source: string): Promise<void> {
    const network = sourceNetwork(source);
    const account = this.pseudonym(email);
    const signedInAt = await this.lastSignIn(userId ?? NOBODY, network);
    await this.consume(`sign-in:pair:${account}:${network}:${signedInAt?.getTime() ?? 'never'}`, LIMITS.accountAndNetwork);
    if (signedInAt) return;
    await this.consume(`sign-in:network:${network}`, LIMITS.network);
    await this.consume(`sign-in:account:${account}`, LIMITS.account);
  }

  /** Remembers the network of a sign-in that succeeded, and forgets those not used for long. */
  async remember(manager: EntityManager, userId: UserId, source: string): Promise<void> {
    const entry = { userId, networkHash: this.mac('network', sourceNetwork(source)), lastUsedAt: nowDate() };
    await manager.upsert(SignInSource, entry, ['userId', 'networkHash']);
    await manager.query('DELETE FROM sign_in_sources WHERE user_id = $1 AND last_used_at <= $2', [userId, oldest()]);
  }

  private async lastSignIn(userId: UserId, network: string): Promise<Date | undefined> {
    const known = await this.sources.createQueryBuilder('source')
      .where({ userId, lastUsedAt: MoreThan(oldest()) })
      .andWhere('source.networkHash = :hash', { hash: this.mac('network', network) })
      .getOne();
    return known?.lastUsedAt;
  }

  private async consume(key: string, { points, seconds }: { points: number; seconds: number }): Promise<void> {
    const { allowed, retryAfterSeconds } = await this.limiter.consume(key, points, seconds);
    if (!allowed) throw tooManySignIns(retryAfterSeconds);
  }

  private mac(label: string, text: string): Buffer {
    return createHmac('sha256', this.key).update(`${label}:${text}`).digest();
  }
}

function oldest(): Date {
  return new Date(now() - KNOWN_FOR_MS);
}
