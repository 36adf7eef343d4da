import { Injectable, type OnModuleInit } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { now, nowDate } from '../../kernel/clock.js';
import { isId, newId, type AgentId, type ClientId, type OrganizationId, type UserId } from '../../kernel/ids.js';
import { MachineSecrets } from '../../platform/crypto/machine-secrets.js';
import { ChangeFeed } from '../../platform/database/change-feed.js';
import { notifyChanged } from '../../platform/database/notify.js';
import { ShortLivedCache } from '../../platform/database/short-lived-cache.js';
import { violatedConstraint } from '../../platform/database/violated-constraint.js';
import type { AuditEvent } from '../audit/audit-event.js';
import { AuditLog } from '../audit/audit-log.service.js';
import type { Client } from '../clients/client.entity.js';
import { ClientRegistration, TOKEN_EXCHANGE, type GivenMetadata } from '../clients/client-registration.service.js';
import { ClientsService } from '../clients/clients.service.js';
import type { ScopeCeilingOfCaller } from '../clients/scope-ceiling.service.js';
import { ToolAssignments } from '../tools/tool-assignments.service.js';
import type { Tool } from '../tools/tool.entity.js';
import { Agent, type AgentType, type TrustLevel } from './agent.entity.js';
import { agentRecord, AGENT_RECORD_QUERY, type AgentRecord, type AgentRecordRow } from './agent-record.js';
import { agentNameTaken, agentNotFound, invalidRegistrationToken } from './agents.errors.js';

export type { AgentProfile, AgentRecord } from './agent-record.js';

const REGISTRATION_TOKEN_TTL_MS = 24 * 3600 * 1000;

/** An agent together with the client it speaks through. */
export interface AgentWithClient {
  readonly agent: Agent;
  readonly client: Client;
}

export interface NewAgent {
  readonly organizationId: OrganizationId;
  readonly name: string;
  readonly description?: string | null;
  readonly ownerUserId?: UserId;
  readonly ownerEmail?: string;
  readonly agentType?: AgentType;
  readonly agentModel?: string | null;
  readonly agentVersion?: string | null;
  readonly agentProvider?: string | null;
  readonly capabilities?: string[];
  readonly trustLevel?: TrustLevel;
  readonly metadata?: Record<string, unknown>;
  /** Which the registrant may hand out. */
  readonly scopes: string[];
  readonly defaultScopes?: string[];
  /** Ids of tools, and what bounds whoever gives them. */
  readonly tools?: { readonly ids: readonly string[]; readonly ceiling: ScopeCeilingOfCaller };
  readonly client?: GivenMetadata;
  /** As `PasswordHasher` made it. */
  readonly passwordHash?: string;
  /** Whether it works from the start, without a registration token. */
  readonly isActive?: boolean;
}

export interface AgentCredentials {
  readonly client_id: string;
  /** Shown once; missing when the agent authenticates in another way. */
  readonly client_secret?: string;
  /** Shown once; missing when the agent is active already. */
  readonly registration_token?: string;
}

/** What the protocol and other modules need of agents. */
@Injectable()
export class AgentsService implements OnModuleInit {
  private readonly cache = new ShortLivedCache<AgentRecord>((id) => this.load(id));

  constructor(
    private readonly dataSource: DataSource,
    private readonly registration: ClientRegistration,
    private readonly clients: ClientsService,
    private readonly secrets: MachineSecrets,
    private readonly tools: ToolAssignments,
    private readonly audit: AuditLog,
    private readonly changes: ChangeFeed,
  ) {}

  onModuleInit(): void {
    this.changes.subscribe((kind, id) => {
      if (kind === 'agent') this.invalidate(id);
      else if (kind === 'limits' || kind === '*') this.forgetAll();
    });
  }

  /** The agent as it was at most a second ago, whatever its status. Not for use inside a transaction. */
  findCached(agentId: string): Promise<AgentRecord | undefined> {
    return isId(agentId) ? this.cache.get(agentId) : Promise.resolve(undefined);
  }

  /** The same without waiting; undefined also when the database has to be asked. */
  peek(agentId: string): AgentRecord | undefined {
    return this.cache.peek(agentId);
  }

  /** An agent and its client change together. */
  invalidate(agentId: string): void {
    this.cache.invalidate(agentId);
    this.clients.invalidate(agentId);
  }

  /** Limits of an organization, or of a task in it, concern all its agents; they change seldom. */
  forgetAll(): void {
    this.cache.clear();
  }

  /** For signing in with name and password: the agent, unless it is deactivated, and its hash if it has one. Not for use inside a transaction. */
  async findByName(organizationSlug: string, name: string): Promise<{ agent: AgentRecord; passwordHash?: string } | undefined> {
    // A NUL is in no name, and PostgreSQL takes none.
    if (name.includes('\0') || organizationSlug.includes('\0')) return undefined;
    const [row] = await this.dataSource.query<AgentRecordRow[]>(
      `${AGENT_RECORD_QUERY} WHERE o.slug = $1 AND lower(a.name) = lower($2) AND a.status <> 'deactivated'`, [organizationSlug, name]);
    return row && { agent: agentRecord(row), passwordHash: row.password_hash ?? undefined };
  }

  /**
   * Makes an agent and its client, and records it: call it last in the transaction.
   *
   * @param event who did it, and what else there is to say of it
   * @throws DomainError `agent_name_taken`, `unknown_scope`, `unknown_tool`, `scopes_not_held`, `invalid_redirect_uri`, `invalid_client_metadata`
   */
  async register(
    manager: EntityManager, given: NewAgent, event: Pick<AuditEvent, 'actor' | 'act' | 'token_id' | 'details'>,
  ): Promise<AgentWithClient & { credentials: AgentCredentials }> {
    const id = newId<AgentId>();
    const status = given.isActive ? 'active' : 'pending';
    const reach = { scopes: given.scopes, defaultScopes: given.defaultScopes ?? [], servedResources: [] };
    const metadata = this.registration.check(withAgentDefaults(given.client ?? {}));
    await this.registration.assertReachable(manager, given.organizationId, reach);
    const { client, secret } = await this.registration.insert(manager, {
      id: id as string as ClientId, organizationId: given.organizationId, kind: 'agent', name: given.name, status, metadata, ...reach,
    });
    const token = given.isActive ? undefined : this.secrets.mint('registration');
    const agent = await this.insert(manager, id, given, token?.hash);
    const tools = await this.giveTools(manager, id, given);
    const common = { outcome: 'success' as const, organization_id: agent.organizationId, ...event, target: { kind: 'agent', id } };
    await this.audit.recordIn(manager, {
      ...common, type: 'agent.registered',
      details: { ...event.details, name: agent.name, status, scopes: given.scopes, grant_types: metadata.grantTypes, token_endpoint_auth_method: metadata.tokenEndpointAuthMethod },
    }, ...tools.map((tool): AuditEvent => ({ ...common, type: 'agent.tool_assigned', details: { name: agent.name, tool_id: tool.id, tool: tool.name } })));
    return { agent, client, credentials: { client_id: id, client_secret: secret, registration_token: token?.text } };
  }

  /**
   * Turns a pending agent active. The token works once, whoever else sends it at the same time.
   * @throws DomainError `invalid_registration_token`
   */
  async activate(registrationToken: string): Promise<AgentWithClient> {
    if (this.secrets.prefixOf(registrationToken, 'registration') === undefined) throw invalidRegistrationToken();
    const hash = this.secrets.hash(registrationToken);
    const activated = await this.dataSource.transaction(async (manager) => {
      const at = nowDate();
      const { raw } = await manager.createQueryBuilder().update(Agent)
        .set({ status: 'active', activatedAt: at, updatedAt: at, registrationTokenHash: null, registrationTokenExpiresAt: null })
        .where(`registration_token_hash = :hash AND status = 'pending' AND registration_token_expires_at > :at`, { hash, at })
        .andWhere(`organization_id IN (SELECT id FROM organizations WHERE status = 'active')`)
        .returning('id').execute();
      const [row] = raw as { id: AgentId }[];
      if (!row) throw invalidRegistrationToken();
      const agent = await manager.findOneByOrFail(Agent, { id: row.id });
      await this.registration.setStatus(manager, agent.clientId, 'active');
      await notifyChanged(manager, 'agent', agent.id);
      const client = await this.registration.lock(manager, agent.clientId);
      await this.audit.recordIn(manager, {
        type: 'agent.activated', outcome: 'success', organization_id: agent.organizationId, actor: { kind: 'agent', id: agent.id, client_id: agent.clientId },
        target: { kind: 'agent', id: agent.id }, details: { name: agent.name },
      });
      return { agent, client: client! };
    });
    this.invalidate(activated.agent.id);
    return activated;
  }

  /** The caller's transaction ends with its own event. */
  async setPassword(manager: EntityManager, agentId: AgentId, passwordHash: string): Promise<void> {
    const { affected } = await manager.update(Agent, { id: agentId }, { passwordHash, updatedAt: nowDate() });
    if (affected !== 1) throw agentNotFound();
    await notifyChanged(manager, 'agent', agentId);
  }

  private async giveTools(manager: EntityManager, id: AgentId, { organizationId, tools }: NewAgent): Promise<Tool[]> {
    if (!tools || tools.ids.length === 0) return [];
    const found = await this.tools.named(manager, organizationId, tools.ids);
    tools.ceiling.assertCovers(new Set(found.flatMap(({ permissionsRequired }) => permissionsRequired)));
    return this.tools.assign(manager, id, found);
  }

  private async insert(manager: EntityManager, id: AgentId, given: NewAgent, registrationTokenHash: Buffer | undefined): Promise<Agent> {
    const at = nowDate();
    const agent = manager.create(Agent, {
      id, clientId: id as string as ClientId, organizationId: given.organizationId, name: given.name, description: given.description ?? null,
      status: given.isActive ? 'active' : 'pending', ownerUserId: given.ownerUserId ?? null, ownerEmail: given.ownerEmail ?? null,
      agentType: given.agentType ?? 'autonomous', agentModel: given.agentModel ?? null, agentVersion: given.agentVersion ?? null, agentProvider: given.agentProvider ?? null,
      capabilities: given.capabilities ?? [], trustLevel: given.trustLevel ?? 'unverified', metadata: given.metadata ?? {}, passwordHash: given.passwordHash ?? null,
      registrationTokenHash: registrationTokenHash ?? null,
      registrationTokenExpiresAt: registrationTokenHash ? new Date(now() + REGISTRATION_TOKEN_TTL_MS) : null,
      activatedAt: given.isActive ? at : null, suspendedAt: null, createdAt: at, updatedAt: at,
    });
    try {
      // As a plain object: TypeORM's type of what can be inserted cannot hold JSON of unknown shape.
      await manager.insert(Agent, agent as object);
    } catch (error) {
      if (violatedConstraint(error) === 'agents_name') throw agentNameTaken();
      throw error;
    }
    await notifyChanged(manager, 'agent', id);
    return agent;
  }

  private async load(id: string): Promise<AgentRecord | undefined> {
    const [row] = await this.dataSource.query<AgentRecordRow[]>(`${AGENT_RECORD_QUERY} WHERE a.id = $1`, [id]);
    return row && agentRecord(row);
  }
}

/** An agent speaks for itself and for whoever delegates to it; one with redirect URIs also for people who sign in. */
function withAgentDefaults(given: GivenMetadata): GivenMetadata {
  if (given.grantTypes !== undefined) return given;
  const forPeople = (given.redirectUris ?? []).length > 0 ? ['authorization_code', 'refresh_token'] : [];
  const forItself = given.tokenEndpointAuthMethod === 'none' && forPeople.length > 0 ? [] : ['client_credentials', TOKEN_EXCHANGE];
  return { ...given, grantTypes: [...forItself, ...forPeople] };
}
