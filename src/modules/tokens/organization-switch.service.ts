import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { epochSeconds } from '../../kernel/clock.js';
import type { OrganizationId, TokenId, UserId } from '../../kernel/ids.js';
import type { ScopeGraph } from '../../kernel/scope-graph.js';
import { parseScope } from '../../kernel/scope-set.js';
import type { Caller, Role } from '../../platform/http/caller.js';
import { doneBy } from '../audit/audit-event.js';
import { ClientsService, type ClientRecord } from '../clients/clients.service.js';
import type { Organization } from '../organizations/organization.entity.js';
import { organizationNotFound } from '../organizations/organizations.errors.js';
import { OrganizationsService } from '../organizations/organizations.service.js';
import { roleAllows } from '../organizations/roles.js';
import { personRequired } from '../users/users.errors.js';
import { UsersService } from '../users/users.service.js';
import { LedgerToken } from './ledger-token.entity.js';
import { OwnApi } from './own-api.service.js';
import { IssuancePolicies } from './issuance-policies.service.js';
import { TokenIssuer, type IssuedToken } from './token-issuer.service.js';
import { clientOfOneOrganization } from './tokens.errors.js';

export interface Switched {
  readonly organization: Organization;
  readonly role: Role;
  readonly token: IssuedToken;
}

/**
 * A person goes on in another organization of theirs:
 * 1. it becomes the one that their next sign-ins are for;
 * 2. they get an access token for it, through the same client if that serves every organization;
 * 3. with as much of the presented token's scope as their role there allows, and for no longer than that token lasts:
 *    switching back and forth must not keep a stolen token alive.
 *
 * One organization a token: the new one is the root of a lineage and a task of its own. It stands on the consent that the
 * presented one stands on, so it ends when the person takes that back.
 */
@Injectable()
export class OrganizationSwitch {
  constructor(
    private readonly dataSource: DataSource,
    private readonly users: UsersService,
    private readonly organizations: OrganizationsService,
    private readonly clients: ClientsService,
    private readonly ownApi: OwnApi,
    private readonly policies: IssuancePolicies,
    private readonly issuer: TokenIssuer,
  ) {}

  /** @throws DomainError `person_required`, `organization_not_found`, `client_of_one_organization`, `row_refused` */
  async switch(caller: Caller, id: string): Promise<Switched> {
    if (caller.kind !== 'user' || caller.act !== undefined) throw personRequired();
    const { organization, role } = await this.placeIn(caller, id);
    const client = await this.clients.findCached(caller.clientId);
    if (!client || client.organizationId !== null) throw clientOfOneOrganization();
    const api = await this.ownApi.resolve(organization.id);
    if (!api) throw organizationNotFound();
    const presented = await this.dataSource.manager.findOneByOrFail(LedgerToken, { id: caller.tokenId as TokenId });
    const scopes = scopesThere(api.graph, presented, client, role);
    const judged = await this.policies.judge({
      organizationId: organization.id, taker: { kind: 'user', id: caller.subject, role }, grantType: 'organization_switch', audience: api.resource.identifier, scopes, areScopesRequested: false,
    });
    const issuedAt = epochSeconds();
    const token = await this.dataSource.transaction(async (manager) => {
      await this.users.setActiveOrganization(manager, caller.subject as UserId, organization.id);
      return this.issuer.issueIn(manager, {
        grantType: 'organization_switch',
        clientId: client.id,
        organizationId: organization.id,
        subject: { kind: 'user', id: caller.subject },
        role,
        ...judged,
        issuedAt,
        expiresAt: Math.min(issuedAt + api.resource.accessTokenTtl, Math.floor(presented.expiresAt.getTime() / 1000)),
        consentGrantId: presented.consentGrantId ?? undefined,
        cnf: presented.cnf ?? undefined,
        authTime: presented.authenticatedAt ? presented.authenticatedAt.getTime() / 1000 : undefined,
      }, api.resource, {
        type: 'organization.switched', outcome: 'success', organization_id: organization.id, ...doneBy(caller),
        subject: caller.subject, target: { kind: 'organization', id: organization.id },
      });
    });
    return { organization, role, token };
  }

  /** An organization where the person has no place does not exist for them. */
  private async placeIn(caller: Caller, id: string): Promise<{ organization: Organization; role: Role }> {
    const organization = await this.organizations.findById(id);
    const role = await this.organizations.roleOf(caller.subject, id as OrganizationId) ?? (caller.isPlatformAdministrator ? 'owner' : undefined);
    if (organization?.status !== 'active' || !role) throw organizationNotFound();
    return { organization, role };
  }
}

function scopesThere(graph: ScopeGraph, { scope }: LedgerToken, client: ClientRecord, role: Role): string[] {
  return parseScope(scope).filter((name) => roleAllows(role, name) && graph.covers(client.scopes, name));
}
