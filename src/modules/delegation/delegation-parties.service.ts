import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { isId, type AgentId, type OrganizationId } from '../../kernel/ids.js';
import type { ScopeGraph } from '../../kernel/scope-graph.js';
import { uncovered } from '../../kernel/scope-set.js';
import type { Caller, Role } from '../../platform/http/caller.js';
import { AgentsService } from '../agents/agents.service.js';
import { scopesBeyondCaller } from '../clients/clients.errors.js';
import { ClientsService } from '../clients/clients.service.js';
import { ScopeCeiling } from '../clients/scope-ceiling.service.js';
import { OrganizationsService } from '../organizations/organizations.service.js';
import { assertMayActOn } from '../organizations/role-ceiling.js';
import { roleAllows, standingOf } from '../organizations/roles.js';
import { unknownResources } from '../resources/resources.errors.js';
import { ResourcesService } from '../resources/resources.service.js';
import { unknownScopes } from '../scopes/scopes.errors.js';
import { ScopesService } from '../scopes/scopes.service.js';
import { UsersService } from '../users/users.service.js';
import type { DelegationOrigin, PrincipalKind } from './delegation-grant.entity.js';
import { authorityNotHeld, delegateNotFound, delegationToSelf, principalNotFound, principalNotYours } from './delegation.errors.js';

/** Whose authority is delegated. */
export interface Principal {
  readonly kind: PrincipalKind;
  readonly id: string;
  readonly origin: DelegationOrigin;
  /** Of a person. */
  readonly role?: Role;
  readonly holds: (scope: string) => boolean;
}

/** Who may delegate, to whom, and what of it is theirs. */
@Injectable()
export class DelegationParties {
  constructor(
    private readonly organizations: OrganizationsService,
    private readonly users: UsersService,
    private readonly scopes: ScopesService,
    private readonly resources: ResourcesService,
    private readonly clients: ClientsService,
    private readonly ceiling: ScopeCeiling,
    private readonly agents: AgentsService,
  ) {}

  /**
   * The caller, or somebody else of the organization if the caller runs it.
   * @throws DomainError `principal_not_found`, `principal_not_yours`, `role_above_own`
   */
  async principal(caller: Caller, id = caller.subject): Promise<Principal> {
    const isOwn = id === caller.subject;
    if (isOwn && caller.kind === 'client') throw principalNotFound();
    if (!isOwn && (caller.kind === 'agent' || standingOf(caller) === 'member')) throw principalNotYours();
    const origin = isOwn ? 'principal' : 'administrator';
    const agent = isOwn && caller.kind === 'user' ? undefined : await this.agents.findCached(id);
    if (agent) {
      if (agent.organizationId !== caller.organizationId || agent.status !== 'active') throw principalNotFound();
      const [client, graph] = await Promise.all([this.clients.findCached(agent.id), this.graphOf(caller.organizationId)]);
      const held = client?.scopes ?? new Set<string>();
      return { kind: 'agent', id, origin, holds: (scope) => graph.covers(held, scope) };
    }
    const role = await this.organizations.roleOf(id, caller.organizationId) ?? (isOwn && caller.isPlatformAdministrator ? 'owner' : undefined);
    if (!role || !await this.users.findActive(id)) throw principalNotFound();
    if (!isOwn) assertMayActOn(caller, role);
    return { kind: 'user', id, origin, role, holds: (scope) => roleAllows(role, scope) };
  }

  /** What covers what among the scopes of the organization. Not for use inside a transaction. */
  graphOf(organizationId: OrganizationId): Promise<ScopeGraph> {
    return this.scopes.graphOf(organizationId);
  }

  /** @throws DomainError `delegate_not_found`, `delegation_to_self` */
  async delegate(organizationId: OrganizationId, id: string, principalId: string): Promise<AgentId> {
    if (id === principalId) throw delegationToSelf();
    const agent = isId(id) ? await this.agents.findCached(id) : undefined;
    if (agent?.organizationId !== organizationId || agent.status !== 'active') throw delegateNotFound();
    return agent.id;
  }

  /**
   * What a person agrees to on the consent page they may as well delegate here, except for this server's own API: what their token
   * does not carry, they do not hand out with it.
   *
   * @throws DomainError `authority_not_held`, `scopes_not_held`
   */
  async assertHandsOut(caller: Caller, principal: Principal, scopes: readonly string[]): Promise<void> {
    const missing = scopes.filter((scope) => !principal.holds(scope));
    if (missing.length > 0) throw authorityNotHeld(missing);
    if (principal.origin === 'administrator') (await this.ceiling.of(caller)).assertCovers(scopes);
    const beyond = uncovered(caller.scopes, scopes.filter((scope) => this.scopes.isApiScope(scope)));
    if (beyond.length > 0) throw scopesBeyondCaller(beyond);
  }

  /** @throws DomainError `unknown_scope`, `unknown_resource` */
  async assertKnown(manager: EntityManager, organizationId: OrganizationId, { scopes, resources }: { scopes: readonly string[]; resources: readonly string[] | null }): Promise<void> {
    // OpenID Connect's own scopes tell who somebody is; there is nothing in them to act with.
    const oidc = scopes.filter((scope) => this.scopes.isOidcScope(scope));
    if (oidc.length > 0) throw unknownScopes(oidc);
    await this.scopes.assertKnown(manager, organizationId, scopes);
    const unknown = await this.resources.unknown(manager, organizationId, resources ?? []);
    if (unknown.length > 0) throw unknownResources(unknown);
  }
}
