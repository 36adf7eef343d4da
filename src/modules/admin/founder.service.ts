import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { Organization } from '../organizations/organization.entity.js';
import { FIRST_ORGANIZATION_SLUG, OrganizationsService } from '../organizations/organizations.service.js';
import type { User } from '../users/user.entity.js';
import { UsersService } from '../users/users.service.js';

const DEFAULT_NAME = 'Default';

export interface FirstPerson {
  readonly email: string;
  readonly name?: string;
  readonly passwordHash: string;
  /** `Default` when left out, or what the organization is called already. */
  readonly organizationName?: string;
}

/** Makes what an installation begins with. Every method wants `lock` before it, in the same transaction. */
@Injectable()
export class Founder {
  constructor(private readonly users: UsersService, private readonly organizations: OrganizationsService) {}

  /** One node at a time founds anything. */
  async lock(manager: EntityManager): Promise<void> {
    await manager.query(`SELECT pg_advisory_xact_lock(hashtext('first start'))`);
  }

  async hasPeople(manager: EntityManager): Promise<boolean> {
    return !await this.users.isInstallationEmpty(manager);
  }

  async hasOrganizations(manager: EntityManager): Promise<boolean> {
    return manager.existsBy(Organization, {});
  }

  /** The default organization, made when there is none. */
  async defaultOrganization(manager: EntityManager, name?: string): Promise<Organization> {
    const found = await manager.findOneBy(Organization, { slug: FIRST_ORGANIZATION_SLUG });
    if (!found) return this.organizations.create(manager, { slug: FIRST_ORGANIZATION_SLUG, name: name ?? DEFAULT_NAME });
    if (name !== undefined && name !== found.name) {
      found.name = name;
      await manager.update(Organization, { id: found.id }, { name });
    }
    return found;
  }

  /**
   * The first person: platform administrator, and owner of the default organization.
   * @throws DomainError `email_malformed`
   */
  async found(manager: EntityManager, { organizationName, ...person }: FirstPerson): Promise<{ user: User; organization: Organization }> {
    const organization = await this.defaultOrganization(manager, organizationName);
    const user = await this.users.create(manager, { ...person, isPlatformAdministrator: true, homeOrganizationId: organization.id });
    await this.organizations.addMember(manager, { organizationId: organization.id, userId: user.id, role: 'owner' });
    return { user, organization };
  }
}
