import { IsIn, IsInt, IsOptional, IsUUID, Max, Min } from 'class-validator';
import { IsOmittable } from '../../platform/http/omittable.js';
import { PageQuery } from '../../platform/http/page.js';
import { IsDisplayName, IsSlug } from '../../platform/http/validation.js';
import type { Organization } from './organization.entity.js';

export class OrganizationsQuery extends PageQuery {}

export class CreateOrganizationDto {
  /**
   * What people call it.
   * @example Northwind
   */
  @IsDisplayName()
  name: string;

  /** Unique short name: lower-case letters, digits and hyphens. Made of the name when left out. It never changes. */
  @IsOmittable() @IsSlug()
  slug?: string;

  /** Who becomes its owner. Needed when the caller is not a person: then a member of the caller's organization. */
  @IsOmittable() @IsUUID()
  owner_user_id?: string;
}

export class UpdateOrganizationDto {
  /** What people call it. */
  @IsOmittable() @IsDisplayName()
  name?: string;

  /** In a suspended organization nobody can do anything and every token is inactive. For platform administrators. */
  @IsOmittable() @IsIn(['active', 'suspended'])
  status?: 'active' | 'suspended';

  /**
   * For how many days the texts of the organization's audit events are kept, 30 to 36500: for its owners to say. Null follows the
   * server's setting. What is older goes in the background, and does not come back.
   */
  @IsOptional() @IsInt() @Min(30) @Max(36_500)
  audit_retention_days?: number | null;
}

export class OrganizationDto {
  id: string;
  /** Its short name, which never changes. */
  slug: string;
  name: string;
  /** In a suspended organization nobody can do anything and every token is inactive. */
  status: 'active' | 'suspended';
  /** Whether an enrolment token is out. */
  has_enrolment_token: boolean;
  /** For how many days the texts of its audit events are kept; null follows the server's setting. */
  audit_retention_days: number | null;
  created_at: string;
  updated_at: string;

  static of(organization: Organization): OrganizationDto {
    return {
      id: organization.id,
      slug: organization.slug,
      name: organization.name,
      status: organization.status,
      has_enrolment_token: organization.enrolmentTokenHash !== null,
      audit_retention_days: organization.auditRetentionDays,
      created_at: organization.createdAt.toISOString(),
      updated_at: organization.updatedAt.toISOString(),
    };
  }
}

export class OrganizationPageDto {
  data: OrganizationDto[];
  /** Give it as `cursor` to get the next page; null on the last one. */
  next_cursor: string | null;
}

export class EnrolmentTokenDto {
  /** Whoever holds it may register agents in this organization. Shown this once. */
  enrolment_token: string;
}
