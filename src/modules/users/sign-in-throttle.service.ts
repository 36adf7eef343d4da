import { createHmac } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { MoreThan, Repository, type EntityManager } from 'typeorm';
import { now, nowDate } from '../../kernel/clock.js';
import { MasterKey } from '../../platform/crypto/master-key.js';
import { purge } from '../../platform/database/purge.js';
import { sourceNetwork } from '../../platform/http/source-network.js';
import { AttemptLimiter } from '../../platform/redis/attempt-limiter.js';
import { KnownDevices } from './known-devices.service.js';
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

/** An unknown account's id, so that looking up its networks costs what a known one's costs. */
const NOBODY = '00000000-0000-0000-0000-000000000000';

/**
 * How often somebody may try to sign in, be it a person or an agent with a password. Attempts are counted before the password
 * is looked at, so parallel guesses are too.
 *
 * - An account and a network together have an allowance that starts anew whenever the account signs in from there. Whoever
 *   floods an account from one place uses up the allowance of that place, and nobody else's.
 * - A network, and an account, each have a looser one, which a crowd can use up. Neither is asked where the account signed
 *   in from that network within 90 days: so nobody can lock anybody out of where they usually are.
 * - A browser with which the account signed in within 90 days has an allowance of its own, and nothing else is asked of it: so
 *   not even somebody in the same network can lock anybody out.
 *
 * The answer is the same whether the account exists.
 */
@Injectable()
export class SignInThrottle {
  private readonly key: Buffer;

  constructor(
    @InjectRepository(SignInSource) private readonly sources: Repository<SignInSource>,
    private readonly limiter: AttemptLimiter,
    private readonly devices: KnownDevices,
    masterKey: MasterKey,
  ) {
    this.key = masterKey.derive('sign-in');
  }

  /** A name for an account that does not tell what was typed for it: 32 hex digits. */
  pseudonym(account: string): string {
    return this.mac('account', account).toString('hex').slice(0, 32);
  }

  /**
   * Counts one attempt.
   *
   * @param account what was typed for it, in the one form that the account has
   * @param accountId when there is such an account
   * @param source address of the peer
   * @param cookies the `Cookie` header, where a browser asks
   * @throws DomainError `too_many_sign_ins`
   */
  async admit(account: string, accountId: string | undefined, source: string, cookies?: string): Promise<void> {
    const device = accountId === undefined ? undefined : this.devices.signInOf(accountId, cookies);
    if (device !== undefined) return this.consume(`sign-in:device:${device}`, LIMITS.accountAndNetwork);
    const network = sourceNetwork(source);
    const name = this.pseudonym(account);
    const signedInAt = await this.lastSignIn(accountId ?? NOBODY, network);
    await this.consume(`sign-in:pair:${name}:${network}:${signedInAt?.getTime() ?? 'never'}`, LIMITS.accountAndNetwork);
    if (signedInAt) return;
    await this.consume(`sign-in:network:${network}`, LIMITS.network);
    await this.consume(`sign-in:account:${name}`, LIMITS.account);
  }

  /** Remembers the network of a sign-in that succeeded. */
  async remember(manager: EntityManager, accountId: string, source: string): Promise<void> {
    const entry = { accountId, networkHash: this.mac('network', sourceNetwork(source)), lastUsedAt: nowDate() };
    await manager.upsert(SignInSource, entry, ['accountId', 'networkHash']);
  }

  /** Deletes at most `limit` networks that nobody is known in any more; answers how many. */
  forget(manager: EntityManager, limit: number): Promise<number> {
    return purge(manager, 'sign_in_sources', 'last_used_at <= $1', oldest(), limit);
  }

  private async lastSignIn(accountId: string, network: string): Promise<Date | undefined> {
    const known = await this.sources.createQueryBuilder('source')
      .where({ accountId, lastUsedAt: MoreThan(oldest()) })
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
