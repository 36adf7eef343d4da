import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { DataSource, Repository, type EntityManager } from 'typeorm';
import { DomainError } from '../../kernel/domain-error.js';
import { now } from '../../kernel/clock.js';
import { PasswordHasher } from '../../platform/crypto/password-hasher.js';
import { sourceNetwork } from '../../platform/http/source-network.js';
import type { AuditEvent } from '../audit/audit-event.js';
import { AuditLog } from '../audit/audit-log.service.js';
import { RefusalTally } from '../audit/refusal-tally.service.js';
import { normalizeEmail } from './email-address.js';
import { SignInThrottle } from './sign-in-throttle.service.js';
import { User } from './user.entity.js';
import { invalidCredentials, wrongPassword } from './users.errors.js';
import { UsersService } from './users.service.js';

/**
 * When somebody who has just signed in did so, as their tokens tell it. NumericDate. What has ended all sign-ins ended those
 * before it, and dates are whole seconds: who signs in in the second of that end, but after it, is told to have done so after it.
 */
export function signedInAt({ lastSignInAt, signInsEndedAt }: Pick<User, 'lastSignInAt' | 'signInsEndedAt'>): number {
  return Math.max(Math.floor((lastSignInAt?.getTime() ?? 0) / 1000), Math.ceil((signInsEndedAt?.getTime() ?? 0) / 1000));
}

/** UTF-16 units. Longer ones were never accepted; they are checked in part, against nothing, at the usual price. */
const LONGEST_PASSWORD = 1024;

/**
 * Signs people in with their password:
 * 1. count the attempt, for the account and for where it comes from;
 * 2. check the password; unknown person, no password, wrong password and disabled account cost and read alike;
 * 3. record the sign-in or the refusal.
 */
@Injectable()
export class SignIn {
  constructor(
    @InjectRepository(User) private readonly repository: Repository<User>,
    private readonly users: UsersService,
    private readonly throttle: SignInThrottle,
    private readonly hasher: PasswordHasher,
    private readonly dataSource: DataSource,
    private readonly audit: AuditLog,
    private readonly tally: RefusalTally,
  ) {}

  /**
   * @param email as typed
   * @param source address of the peer
   * @param cookies the `Cookie` header, where a browser asks
   * @throws DomainError `invalid_credentials`, `too_many_sign_ins`, `password_hashing_busy`
   */
  async verify(email: string, password: string, source: string, cookies?: string): Promise<User> {
    const address = normalizeEmail(email);
    const user = await this.users.findByEmail(address);
    const organizationId = await this.organizationOf(user);
    const refused = (error: DomainError, reason: string) => this.refuse(address, user, organizationId, error, reason);
    try {
      await this.throttle.admit(address, user?.id, source, cookies);
    } catch (error) {
      if (error instanceof DomainError && error.kind === 'throttled') return this.throttled(address, user, organizationId, error, source);
      throw error;
    }
    const isRight = await this.checkPassword(user, password);
    if (!user || !isRight) return refused(invalidCredentials(), 'invalid_credentials');
    if (user.status !== 'active') return refused(invalidCredentials(), 'account_disabled');
    const passwordHash = this.hasher.needsRehash(user.passwordHash!) ? await this.hasher.hash(password) : user.passwordHash!;
    const hasSignedIn = await this.dataSource.transaction((manager) => this.enter(manager, user, passwordHash, organizationId, source));
    if (!hasSignedIn) return refused(invalidCredentials(), 'invalid_credentials');
    return user;
  }

  /**
   * Asks somebody who is signed in for their password once more, under the same limits.
   * @throws DomainError `wrong_password`, `too_many_sign_ins`, `password_hashing_busy`
   */
  async confirm(user: User, password: string, source: string): Promise<void> {
    await this.throttle.admit(user.email, user.id, source);
    if (!await this.checkPassword(user, password)) throw wrongPassword();
  }

  /** False when the account was disabled or its password changed while we looked. */
  private async enter(manager: EntityManager, user: User, passwordHash: string, organizationId: string | null, source: string): Promise<boolean> {
    // Never back in time, be another node's clock ahead of ours: what ends all sign-ins has to come after every one.
    const lastSignInAt = new Date(Math.max(now(), user.lastSignInAt?.getTime() ?? 0));
    const { affected } = await manager.update(User, { id: user.id, status: 'active', passwordHash: user.passwordHash! }, { lastSignInAt, passwordHash });
    if (affected !== 1) return false;
    Object.assign(user, { lastSignInAt, passwordHash });
    await this.throttle.remember(manager, user.id, source);
    await this.audit.recordIn(manager, {
      type: 'user.signed_in', outcome: 'success', organization_id: organizationId, actor: { kind: 'user', id: user.id }, subject: user.id,
      target: { kind: 'user', id: user.id },
    });
    return true;
  }

  /** Addresses that nobody here has are recorded under a pseudonym: people type passwords into the wrong field. */
  private async refuse(address: string, user: User | undefined, organizationId: string | null, error: DomainError, reason: string): Promise<never> {
    await this.audit.record(this.refusal(address, user, organizationId, reason));
    throw error;
  }

  /** Nothing stops anybody from being throttled again and again, so not each time is an event. */
  private async throttled(address: string, user: User | undefined, organizationId: string | null, error: DomainError, source: string): Promise<never> {
    await this.tally.record(`${this.throttle.pseudonym(address)} ${sourceNetwork(source)}`, this.refusal(address, user, organizationId, 'throttled'));
    throw error;
  }

  private refusal(address: string, user: User | undefined, organizationId: string | null, reason: string): AuditEvent {
    const whom: Partial<AuditEvent> = user ? { target: { kind: 'user', id: user.id } } : { details: { account: this.throttle.pseudonym(address) } };
    return { type: 'user.sign_in_refused', outcome: 'refused', organization_id: organizationId, actor: { kind: 'anonymous' }, reason, ...whom };
  }

  private async checkPassword(user: User | undefined, password: string): Promise<boolean> {
    const isTooLong = password.length > LONGEST_PASSWORD;
    return this.hasher.verify(isTooLong ? undefined : user?.passwordHash, password.slice(0, LONGEST_PASSWORD));
  }

  /** Whose log it belongs to: the organization where the person works. One query whether or not there is such a person. */
  private async organizationOf(user: User | undefined): Promise<string | null> {
    const [row] = await this.repository.query<{ organization_id: string }[]>(
      `SELECT organization_id FROM memberships WHERE user_id = $1 ORDER BY (organization_id IS NOT DISTINCT FROM $2) DESC, created_at, organization_id LIMIT 1`,
      [user?.id ?? null, user?.activeOrganizationId ?? null]);
    return row?.organization_id ?? null;
  }
}
