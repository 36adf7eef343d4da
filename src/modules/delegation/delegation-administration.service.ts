import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { epochSeconds } from '../../kernel/clock.js';
import type { ScopeGraph } from '../../kernel/scope-graph.js';
import { microsAsUsd, usdInMicros } from '../../kernel/usd.js';
import { Config } from '../../platform/config/config.js';
import type { Caller } from '../../platform/http/caller.js';
import type { AuditEvent } from '../audit/audit-event.js';
import { AuditLog } from '../audit/audit-log.service.js';
import { attenuate } from './attenuation.js';
import { UNMETERED, type Authority } from './authority.js';
import { DelegationDirectory } from './delegation-directory.service.js';
import { DelegationGrant } from './delegation-grant.entity.js';
import { authorityOf, DelegationGrants } from './delegation-grants.service.js';
import { delegationEvent } from './delegation-event.js';
import { delegationIsDead } from './delegation-liveness.js';
import { DelegationParties } from './delegation-parties.service.js';
import { DelegationPolicies } from './delegation-policies.service.js';
import type { CreateDelegationDto, DelegatedAuthorityDto, DelegateOnwardsDto } from './delegations.dto.js';
import { actingForAnother, delegationOver, delegationWidens, expiryInThePast, notTheDelegate } from './delegation.errors.js';

/** How long a delegation stands that does not say when it ends. Seconds. */
const DEFAULT_TTL = 365 * 24 * 3600;

/** What callers of the API do with delegations. */
@Injectable()
export class DelegationAdministration {
  constructor(
    private readonly config: Config,
    private readonly dataSource: DataSource,
    private readonly grants: DelegationGrants,
    private readonly directory: DelegationDirectory,
    private readonly parties: DelegationParties,
    private readonly policies: DelegationPolicies,
    private readonly audit: AuditLog,
  ) {}

  /**
   * Delegates the principal's own authority: as much of it as they hold, and no more than the caller may hand out.
   *
   * @throws DomainError `acting_for_another`, `principal_not_yours`, `principal_not_found`, `delegate_not_found`, `delegation_to_self`, `scopes_not_held`,
   *   `authority_not_held`, `unknown_scope`, `unknown_resource`, `delegation_widens`, `expiry_in_the_past`, `role_above_own`
   */
  async create(caller: Caller, body: CreateDelegationDto): Promise<DelegationGrant> {
    if (caller.act !== undefined) throw actingForAnother();
    const principal = await this.parties.principal(caller, body.principal_id);
    const agentId = await this.parties.delegate(caller.organizationId, body.agent_id, principal.id);
    await this.parties.assertHandsOut(caller, principal, body.scopes);
    // Before it is narrowed: what is not registered is covered by nothing, not even by itself.
    await this.parties.assertKnown(this.dataSource.manager, caller.organizationId, { scopes: body.scopes, resources: body.constraints?.resources ?? null });
    const above: Authority = {
      scopes: body.scopes, tools: null, resources: null, authorizationDetails: body.authorization_details ?? [], maxDepth: this.config.delegationDepth,
      notBefore: null, expiresAt: null, maxTokenTtl: null, maxUses: null, ...UNMETERED,
    };
    const authority = this.narrowed(above, { maxDepth: 0, expiresAt: epochSeconds() + DEFAULT_TTL, ...askedOf(body) }, await this.parties.graphOf(caller.organizationId));
    const decided = await this.policies.judge({ organizationId: caller.organizationId, principal, agentId, authority, depth: 1, purpose: body.purpose });
    return this.dataSource.transaction(async (manager) => {
      const grant = await this.grants.insert(manager, {
        ...authority, organizationId: caller.organizationId, origin: principal.origin, principalKind: principal.kind, principalId: principal.id, agentId, purpose: body.purpose ?? null,
      });
      await this.audit.recordIn(manager, delegationEvent(caller, 'delegation.created', grant, { ...detailsOf(grant), ...decided }));
      return grant;
    });
  }

  /**
   * The agent that a delegation was made to hands it on, narrower.
   * @throws DomainError `delegation_not_found`, `not_the_delegate`, `delegation_over`, `delegate_not_found`, `delegation_to_self`, `delegation_widens`,
   *   `unknown_scope`, `unknown_resource`, `expiry_in_the_past`
   */
  async handOn(caller: Caller, id: string, body: DelegateOnwardsDto): Promise<DelegationGrant> {
    const { grant: seen } = await this.directory.get(caller, id);
    if (caller.kind !== 'agent' || caller.act !== undefined || seen.agentId !== caller.subject) throw notTheDelegate();
    const agentId = await this.parties.delegate(caller.organizationId, body.agent_id, caller.subject);
    const graph = await this.parties.graphOf(caller.organizationId);
    const decided = await this.policies.judge({
      organizationId: caller.organizationId, principal: { kind: 'agent', id: caller.subject }, agentId, authority: this.narrowed(authorityOf(seen), askedOf(body), graph),
      depth: seen.ancestors.length + 2, purpose: body.purpose ?? seen.purpose,
    });
    return this.dataSource.transaction(async (manager) => {
      // Held, so that a revocation comes either before the new link, which is then refused, or after it, and finds it.
      const above = await manager.createQueryBuilder(DelegationGrant, 'd').setLock('pessimistic_read').where('d.id = :id', { id }).getOne();
      if (!above || !await this.isAlive(manager, id)) throw delegationOver();
      const authority = this.narrowed(authorityOf(above), askedOf(body), graph);
      // Its scopes were known when the first link was made, and may be narrower than any name that is registered.
      await this.parties.assertKnown(manager, caller.organizationId, { scopes: [], resources: authority.resources });
      const grant = await this.grants.insert(manager, {
        ...authority, above, organizationId: caller.organizationId, origin: 'delegate', principalKind: 'agent', principalId: caller.subject, agentId, purpose: body.purpose ?? above.purpose,
      });
      await this.audit.recordIn(manager, delegationEvent(caller, 'delegation.created', grant, { ...detailsOf(grant), ...decided }));
      return grant;
    });
  }

  private narrowed(above: Authority, asked: Partial<Authority>, graph: ScopeGraph): Authority {
    const made = attenuate(above, asked, graph);
    if ('widenings' in made) throw delegationWidens(made.widenings);
    const { expiresAt, notBefore } = made.authority;
    if (expiresAt !== null && expiresAt <= Math.max(epochSeconds(), notBefore ?? 0)) throw expiryInThePast();
    return made.authority;
  }

  private async isAlive(manager: EntityManager, id: string): Promise<boolean> {
    const rows = await manager.query<unknown[]>(`SELECT FROM delegation_grants d WHERE d.id = $1 AND NOT coalesce(${delegationIsDead('d', 'to_timestamp($2)')}, false)`, [id, epochSeconds()]);
    return rows.length === 1;
  }
}

/** What a request says; what it leaves out stays as it is above. */
function askedOf(body: DelegatedAuthorityDto & { readonly scopes?: string[] }): Partial<Authority> {
  const asked: { [Member in keyof Authority]: Authority[Member] | undefined } = {
    scopes: body.scopes, tools: body.tools, resources: body.constraints?.resources, authorizationDetails: body.authorization_details, maxDepth: body.max_depth,
    notBefore: numericDate(body.constraints?.not_before), expiresAt: numericDate(body.expires_at), maxTokenTtl: body.constraints?.max_token_ttl, maxUses: body.max_uses,
    requestsPerHour: body.constraints?.requests_per_hour, costBudgetMicros: usdInMicros(body.constraints?.cost_budget_usd), allowedActions: body.constraints?.allowed_actions,
  };
  return Object.fromEntries(Object.entries(asked).filter(([, value]) => value !== undefined)) as Partial<Authority>;
}

function numericDate(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Math.floor(Date.parse(text) / 1000);
}

function detailsOf(grant: DelegationGrant): AuditEvent['details'] {
  return {
    agent_id: grant.agentId, origin: grant.origin, principal: { kind: grant.principalKind, id: grant.principalId }, parent_grant_id: grant.parentGrantId, scope: grant.scopes.join(' '),
    tools: grant.tools, resources: grant.resources, purpose: grant.purpose, max_depth: grant.maxDepth, max_uses: grant.maxUses,
    requests_per_hour: grant.requestsPerHour, cost_budget_usd: grant.costBudgetMicros === null ? null : microsAsUsd(grant.costBudgetMicros), allowed_actions: grant.allowedActions, expires_at: grant.expiresAt?.toISOString(),
  };
}
