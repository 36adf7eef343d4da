import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { OrganizationId } from '../../kernel/ids.js';
import { Config } from '../../platform/config/config.js';
import type { Caller } from '../../platform/http/caller.js';
import { doneBy, type AuditEvent } from '../audit/audit-event.js';
import { ClientRegistration } from '../clients/client-registration.service.js';
import { ScopeCeiling } from '../clients/scope-ceiling.service.js';
import { Organization } from '../organizations/organization.entity.js';
import { FIRST_ORGANIZATION_SLUG, OrganizationsService } from '../organizations/organizations.service.js';
import { clientMetadataIn } from './agent-client-metadata.js';
import { AgentOwners } from './agent-owners.service.js';
import { mayVouch } from './agent-standing.js';
import type { RegisterAgentDto } from './agents.dto.js';
import { invalidEnrolmentToken, registrationClosed, registrationForbidden, trustNotYours, unknownOrganization } from './agents.errors.js';
import { AgentsService, type AgentCredentials, type AgentWithClient, type NewAgent } from './agents.service.js';

type Registered = AgentWithClient & { credentials: AgentCredentials };

/** Registration in one step: whoever was let in by somebody is active at once. */
export interface QuickStart {
  /** Hashes the agent's password, if it has one. Asked only once it is clear that the agent may be registered. */
  readonly passwordHash: () => Promise<string | undefined>;
}

/**
 * Who may register an agent, and what it gets:
 * 1. a caller with `agents:write`: in their organization, with scopes and tools that they may hand out;
 * 2. the holder of the organization's enrolment token: there, without scopes and tools until somebody approves;
 * 3. anybody, where the operator opened registration: in the organization named, without scopes likewise.
 */
@Injectable()
export class AgentEnrolment {
  constructor(
    private readonly config: Config,
    private readonly dataSource: DataSource,
    private readonly agents: AgentsService,
    private readonly organizations: OrganizationsService,
    private readonly owners: AgentOwners,
    private readonly registration: ClientRegistration,
    private readonly ceiling: ScopeCeiling,
  ) {}

  /**
   * @throws DomainError `registration_closed`, `insufficient_scope`, `invalid_enrolment_token`, `unknown_organization`, `scopes_not_held`,
   *   `trust_level_not_yours`, `owner_not_yours`, and as `AgentsService.register`
   */
  async register(caller: Caller | undefined, body: RegisterAgentDto, quickStart?: QuickStart): Promise<Registered> {
    if (caller?.scopes.has('agents:write')) return this.registerFor(caller, body, quickStart);
    if (body.enrolment_token) {
      const organization = await this.organizations.matchEnrolmentToken(body.enrolment_token);
      if (!organization) throw invalidEnrolmentToken();
      return this.registerItself(organization.id, 'enrolment_token', body, quickStart);
    }
    if (!this.config.openRegistration) throw caller ? registrationForbidden() : registrationClosed();
    const organization = await this.dataSource.manager.findOneBy(Organization, { slug: body.organization ?? FIRST_ORGANIZATION_SLUG, status: 'active' });
    if (!organization) throw unknownOrganization();
    return this.registerItself(organization.id, 'open_registration', body, quickStart);
  }

  private async registerFor(caller: Caller, body: RegisterAgentDto, quickStart?: QuickStart): Promise<Registered> {
    if (body.trust_level && !mayVouch(caller)) throw trustNotYours();
    const ceiling = await this.ceiling.of(caller);
    const scopes = body.scopes ?? ceiling.within(await this.registration.defaultScopes(caller.organizationId));
    ceiling.assertCovers(scopes);
    const quick = { passwordHash: await quickStart?.passwordHash(), isActive: quickStart !== undefined };
    return this.dataSource.transaction(async (manager) => {
      const owner = await this.owners.namedBy(manager, caller, body.owner_email);
      const agent = { ...described(body), ...quick, ...owner, organizationId: caller.organizationId, scopes, tools: { ids: body.tool_ids ?? [], ceiling }, trustLevel: body.trust_level ?? undefined };
      return this.agents.register(manager, agent, doneBy(caller));
    });
  }

  private async registerItself(
    organizationId: OrganizationId, by: 'enrolment_token' | 'open_registration', body: RegisterAgentDto, quickStart?: QuickStart,
  ): Promise<Registered> {
    if (body.trust_level) throw trustNotYours();
    const quick = { passwordHash: await quickStart?.passwordHash(), isActive: quickStart !== undefined && by === 'enrolment_token' };
    // An address that a stranger gives makes nobody an owner.
    const agent = { ...described(body), ...quick, organizationId, scopes: [], defaultScopes: [], ownerEmail: body.owner_email?.toLowerCase() };
    const event: Pick<AuditEvent, 'actor' | 'details'> = { actor: { kind: 'anonymous' }, details: { registered_by: by, requested_scopes: body.scopes ?? [], requested_tools: body.tool_ids ?? [] } };
    return this.dataSource.transaction((manager) => this.agents.register(manager, agent, event));
  }
}

function described(body: RegisterAgentDto): Omit<NewAgent, 'organizationId' | 'scopes'> {
  return {
    name: body.agent_name,
    description: body.description,
    agentType: body.agent_type ?? undefined,
    agentModel: body.agent_model,
    agentVersion: body.agent_version,
    agentProvider: body.agent_provider,
    capabilities: body.capabilities ?? undefined,
    metadata: body.metadata ?? undefined,
    defaultScopes: body.default_scopes ?? undefined,
    client: clientMetadataIn(body),
  };
}
