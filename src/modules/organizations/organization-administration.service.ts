import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { DataSource, Repository, type EntityManager } from 'typeorm';
import { nowDate } from '../../kernel/clock.js';
import type { OrganizationId, UserId } from '../../kernel/ids.js';
import { MachineSecrets } from '../../platform/crypto/machine-secrets.js';
import { MasterKey } from '../../platform/crypto/master-key.js';
import type { Caller } from '../../platform/http/caller.js';
import { readPage, type Page } from '../../platform/http/page.js';
import { doneBy } from '../audit/audit-event.js';
import { AuditLog } from '../audit/audit-log.service.js';
import { AuditRetention } from '../audit/audit-retention.service.js';
import { Membership } from './membership.entity.js';
import { Organization } from './organization.entity.js';
import type { CreateOrganizationDto, OrganizationsQuery, UpdateOrganizationDto } from './organizations.dto.js';
import {
  lastOrganization, organizationNotFound, ownerRequired, ownerUserNotFound, ownerUserRequired, ownOrganizationSuspension, platformAdministratorRequired, slugTaken,
} from './organizations.errors.js';
import { FIRST_ORGANIZATION_SLUG, OrganizationsService } from './organizations.service.js';
import { anotherSlug, slugOf } from './slug.js';

/** What callers of the API do with organizations. */
@Injectable()
export class OrganizationAdministration {
  private readonly cursorKey: Buffer;

  constructor(
    @InjectRepository(Organization) private readonly repository: Repository<Organization>,
    private readonly organizations: OrganizationsService,
    private readonly secrets: MachineSecrets,
    private readonly dataSource: DataSource,
    private readonly audit: AuditLog,
    private readonly retention: AuditRetention,
    masterKey: MasterKey,
  ) {
    this.cursorKey = masterKey.derive('list-cursor');
  }

  /** A person's organizations; an agent's or client's own; for platform administrators all. */
  async list(caller: Caller, page: OrganizationsQuery): Promise<Page<Organization>> {
    const query = this.repository.createQueryBuilder('organization');
    if (!caller.isPlatformAdministrator) {
      if (caller.kind === 'user') {
        query.innerJoin(Membership, 'membership', 'membership.organizationId = organization.id AND membership.userId = :userId', { userId: caller.subject });
      } else {
        query.where('organization.id = :id', { id: caller.organizationId });
      }
    }
    return readPage(query, 'organization.id', (row) => row.id, page, this.cursorKey);
  }

  /** @throws DomainError `organization_not_found` */
  async get(caller: Caller, id: string): Promise<Organization> {
    const organization = await this.organizations.findById(this.organizations.visibleId(caller, id));
    if (!organization) throw organizationNotFound();
    return organization;
  }

  /** @throws DomainError `slug_taken`, `owner_user_required`, `owner_user_not_found` */
  async create(caller: Caller, { name, slug: wanted, owner_user_id }: CreateOrganizationDto): Promise<Organization> {
    const slug = freeSlug(caller, name, wanted);
    return this.dataSource.transaction(async (manager) => {
      const ownerUserId = await this.ownerFor(manager, caller, owner_user_id);
      const organization = await this.organizations.create(manager, { name, slug, ownerUserId });
      await this.audit.recordIn(manager, {
        type: 'organization.created', outcome: 'success', organization_id: organization.id, ...doneBy(caller),
        target: { kind: 'organization', id: organization.id }, details: { slug: organization.slug, owner_user_id: ownerUserId },
      });
      return organization;
    });
  }

  /** @throws DomainError `organization_not_found`, `platform_administrator_required`, `own_organization`, `owner_required` */
  async update(caller: Caller, id: string, changes: UpdateOrganizationDto): Promise<Organization> {
    const organizationId = this.organizations.visibleId(caller, id);
    if (changes.status === 'suspended') assertMaySuspend(caller, organizationId);
    else if (changes.status !== undefined && !caller.isPlatformAdministrator) throw platformAdministratorRequired();
    // Evidence goes by it.
    if (changes.audit_retention_days !== undefined) assertOwner(caller);
    return this.dataSource.transaction(async (manager) => {
      const organization = await this.organizations.lock(manager, organizationId);
      const { name, status, auditRetentionDays } = organization;
      const changed = {
        name: changes.name ?? name, status: changes.status ?? status, updatedAt: nowDate(),
        auditRetentionDays: changes.audit_retention_days === undefined ? auditRetentionDays : changes.audit_retention_days,
      };
      await manager.update(Organization, { id: organizationId }, changed);
      if (changed.auditRetentionDays !== auditRetentionDays) await this.retention.reconsider(manager);
      Object.assign(organization, changed);
      await this.audit.recordIn(manager, {
        type: 'organization.updated', outcome: 'success', organization_id: organizationId, ...doneBy(caller),
        target: { kind: 'organization', id: organizationId }, details: { changed: Object.keys(changes).sort(), status: organization.status, audit_retention_days: organization.auditRetentionDays },
      });
      return organization;
    });
  }

  /**
   * The organization that the caller may suspend, held until the transaction ends, for a kill switch.
   * @throws DomainError `organization_not_found`, `platform_administrator_required`, `own_organization`
   */
  async holdToSuspend(manager: EntityManager, caller: Caller, id: string): Promise<Organization> {
    const organizationId = this.organizations.visibleId(caller, id);
    assertMaySuspend(caller, organizationId);
    return this.organizations.lock(manager, organizationId);
  }

  /** The caller's transaction ends with its own event. */
  async suspend(manager: EntityManager, { id }: Organization): Promise<void> {
    await manager.update(Organization, { id }, { status: 'suspended', updatedAt: nowDate() });
  }

  /**
   * Everything in the organization goes with it, except its people's accounts.
   * @throws DomainError `organization_not_found`, `owner_required`, `last_organization`
   */
  async delete(caller: Caller, id: string): Promise<void> {
    const organizationId = this.organizations.visibleId(caller, id);
    assertOwner(caller);
    await this.dataSource.transaction(async (manager) => {
      // Two organizations deleted at once must not each take the other for the one that stays.
      await manager.query(`SELECT pg_advisory_xact_lock(hashtext('organization deletion'))`);
      await this.organizations.lock(manager, organizationId);
      if (await manager.count(Organization) <= 1) throw lastOrganization();
      await manager.delete(Organization, { id: organizationId });
      await this.retention.reconsider(manager);
      await this.audit.recordIn(manager, {
        type: 'organization.deleted', outcome: 'success', organization_id: organizationId, ...doneBy(caller), target: { kind: 'organization', id: organizationId },
      });
    });
  }

  /**
   * Replaces the former token, if there is one.
   * @returns the token, which cannot be shown again
   * @throws DomainError `organization_not_found`
   */
  async issueEnrolmentToken(caller: Caller, id: string): Promise<string> {
    const organizationId = this.organizations.visibleId(caller, id);
    const { text, hash } = this.secrets.mint('enrolment');
    await this.dataSource.transaction(async (manager) => {
      await this.setEnrolmentToken(manager, organizationId, hash);
      await this.audit.recordIn(manager, {
        type: 'organization.enrolment_token_issued', outcome: 'success', organization_id: organizationId, ...doneBy(caller),
        target: { kind: 'organization', id: organizationId },
      });
    });
    return text;
  }

  /** @throws DomainError `organization_not_found` */
  async withdrawEnrolmentToken(caller: Caller, id: string): Promise<void> {
    const organizationId = this.organizations.visibleId(caller, id);
    await this.dataSource.transaction(async (manager) => {
      await this.setEnrolmentToken(manager, organizationId, null);
      await this.audit.recordIn(manager, {
        type: 'organization.enrolment_token_withdrawn', outcome: 'success', organization_id: organizationId, ...doneBy(caller),
        target: { kind: 'organization', id: organizationId },
      });
    });
  }

  private async setEnrolmentToken(manager: EntityManager, id: OrganizationId, hash: Buffer | null): Promise<void> {
    const { affected } = await manager.update(Organization, { id }, { enrolmentTokenHash: hash, updatedAt: nowDate() });
    if (affected !== 1) throw organizationNotFound();
  }

  /** People own what they make; agents and clients name a member of their organization, who is then answerable for it. */
  private async ownerFor(manager: EntityManager, caller: Caller, named: string | undefined): Promise<UserId> {
    if (named === undefined) {
      if (caller.kind !== 'user') throw ownerUserRequired();
      return caller.subject as UserId;
    }
    const userId = named as UserId;
    if (caller.isPlatformAdministrator || (caller.kind === 'user' && named === caller.subject)) return userId;
    if (caller.kind === 'user') throw ownerUserNotFound();
    if (!await manager.existsBy(Membership, { organizationId: caller.organizationId, userId })) throw ownerUserNotFound();
    return userId;
  }
}

/** @throws DomainError `owner_required` */
function assertOwner(caller: Caller): void {
  if (!caller.isPlatformAdministrator && caller.role !== 'owner') throw ownerRequired();
}

function assertMaySuspend(caller: Caller, organizationId: OrganizationId): void {
  if (!caller.isPlatformAdministrator) throw platformAdministratorRequired();
  if (organizationId === caller.organizationId) throw ownOrganizationSuspension();
}

/** The first organization's slug goes to nobody else, even after that organization is gone: it means the installation itself. */
function freeSlug(caller: Caller, name: string, wanted: string | undefined): string | undefined {
  if (caller.isPlatformAdministrator || (wanted ?? slugOf(name)) !== FIRST_ORGANIZATION_SLUG) return wanted;
  if (wanted !== undefined) throw slugTaken();
  return anotherSlug(FIRST_ORGANIZATION_SLUG);
}
