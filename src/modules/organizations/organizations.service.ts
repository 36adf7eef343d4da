import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { Repository, type EntityManager } from 'typeorm';
import { nowDate } from '../../kernel/clock.js';
import { isId, newId, type OrganizationId, type UserId } from '../../kernel/ids.js';
import { MachineSecrets } from '../../platform/crypto/machine-secrets.js';
import { violatedConstraint } from '../../platform/database/violated-constraint.js';
import type { Caller, Role } from '../../platform/http/caller.js';
import { Membership } from './membership.entity.js';
import { Organization } from './organization.entity.js';
import { alreadyMember, organizationNotFound, organizationSuspended, ownerUserNotFound, slugTaken } from './organizations.errors.js';
import { anotherSlug, slugOf } from './slug.js';

/** Of the organization that comes first, whose clients may stand for the installation. Nobody else can take it. */
export const FIRST_ORGANIZATION_SLUG = 'default';

export interface NewOrganization {
  readonly name: string;
  /** Made of the name when left out. */
  readonly slug?: string;
  /** Becomes a member with the role `owner`. */
  readonly ownerUserId?: UserId;
}

/** What other modules need of organizations. Nothing here is recorded: the caller's transaction ends with its own event. */
@Injectable()
export class OrganizationsService {
  constructor(
    @InjectRepository(Organization) private readonly organizations: Repository<Organization>,
    @InjectRepository(Membership) private readonly memberships: Repository<Membership>,
    private readonly secrets: MachineSecrets,
  ) {}

  async findById(id: string): Promise<Organization | undefined> {
    if (!isId(id)) return undefined;
    return await this.organizations.findOneBy({ id: id as OrganizationId }) ?? undefined;
  }

  /** The role as it is now, whatever the state of the person and the organization. */
  async roleOf(userId: string, organizationId: string): Promise<Role | undefined> {
    if (!isId(userId) || !isId(organizationId)) return undefined;
    const membership = await this.memberships.findOneBy({ userId: userId as UserId, organizationId: organizationId as OrganizationId });
    return membership?.role;
  }

  /** @throws DomainError `organization_not_found`, `organization_suspended` */
  async assertActive(id: string): Promise<Organization> {
    const organization = await this.findById(id);
    if (!organization) throw organizationNotFound();
    if (organization.status !== 'active') throw organizationSuspended();
    return organization;
  }

  /**
   * One organization a token: the others do not exist for its holder, unless they administer the platform.
   * @throws DomainError `organization_not_found`
   */
  visibleId(caller: Caller, id: string): OrganizationId {
    if (!isId(id) || (id !== caller.organizationId && !caller.isPlatformAdministrator)) throw organizationNotFound();
    return id as OrganizationId;
  }

  /** The active organization that gave out this enrolment token. */
  async matchEnrolmentToken(text: string): Promise<Organization | undefined> {
    if (!this.secrets.prefixOf(text, 'enrolment')) return undefined;
    const organization = await this.organizations.createQueryBuilder('organization')
      .where('organization.enrolmentTokenHash = :hash', { hash: this.secrets.hash(text) })
      .andWhere(`organization.status = 'active'`)
      .getOne();
    return organization ?? undefined;
  }

  /** @throws DomainError `slug_taken`, `owner_user_not_found` */
  async create(manager: EntityManager, { name, slug, ownerUserId }: NewOrganization): Promise<Organization> {
    const at = nowDate();
    const organization = manager.create(Organization, {
      id: newId<OrganizationId>(), slug: slug ?? slugOf(name), name, status: 'active', enrolmentTokenHash: null, auditRetentionDays: null, createdAt: at, updatedAt: at,
    });
    if (!await this.insert(manager, organization)) {
      if (slug !== undefined) throw slugTaken();
      organization.slug = anotherSlug(organization.slug);
      if (!await this.insert(manager, organization)) throw slugTaken();
    }
    if (ownerUserId !== undefined) await this.addOwner(manager, organization.id, ownerUserId);
    return organization;
  }

  /** @throws DomainError `already_member` */
  async addMember(manager: EntityManager, member: { organizationId: OrganizationId; userId: UserId; role: Role }): Promise<Membership> {
    const membership = manager.create(Membership, { ...member, createdAt: nowDate() });
    if (!await this.insert(manager, membership)) throw alreadyMember();
    return membership;
  }

  /**
   * Holds the organization until the transaction ends, so that its memberships change one at a time. It does not wait for, nor
   * hold up, rows that merely refer to the organization.
   *
   * @throws DomainError `organization_not_found`
   */
  async lock(manager: EntityManager, id: OrganizationId): Promise<Organization> {
    const organization = await manager.createQueryBuilder(Organization, 'organization')
      .setLock('for_no_key_update').where('organization.id = :id', { id }).getOne();
    if (!organization) throw organizationNotFound();
    return organization;
  }

  private async addOwner(manager: EntityManager, organizationId: OrganizationId, userId: UserId): Promise<void> {
    try {
      await this.addMember(manager, { organizationId, userId, role: 'owner' });
    } catch (error) {
      if (violatedConstraint(error) === 'memberships_user_id_fkey') throw ownerUserNotFound();
      throw error;
    }
  }

  /** Answers false when a row with the same key is there already. A failed statement would end the transaction; this does not fail. */
  private async insert(manager: EntityManager, row: Organization | Membership): Promise<boolean> {
    const result = await manager.createQueryBuilder().insert().into(row.constructor).values({ ...row }).orIgnore().returning('created_at').execute();
    return (result.raw as unknown[]).length === 1;
  }
}
