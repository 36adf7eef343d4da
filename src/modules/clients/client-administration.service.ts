import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { newId, type ClientId } from '../../kernel/ids.js';
import { MasterKey } from '../../platform/crypto/master-key.js';
import { containing } from '../../platform/database/like-pattern.js';
import type { Caller } from '../../platform/http/caller.js';
import { readPage, type Page } from '../../platform/http/page.js';
import { doneBy, type AuditEvent } from '../audit/audit-event.js';
import { AuditLog } from '../audit/audit-log.service.js';
import { standingOf } from '../organizations/roles.js';
import { Client } from './client.entity.js';
import { ClientRegistration, type ClientReach, type GivenMetadata } from './client-registration.service.js';
import type { ClientSecret } from './client-secret.entity.js';
import { ClientSecrets, type NewSecret } from './client-secrets.service.js';
import type { ClientMetadataDto, ClientsQuery, RegisterClientDto, UpdateClientDto } from './clients.dto.js';
import { administratorRequired, clientDeactivated, clientIsAgent, clientNotFound } from './clients.errors.js';
import { ClientsService } from './clients.service.js';
import { ScopeCeiling, type ScopeCeilingOfCaller } from './scope-ceiling.service.js';

/** What callers of the API do with clients that are not agents. */
@Injectable()
export class ClientAdministration {
  private readonly cursorKey: Buffer;

  constructor(
    private readonly dataSource: DataSource,
    private readonly registration: ClientRegistration,
    private readonly secrets: ClientSecrets,
    private readonly clients: ClientsService,
    private readonly ceiling: ScopeCeiling,
    private readonly audit: AuditLog,
    masterKey: MasterKey,
  ) {
    this.cursorKey = masterKey.derive('list-cursor');
  }

  async list(caller: Caller, query: ClientsQuery): Promise<Page<Client>> {
    const clients = this.dataSource.createQueryBuilder(Client, 'client')
      .where(`client.organizationId = :organizationId AND client.kind = 'application'`, { organizationId: caller.organizationId });
    if (query.status === undefined) clients.andWhere(`client.status <> 'deactivated'`);
    else clients.andWhere('client.status = :status', { status: query.status });
    if (query.q !== undefined) clients.andWhere('(client.name ILIKE :pattern OR client.id ILIKE :pattern)', { pattern: containing(query.q) });
    return readPage(clients, 'client.id', (row) => row.id, query, this.cursorKey);
  }

  /** @throws DomainError `client_not_found`, `client_is_agent` */
  async get(caller: Caller, clientId: string): Promise<Client> {
    return managed(caller, await this.dataSource.manager.findOneBy(Client, { id: possibleId(clientId) }));
  }

  /**
   * @returns the client, and its secret when it has one, which cannot be shown again
   * @throws DomainError `invalid_redirect_uri`, `invalid_client_metadata`, `unknown_scope`, `unknown_resource`, `scopes_not_held`, `administrator_required`
   */
  async register(caller: Caller, body: RegisterClientDto): Promise<{ client: Client; secret?: string }> {
    const metadata = this.registration.check(metadataIn(body));
    if (!metadata.requirePkce) assertAdministrator(caller, 'switch off PKCE');
    const ceiling = await this.ceiling.of(caller);
    const scopes = body.scopes ?? ceiling.within(await this.registration.defaultScopes(caller.organizationId));
    const reach: ClientReach = { scopes, defaultScopes: body.default_scopes ?? [], servedResources: body.served_resources ?? [] };
    this.assertMayGive(caller, ceiling, reach);
    return this.dataSource.transaction(async (manager) => {
      await this.registration.assertReachable(manager, caller.organizationId, reach);
      const registered = await this.registration.insert(manager, {
        id: newId<ClientId>(), organizationId: caller.organizationId, kind: 'application', name: body.client_name, status: 'active', metadata, notes: body.metadata, ...reach,
      });
      await this.record(manager, caller, 'client.registered', registered.client, {
        name: registered.client.name, scopes, grant_types: metadata.grantTypes, redirect_uris: metadata.redirectUris, token_endpoint_auth_method: metadata.tokenEndpointAuthMethod,
      });
      return registered;
    });
  }

  /** @throws DomainError as `register`, `client_not_found`, `client_is_agent`, `client_deactivated` */
  async update(caller: Caller, clientId: string, body: UpdateClientDto): Promise<Client> {
    const ceiling = await this.ceiling.of(caller);
    const client = await this.dataSource.transaction(async (manager) => {
      const client = await this.lock(manager, caller, clientId);
      const given = metadataIn(body);
      const metadata = this.registration.checkChanges(client, given);
      if (!metadata.requirePkce && client.requirePkce) assertAdministrator(caller, 'switch off PKCE');
      const reach: ClientReach = {
        scopes: body.scopes ?? client.scopes,
        // Fewer scopes are fewer defaults, without having to say so.
        defaultScopes: body.default_scopes ?? client.defaultScopes.filter((name) => body.scopes?.includes(name) ?? true),
        servedResources: body.served_resources ?? client.servedResources,
      };
      this.assertMayGive(caller, ceiling, this.registration.touchesCredentials(given) ? reach : added(reach, client));
      await this.registration.assertReachable(manager, caller.organizationId, reach, client);
      await this.registration.change(manager, client, { ...metadata, ...reach, name: body.client_name ?? client.name, metadata: body.metadata ?? client.metadata });
      await this.record(manager, caller, 'client.updated', client, { changed: Object.keys(body).sort(), scopes: client.scopes, redirect_uris: client.redirectUris });
      return client;
    });
    this.clients.invalidate(clientId);
    return client;
  }

  /**
   * Ends the client for good. Its row stays, because the ledger speaks of it.
   * @throws DomainError `client_not_found`, `client_is_agent`
   */
  async deactivate(caller: Caller, clientId: string): Promise<void> {
    await this.dataSource.transaction(async (manager) => {
      const client = managed(caller, await this.registration.lock(manager, possibleId(clientId)));
      if (client.status === 'deactivated') return;
      await this.registration.setStatus(manager, client.id, 'deactivated');
      await this.record(manager, caller, 'client.deleted', client, { name: client.name });
    });
    this.clients.invalidate(clientId);
  }

  /** @throws DomainError `client_not_found`, `client_is_agent` */
  async listSecrets(caller: Caller, clientId: string): Promise<ClientSecret[]> {
    return this.secrets.list((await this.get(caller, clientId)).id);
  }

  /**
   * @returns the secret's row and its text, which cannot be shown again
   * @throws DomainError `client_not_found`, `client_is_agent`, `client_deactivated`, `secrets_not_used`, `secret_expiry_past`, `too_many_secrets`, `scopes_not_held`
   */
  async addSecret(caller: Caller, clientId: string, given: NewSecret): Promise<{ secret: ClientSecret; text: string }> {
    const ceiling = await this.ceiling.of(caller);
    const added = await this.dataSource.transaction(async (manager) => {
      const client = await this.lock(manager, caller, clientId);
      this.assertMayGive(caller, ceiling, client);
      const added = await this.secrets.add(manager, client, given);
      await this.record(manager, caller, 'client.secret_added', client, { secret_id: added.secret.id, prefix: added.secret.prefix, expires_at: added.secret.expiresAt?.toISOString() });
      return added;
    });
    this.clients.invalidate(clientId);
    return added;
  }

  /** @throws DomainError `client_not_found`, `client_is_agent`, `secret_not_found` */
  async retireSecret(caller: Caller, clientId: string, secretId: string): Promise<void> {
    await this.dataSource.transaction(async (manager) => {
      const client = managed(caller, await this.registration.lock(manager, possibleId(clientId)));
      if (await this.secrets.retire(manager, client.id, secretId)) await this.record(manager, caller, 'client.secret_retired', client, { secret_id: secretId });
    });
    this.clients.invalidate(clientId);
  }

  private async lock(manager: EntityManager, caller: Caller, clientId: string): Promise<Client> {
    const client = managed(caller, await this.registration.lock(manager, possibleId(clientId)));
    if (client.status === 'deactivated') throw clientDeactivated();
    return client;
  }

  /** Whoever serves the server's own API sees its tokens, so that is handed out like the scope that shows them. */
  private assertMayGive(caller: Caller, ceiling: ScopeCeilingOfCaller, { scopes, servedResources }: Pick<ClientReach, 'scopes' | 'servedResources'>): void {
    ceiling.assertCovers(scopes);
    if (this.registration.servesOwnApi(servedResources)) ceiling.assertCovers(['tokens:read']);
  }

  private async record(manager: EntityManager, caller: Caller, type: AuditEvent['type'], client: Client, details: AuditEvent['details']): Promise<void> {
    await this.audit.recordIn(manager, {
      type, outcome: 'success', organization_id: caller.organizationId, ...doneBy(caller), target: { kind: 'client', id: client.id }, details,
    });
  }
}

/** A client that the caller sees and manages here: of their organization, and no agent's. */
function managed(caller: Caller, client: Client | null | undefined): Client {
  if (!client || client.organizationId !== caller.organizationId) throw clientNotFound();
  if (client.kind === 'agent') throw clientIsAgent();
  return client;
}

/** What no client can be called must not reach the database. */
function possibleId(clientId: string): ClientId {
  if (!/^[\x21-\x7E]{1,200}$/.test(clientId)) throw clientNotFound();
  return clientId as ClientId;
}

function assertAdministrator(caller: Caller, what: string): void {
  if (standingOf(caller) === 'member') throw administratorRequired(what);
}

function added(reach: ClientReach, former: ClientReach): Pick<ClientReach, 'scopes' | 'servedResources'> {
  return {
    scopes: reach.scopes.filter((name) => !former.scopes.includes(name)),
    servedResources: reach.servedResources.filter((identifier) => !former.servedResources.includes(identifier)),
  };
}

function metadataIn(body: ClientMetadataDto): GivenMetadata {
  return {
    // Null says "none" where there may be none, and nothing elsewhere.
    tokenEndpointAuthMethod: body.token_endpoint_auth_method ?? undefined,
    grantTypes: body.grant_types ?? undefined,
    redirectUris: body.redirect_uris ?? undefined,
    postLogoutRedirectUris: body.post_logout_redirect_uris ?? undefined,
    applicationType: body.application_type ?? undefined,
    jwks: body.jwks,
    jwksUri: body.jwks_uri,
    dpopBoundAccessTokens: body.dpop_bound_access_tokens ?? undefined,
    requirePushedAuthorizationRequests: body.require_pushed_authorization_requests ?? undefined,
    requirePkce: body.require_pkce ?? undefined,
    rotateRefreshTokens: body.rotate_refresh_tokens ?? undefined,
    clientUri: body.client_uri,
    logoUri: body.logo_uri,
    policyUri: body.policy_uri,
    tosUri: body.tos_uri,
  };
}
