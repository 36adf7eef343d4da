import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { Repository, type EntityManager } from 'typeorm';
import { nowDate } from '../../kernel/clock.js';
import { isId, newId, type OrganizationId, type UserId } from '../../kernel/ids.js';
import type { Role } from '../../platform/http/caller.js';
import { Membership } from '../organizations/membership.entity.js';
import { Organization } from '../organizations/organization.entity.js';
import { organizationNotFound } from '../organizations/organizations.errors.js';
import { isNormalizedEmail, normalizeEmail } from './email-address.js';
import { User } from './user.entity.js';
import { emailMalformed, emailTaken, userNotFound } from './users.errors.js';

export interface NewUser {
  readonly email: string;
  readonly name?: string;
  /** As `PasswordsService.accept` returned it. */
  readonly passwordHash?: string;
  readonly isPlatformAdministrator?: boolean;
  /** Who makes the account, and has to make the person a member before the transaction ends. */
  readonly homeOrganizationId?: OrganizationId;
}

export interface ActiveOrganization {
  readonly organization: Organization;
  /** A platform administrator stands as an owner where they are no member. */
  readonly role: Role;
}

/** What other modules need of people. Nothing here is recorded: the caller's transaction ends with its own event. */
@Injectable()
export class UsersService {
  constructor(
    @InjectRepository(User) private readonly users: Repository<User>,
    @InjectRepository(Organization) private readonly organizations: Repository<Organization>,
    @InjectRepository(Membership) private readonly memberships: Repository<Membership>,
  ) {}

  async findById(id: string, manager: EntityManager = this.users.manager): Promise<User | undefined> {
    if (!isId(id)) return undefined;
    return await manager.findOneBy(User, { id: id as UserId }) ?? undefined;
  }

  /** The person, unless there is none or they are disabled. */
  async findActive(id: string): Promise<User | undefined> {
    const user = await this.findById(id);
    return user?.status === 'active' ? user : undefined;
  }

  /** In any case of letters, whatever the account's state. */
  async findByEmail(email: string, manager: EntityManager = this.users.manager): Promise<User | undefined> {
    const address = normalizeEmail(email);
    if (!isNormalizedEmail(address)) return undefined;
    return await manager.findOneBy(User, { email: address }) ?? undefined;
  }

  async isInstallationEmpty(manager: EntityManager = this.users.manager): Promise<boolean> {
    return !await manager.existsBy(User, {});
  }

  /** @throws DomainError `email_malformed`, `email_taken` */
  async create(manager: EntityManager, person: NewUser): Promise<User> {
    const user = await this.createUnlessKnown(manager, person);
    if (!user) throw emailTaken();
    return user;
  }

  /**
   * Undefined when there is an account with this address. That ends no transaction: the caller may have a use for it.
   * @throws DomainError `email_malformed`
   */
  async createUnlessKnown(manager: EntityManager, person: NewUser): Promise<User | undefined> {
    const email = normalizeEmail(person.email);
    if (!isNormalizedEmail(email)) throw emailMalformed();
    const at = nowDate();
    const user = manager.create(User, {
      id: newId<UserId>(), email, emailVerified: false, name: person.name ?? null, passwordHash: person.passwordHash ?? null, signInsEndedAt: null,
      status: 'active', isPlatformAdministrator: person.isPlatformAdministrator ?? false,
      homeOrganizationId: person.homeOrganizationId ?? null, activeOrganizationId: person.homeOrganizationId ?? null,
      lastSignInAt: null, createdAt: at, updatedAt: at,
    });
    const { raw } = await manager.createQueryBuilder().insert().into(User).values({ ...user }).orIgnore().returning('id').execute();
    return (raw as unknown[]).length === 1 ? user : undefined;
  }

  /** Ends every token and session from before. */
  async setPassword(manager: EntityManager, id: UserId, passwordHash: string): Promise<void> {
    await manager.update(User, { id }, { passwordHash, updatedAt: nowDate() });
    await this.endSignIns(manager, id);
  }

  /**
   * Ends every token and session of the person, for good. Sign-ins are dated in whole seconds, by whichever node's clock, and after
   * the end before them (`signedInAt`): to be after all of them takes more than the time it is here and now.
   */
  async endSignIns(manager: EntityManager, id: UserId): Promise<void> {
    await manager.query(
      `UPDATE users SET
         sign_ins_ended_at = greatest($2::timestamptz, last_sign_in_at, date_trunc('second', sign_ins_ended_at) + interval '1 second') + interval '1 millisecond'
       WHERE id = $1`, [id, nowDate()]);
  }

  /**
   * Makes an organization the one that the person's next tokens are for.
   * @throws DomainError `user_not_found`; `organization_not_found` when the person has no place there or it is suspended
   */
  async setActiveOrganization(manager: EntityManager, userId: UserId, organizationId: OrganizationId): Promise<void> {
    if (!isId(userId)) throw userNotFound();
    if (!isId(organizationId)) throw organizationNotFound();
    const user = await manager.findOneBy(User, { id: userId });
    if (!user) throw userNotFound();
    const isOpen = await manager.existsBy(Organization, { id: organizationId, status: 'active' });
    if (!isOpen || !(user.isPlatformAdministrator || await manager.existsBy(Membership, { organizationId, userId }))) throw organizationNotFound();
    await manager.update(User, { id: userId }, { activeOrganizationId: organizationId });
  }

  /**
   * The organization that the person's next token is for, and their role in it: the one they chose while it still stands open
   * to them, else the first they joined. Undefined when none is open to them.
   */
  async activeOrganization(userId: string): Promise<ActiveOrganization | undefined> {
    const user = await this.findById(userId);
    if (!user) return undefined;
    const chosen = user.activeOrganizationId;
    const best = await this.bestMembership(user.id, chosen);
    if (user.isPlatformAdministrator && (!best || (chosen !== null && best.organizationId !== chosen))) {
      const organization = await this.anyOpenOrganization(chosen, best === undefined);
      if (organization) return { organization, role: 'owner' };
    }
    const organization = best && await this.organizations.findOneBy({ id: best.organizationId });
    return organization ? { organization, role: best.role } : undefined;
  }

  /** Among memberships in organizations that are not suspended, the chosen one, else the oldest. */
  private async bestMembership(userId: UserId, chosen: OrganizationId | null): Promise<{ organizationId: OrganizationId; role: Role } | undefined> {
    const [row] = await this.memberships.query<{ organizationId: OrganizationId; role: Role }[]>(
      `SELECT m.organization_id AS "organizationId", m.role FROM memberships m JOIN organizations o ON o.id = m.organization_id AND o.status = 'active'
       WHERE m.user_id = $1 ORDER BY (m.organization_id IS NOT DISTINCT FROM $2) DESC, m.created_at, m.organization_id LIMIT 1`, [userId, chosen]);
    return row;
  }

  /** Where a platform administrator goes without being a member: the organization they chose, or failing all else the oldest. */
  private async anyOpenOrganization(chosen: OrganizationId | null, orOldest: boolean): Promise<Organization | undefined> {
    const found = chosen === null ? null : await this.organizations.findOneBy({ id: chosen, status: 'active' });
    if (found || !orOldest) return found ?? undefined;
    return await this.organizations.findOne({ where: { status: 'active' }, order: { createdAt: 'ASC', id: 'ASC' } }) ?? undefined;
  }
}
