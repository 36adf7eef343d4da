import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { DataSource, In, Repository, type EntityManager } from 'typeorm';
import { isId, type OrganizationId, type UserId } from '../../kernel/ids.js';
import { MasterKey } from '../../platform/crypto/master-key.js';
import type { Caller, Role } from '../../platform/http/caller.js';
import { readPage, type Page, type PageQuery } from '../../platform/http/page.js';
import { doneBy, type AuditEvent, type AuditEventType } from '../audit/audit-event.js';
import { AuditLog } from '../audit/audit-log.service.js';
import { Membership } from '../organizations/membership.entity.js';
import { lastOwner, membershipNotFound } from '../organizations/organizations.errors.js';
import { OrganizationsService } from '../organizations/organizations.service.js';
import { assertMayActOn, assertMayHandOut } from '../organizations/role-ceiling.js';
import { isAbove } from '../organizations/roles.js';
import { User } from './user.entity.js';
import { memberAmbiguous, personRequired, userNotFound } from './users.errors.js';
import { UsersService } from './users.service.js';

/** Somebody, and their place in the organization that looks at them. */
export interface Person {
  readonly user: User;
  readonly membership?: Membership;
}

export interface MembersFilter extends PageQuery {
  readonly email?: string;
  readonly role?: Role;
}

/** Who belongs to an organization, and as what. */
@Injectable()
export class MembersService {
  private readonly cursorKey: Buffer;

  constructor(
    @InjectRepository(Membership) private readonly memberships: Repository<Membership>,
    private readonly organizations: OrganizationsService,
    private readonly users: UsersService,
    private readonly dataSource: DataSource,
    private readonly audit: AuditLog,
    masterKey: MasterKey,
  ) {
    this.cursorKey = masterKey.derive('list-cursor');
  }

  /** @throws DomainError `organization_not_found` */
  async list(caller: Caller, id: string, filter: MembersFilter): Promise<Page<Person>> {
    const organizationId = this.organizations.visibleId(caller, id);
    const query = this.dataSource.createQueryBuilder(User, 'person')
      .innerJoin(Membership, 'membership', 'membership.userId = person.id AND membership.organizationId = :organizationId', { organizationId });
    if (filter.email !== undefined) query.andWhere('person.email = :email', { email: filter.email });
    if (filter.role !== undefined) query.andWhere('membership.role = :role', { role: filter.role });
    const page = await readPage(query, 'person.id', (user) => user.id, filter, this.cursorKey);
    const memberships = await this.memberships.findBy({ organizationId, userId: In(page.data.map((user) => user.id)) });
    const byUser = new Map(memberships.map((membership) => [membership.userId, membership]));
    return { ...page, data: page.data.map((user) => ({ user, membership: byUser.get(user.id) })) };
  }

  /** @throws DomainError `organization_not_found`, `membership_not_found` */
  async get(caller: Caller, id: string, userId: string): Promise<Person> {
    const organizationId = this.organizations.visibleId(caller, id);
    const membership = await this.find(this.dataSource.manager, organizationId, userId);
    const user = await this.users.findById(userId);
    if (!user) throw membershipNotFound();
    return { user, membership };
  }

  /**
   * Adds somebody who has an account.
   * @throws DomainError `organization_not_found`, `member_ambiguous`, `user_not_found`, `already_member`, `role_above_own`, `role_beyond_scopes`
   */
  async add(caller: Caller, id: string, who: { user_id?: string; email?: string; role?: Role }): Promise<Person> {
    const organizationId = this.organizations.visibleId(caller, id);
    if ((who.user_id === undefined) === (who.email === undefined)) throw memberAmbiguous();
    const role = who.role ?? 'member';
    assertMayHandOut(caller, role);
    return this.dataSource.transaction(async (manager) => {
      await this.organizations.lock(manager, organizationId);
      const found = who.email === undefined ? await this.users.findById(who.user_id!, manager) : await this.users.findByEmail(who.email, manager);
      const user = found && await this.lockAccount(manager, found.id);
      if (!user) throw userNotFound();
      const membership = await this.organizations.addMember(manager, { organizationId, userId: user.id, role });
      await this.audit.recordIn(manager, this.event('membership.added', caller, organizationId, user.id, { role }));
      return { user, membership };
    });
  }

  /**
   * @throws DomainError `organization_not_found`, `membership_not_found`, `role_above_own`, `role_beyond_scopes`, `last_owner`
   */
  async changeRole(caller: Caller, id: string, userId: string, role: Role): Promise<Person> {
    const organizationId = this.organizations.visibleId(caller, id);
    return this.dataSource.transaction(async (manager) => {
      await this.organizations.lock(manager, organizationId);
      const membership = await this.find(manager, organizationId, userId);
      assertMayActOn(caller, membership.role);
      if (isAbove(role, membership.role)) assertMayHandOut(caller, role);
      if (membership.role === 'owner' && role !== 'owner') await this.assertOtherOwner(manager, membership);
      const former = membership.role;
      membership.role = role;
      await manager.update(Membership, { organizationId, userId: membership.userId }, { role });
      const user = await this.users.findById(userId, manager);
      if (!user) throw membershipNotFound();
      await this.audit.recordIn(manager, this.event('membership.changed', caller, organizationId, user.id, { role, former_role: former }));
      return { user, membership };
    });
  }

  /**
   * Ends a membership. The account stays.
   * @throws DomainError `organization_not_found`, `membership_not_found`, `role_above_own`, `last_owner`
   */
  async remove(caller: Caller, id: string, userId: string): Promise<void> {
    const organizationId = this.organizations.visibleId(caller, id);
    await this.dataSource.transaction(async (manager) => {
      const membership = await this.end(manager, caller, organizationId, userId);
      await this.audit.recordIn(manager, this.removed(caller, membership));
    });
  }

  /**
   * Ends one's own membership, whatever one's role.
   * @throws DomainError `person_required`, `organization_not_found`, `membership_not_found`, `last_owner`
   */
  async leave(caller: Caller, id: string): Promise<void> {
    if (caller.kind !== 'user' || caller.act !== undefined) throw personRequired();
    await this.remove({ ...caller, role: 'owner' }, id, caller.subject);
  }

  /** The part of `remove` that others do within their own transaction. Holds the organization; records nothing. */
  async end(manager: EntityManager, caller: Caller, organizationId: OrganizationId, userId: string): Promise<Membership> {
    await this.organizations.lock(manager, organizationId);
    const membership = await this.find(manager, organizationId, userId);
    assertMayActOn(caller, membership.role);
    if (membership.role === 'owner') await this.assertOtherOwner(manager, membership);
    await manager.delete(Membership, { organizationId, userId: membership.userId });
    return membership;
  }

  removed(caller: Caller, { organizationId, userId, role }: Membership): AuditEvent {
    return this.event('membership.removed', caller, organizationId, userId, { role });
  }

  /**
   * Call it while you hold the organization, or two owners could each count on the other.
   * @throws DomainError `last_owner` unless somebody else is an owner who is not disabled
   */
  async assertOtherOwner(manager: EntityManager, { organizationId, userId }: Membership): Promise<void> {
    const hasOther = await manager.createQueryBuilder(Membership, 'membership')
      .innerJoin(User, 'person', `person.id = membership.userId AND person.status = 'active'`)
      .where(`membership.organizationId = :organizationId AND membership.userId <> :userId AND membership.role = 'owner'`, { organizationId, userId })
      .getExists();
    if (!hasOther) throw lastOwner();
  }

  /** @throws DomainError `membership_not_found` */
  async find(manager: EntityManager, organizationId: OrganizationId, userId: string): Promise<Membership> {
    const membership = isId(userId) ? await manager.findOneBy(Membership, { organizationId, userId: userId as UserId }) : null;
    if (!membership) throw membershipNotFound();
    return membership;
  }

  /**
   * Holds a person's account, so that it cannot be deleted while a membership is made, nor the other way round. Take the
   * organization before it.
   */
  async lockAccount(manager: EntityManager, id: UserId): Promise<User | undefined> {
    const user = await manager.createQueryBuilder(User, 'person').setLock('pessimistic_write').where('person.id = :id', { id }).getOne();
    return user ?? undefined;
  }

  private event(type: AuditEventType, caller: Caller, organizationId: OrganizationId, userId: UserId, details: AuditEvent['details']): AuditEvent {
    return { type, outcome: 'success', organization_id: organizationId, ...doneBy(caller), target: { kind: 'user', id: userId }, details };
  }
}
