import { Injectable } from '@nestjs/common';
import { DataSource, Not, type EntityManager } from 'typeorm';
import { nowDate } from '../../kernel/clock.js';
import { isId, type UserId } from '../../kernel/ids.js';
import type { Caller } from '../../platform/http/caller.js';
import type { Page } from '../../platform/http/page.js';
import { doneBy, type AuditEvent } from '../audit/audit-event.js';
import { AuditLog } from '../audit/audit-log.service.js';
import { Endings, type EndedCounts } from '../audit/endings.service.js';
import { Membership } from '../organizations/membership.entity.js';
import { OrganizationsService } from '../organizations/organizations.service.js';
import { assertMayActOn, assertMayHandOut } from '../organizations/role-ceiling.js';
import { MembersService, type Person } from './members.service.js';
import { PasswordsService } from './passwords.service.js';
import { SignInSource } from './sign-in-source.entity.js';
import { User } from './user.entity.js';
import type { CreateUserDto, UpdateUserDto, UsersQuery } from './users.dto.js';
import { accountElsewhere, accountNotYours, administratorProtected, emailTaken, lastAdministrator, ownPassword, userNotFound } from './users.errors.js';
import { UsersService } from './users.service.js';

/** What an organization does with its people, and a platform administrator with all. See docs/decisions/0004-roles.md. */
@Injectable()
export class UserAdministration {
  constructor(
    private readonly users: UsersService,
    private readonly members: MembersService,
    private readonly organizations: OrganizationsService,
    private readonly passwords: PasswordsService,
    private readonly dataSource: DataSource,
    private readonly audit: AuditLog,
    private readonly endings: Endings,
  ) {}

  /** The members of the caller's organization. */
  list(caller: Caller, query: UsersQuery): Promise<Page<Person>> {
    return this.members.list(caller, caller.organizationId, query);
  }

  /** @throws DomainError `user_not_found` */
  async get(caller: Caller, id: string): Promise<Person> {
    return this.find(this.dataSource.manager, caller, id);
  }

  /**
   * Makes a person a member of the caller's organization, with a new account unless they have one. Whether they had is not
   * to be seen: not in the answer, not in the organization's log, not in what it costs. An account that was there stays as it is.
   *
   * @throws DomainError `role_above_own`, `role_beyond_scopes`, `weak_password`, `already_member`
   */
  async create(caller: Caller, { email, name, password, role = 'member' }: CreateUserDto): Promise<Person> {
    assertMayHandOut(caller, role);
    const { organizationId } = caller;
    const passwordHash = password === undefined ? undefined : await this.passwords.accept(password, [email, name]);
    return this.dataSource.transaction(async (manager) => {
      await this.organizations.lock(manager, organizationId);
      const events: AuditEvent[] = [];
      let user = await this.findAccount(manager, email);
      if (!user) {
        user = await this.users.createUnlessKnown(manager, { email, name, passwordHash, homeOrganizationId: organizationId });
        if (user) events.push({ type: 'user.created', outcome: 'success', organization_id: null, ...doneBy(caller), target: { kind: 'user', id: user.id } });
        // Somebody else made it between the two statements.
        else user = await this.findAccount(manager, email);
      }
      if (!user) throw emailTaken();
      const membership = await this.organizations.addMember(manager, { organizationId, userId: user.id, role });
      events.push({
        type: 'membership.added', outcome: 'success', organization_id: organizationId, ...doneBy(caller), target: { kind: 'user', id: user.id }, details: { role },
      });
      await this.audit.recordIn(manager, ...events);
      return { user, membership };
    });
  }

  /** @throws DomainError `user_not_found`, `account_not_yours`, `administrator_protected`, `role_above_own`, `last_owner`, `last_platform_administrator` */
  async update(caller: Caller, id: string, changes: UpdateUserDto): Promise<Person> {
    return this.dataSource.transaction(async (manager) => {
      await this.takeTurns(manager, caller);
      const person = await this.hold(manager, caller, id);
      const { user } = person;
      this.assertInCharge(caller, person);
      const events: AuditEvent[] = [];
      if (changes.name !== undefined && changes.name !== user.name) events.push(this.event('user.updated', caller, person));
      if (changes.status !== undefined && changes.status !== user.status) {
        let ended: EndedCounts | undefined;
        if (changes.status === 'disabled') {
          await this.assertDispensable(manager, caller, person);
          ended = await this.endings.below(manager, { kind: 'user', id: user.id, organizationId: person.membership?.organizationId ?? null });
          // For good: enabling them again brings nothing back (ASVS 5.0 V7.4.2).
          await this.users.endSignIns(manager, user.id);
        }
        events.push({ ...this.event(changes.status === 'disabled' ? 'user.disabled' : 'user.enabled', caller, person), details: { ended } });
      }
      if (events.length === 0) return person;
      Object.assign(user, { name: changes.name ?? user.name, status: changes.status ?? user.status, updatedAt: nowDate() });
      await manager.update(User, { id: user.id }, { name: user.name, status: user.status, updatedAt: user.updatedAt });
      await this.audit.recordIn(manager, ...events);
      return person;
    });
  }

  /**
   * The person whom the caller may disable, held until the transaction ends, for a kill switch.
   * @throws DomainError `user_not_found`, `account_not_yours`, `administrator_protected`, `role_above_own`, `last_owner`, `last_platform_administrator`
   */
  async holdToDisable(manager: EntityManager, caller: Caller, id: string): Promise<Person> {
    await this.takeTurns(manager, caller);
    const person = await this.hold(manager, caller, id);
    this.assertInCharge(caller, person);
    if (person.user.status === 'active') await this.assertDispensable(manager, caller, person);
    return person;
  }

  /** Disables the person who is held. The caller's transaction ends with its own event. */
  async disable(manager: EntityManager, { user }: Person): Promise<void> {
    // For good: enabling them again brings nothing back (ASVS 5.0 V7.4.2).
    await this.users.endSignIns(manager, user.id);
    await manager.update(User, { id: user.id }, { status: 'disabled', updatedAt: nowDate() });
  }

  /**
   * Sets the password of somebody who cannot. Only for platform administrators, and for owners of the person's home while the
   * person is in no other organization; whoever sets a password could sign in with it, so their token must carry all that the
   * person may hold.
   *
   * @throws DomainError `user_not_found`, `own_password`, `account_not_yours`, `account_elsewhere`, `administrator_protected`, `role_above_own`, `role_beyond_scopes`, `weak_password`
   */
  async resetPassword(caller: Caller, id: string, newPassword: string): Promise<void> {
    const { user: before } = await this.get(caller, id);
    if (!caller.isPlatformAdministrator && caller.role !== 'owner') throw accountNotYours();
    if (before.id === caller.subject) throw ownPassword();
    const passwordHash = await this.passwords.accept(newPassword, [before.email, before.name]);
    await this.dataSource.transaction(async (manager) => {
      const person = await this.hold(manager, caller, id);
      this.assertInCharge(caller, person);
      if (!caller.isPlatformAdministrator && await manager.countBy(Membership, { userId: person.user.id }) > 1) throw accountElsewhere();
      assertMayHandOut(caller, caller.isPlatformAdministrator ? 'owner' : person.membership?.role ?? 'owner');
      await this.users.setPassword(manager, person.user.id, passwordHash);
      await this.audit.recordIn(manager, this.event('user.password_changed', caller, person));
    });
  }

  /**
   * Ends the membership in the caller's organization, and the account when it was in no other and the caller is in charge of
   * it. A platform administrator also deletes the account of somebody who is in no organization any more. Accounts of platform
   * administrators stay.
   *
   * @throws DomainError `user_not_found`, `role_above_own`, `last_owner`, `administrator_protected`, `account_not_yours`
   */
  async remove(caller: Caller, id: string): Promise<void> {
    await this.dataSource.transaction(async (manager) => {
      const { user, membership } = await this.hold(manager, caller, id);
      if (!membership && user.isPlatformAdministrator) throw administratorProtected();
      const events: AuditEvent[] = [];
      if (membership) events.push(this.members.removed(caller, await this.members.end(manager, caller, caller.organizationId, user.id)));
      const isElsewhere = await manager.existsBy(Membership, { userId: user.id });
      if (isElsewhere && !membership) throw accountNotYours();
      if (!isElsewhere && !user.isPlatformAdministrator && isInCharge(caller, user)) {
        await manager.delete(User, { id: user.id });
        await manager.delete(SignInSource, { accountId: user.id });
        events.push({ type: 'user.deleted', outcome: 'success', organization_id: null, ...doneBy(caller), target: { kind: 'user', id: user.id } });
      }
      await this.audit.recordIn(manager, ...events);
    });
  }

  /** Two platform administrators who disable each other must not both succeed, nor wait for each other for ever. */
  private async takeTurns(manager: EntityManager, caller: Caller): Promise<void> {
    if (caller.isPlatformAdministrator) await manager.query(`SELECT pg_advisory_xact_lock(hashtext('platform administrators'))`);
  }

  private async findAccount(manager: EntityManager, email: string): Promise<User | undefined> {
    const found = await this.users.findByEmail(email, manager);
    return found && this.members.lockAccount(manager, found.id);
  }

  /** The person and their account, held until the transaction ends: the caller's organization first, then the account. */
  private async hold(manager: EntityManager, caller: Caller, id: string): Promise<Person> {
    await this.organizations.lock(manager, caller.organizationId);
    if (!isId(id) || !await this.members.lockAccount(manager, id as UserId)) throw userNotFound();
    return this.find(manager, caller, id);
  }

  private async find(manager: EntityManager, caller: Caller, id: string): Promise<Person> {
    const user = await this.users.findById(id, manager);
    if (!user) throw userNotFound();
    const membership = await manager.findOneBy(Membership, { organizationId: caller.organizationId, userId: user.id });
    if (!membership && !caller.isPlatformAdministrator) throw userNotFound();
    return { user, membership: membership ?? undefined };
  }

  private assertInCharge(caller: Caller, { user, membership }: Person): void {
    if (caller.isPlatformAdministrator) return;
    if (user.isPlatformAdministrator) throw administratorProtected();
    if (membership) assertMayActOn(caller, membership.role);
    if (!isInCharge(caller, user)) throw accountNotYours();
  }

  private async assertDispensable(manager: EntityManager, caller: Caller, { user, membership }: Person): Promise<void> {
    if (membership?.role === 'owner' && !caller.isPlatformAdministrator) await this.members.assertOtherOwner(manager, membership);
    if (!user.isPlatformAdministrator) return;
    if (await manager.countBy(User, { isPlatformAdministrator: true, status: 'active', id: Not(user.id) }) === 0) throw lastAdministrator();
  }

  private event(type: AuditEvent['type'], caller: Caller, { user, membership }: Person): AuditEvent {
    return { type, outcome: 'success', organization_id: membership?.organizationId ?? null, ...doneBy(caller), target: { kind: 'user', id: user.id } };
  }
}

/** An organization is in charge of the accounts that it made, platform administrators of all. */
function isInCharge(caller: Caller, user: User): boolean {
  return caller.isPlatformAdministrator || user.homeOrganizationId === caller.organizationId;
}
