import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { TokenId } from '../../kernel/ids.js';
import type { Caller } from '../../platform/http/caller.js';
import type { Organization } from '../organizations/organization.entity.js';
import { organizationNotFound } from '../organizations/organizations.errors.js';
import { OrganizationsService } from '../organizations/organizations.service.js';
import { LedgerToken } from './ledger-token.entity.js';

export interface DescribedCaller {
  readonly caller: Caller;
  readonly organization: Organization;
  readonly expiresAt: Date;
}

/** Who an access token speaks for, told to whoever holds it. */
@Injectable()
export class CallerDescription {
  constructor(private readonly organizations: OrganizationsService, private readonly dataSource: DataSource) {}

  /** @throws DomainError `organization_not_found` when it was deleted this very moment */
  async describe(caller: Caller): Promise<DescribedCaller> {
    const organization = await this.organizations.findById(caller.organizationId);
    const token = await this.dataSource.manager.findOneByOrFail(LedgerToken, { id: caller.tokenId as TokenId });
    if (!organization) throw organizationNotFound();
    return { caller, organization, expiresAt: token.expiresAt };
  }
}
