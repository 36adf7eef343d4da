import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { nowDate } from '../../kernel/clock.js';
import type { ClientId, OrganizationId } from '../../kernel/ids.js';
import { Config } from '../../platform/config/config.js';
import { notifyChanged } from '../../platform/database/notify.js';
import { unknownResources } from '../resources/resources.errors.js';
import { ResourcesService } from '../resources/resources.service.js';
import { ScopesService } from '../scopes/scopes.service.js';
import { Client, type ClientKind, type ClientStatus } from './client.entity.js';
import { checkClientMetadata, CREDENTIAL_MEMBERS, usesSecrets, type ClientMetadata } from './client-metadata.js';
import { ClientSecrets } from './client-secrets.service.js';
import { invalidClientMetadata } from './clients.errors.js';

export { TOKEN_EXCHANGE } from './client-metadata.js';
export type { ClientMetadata } from './client-metadata.js';

/** Metadata as a request names it: what is undefined is not said. */
export type GivenMetadata = { readonly [member in keyof ClientMetadata]?: ClientMetadata[member] | undefined };

/** What a client may ask for. */
export interface ClientReach {
  readonly scopes: string[];
  readonly defaultScopes: string[];
  readonly servedResources: string[];
}

export interface NewClient extends ClientReach {
  readonly id: ClientId;
  readonly organizationId: OrganizationId;
  readonly kind: Exclude<ClientKind, 'first_party'>;
  readonly name: string;
  readonly status: ClientStatus;
  readonly metadata: ClientMetadata;
  readonly notes?: Record<string, unknown>;
}

/**
 * Makes and changes the rows of clients of every kind. Nothing here is recorded or allowed: the caller has made sure that
 * its own caller may, and ends the transaction with its event.
 */
@Injectable()
export class ClientRegistration {
  constructor(
    private readonly config: Config,
    private readonly secrets: ClientSecrets,
    private readonly scopes: ScopesService,
    private readonly resources: ResourcesService,
  ) {}

  /** @throws DomainError `invalid_redirect_uri`, `invalid_client_metadata` */
  check(given: GivenMetadata): ClientMetadata {
    return checkClientMetadata(given, { allowsLoopbackHttp: !this.config.isProduction });
  }

  /**
   * The metadata that the client has after these changes, checked as a whole.
   * @throws DomainError `invalid_redirect_uri`, `invalid_client_metadata`
   */
  checkChanges(client: Client, changes: GivenMetadata): ClientMetadata {
    const given = Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined));
    return this.check({ ...metadataOf(client), ...given });
  }

  /** Does this say who can be the client, rather than only what it looks like? Then its scopes are handed out anew. */
  touchesCredentials(changes: GivenMetadata): boolean {
    return CREDENTIAL_MEMBERS.some((member) => changes[member] !== undefined);
  }

  /** Scopes of whoever is registered without naming any. Not for use inside a transaction. */
  defaultScopes(organizationId: OrganizationId): Promise<string[]> {
    return this.scopes.defaults(organizationId);
  }

  /**
   * @param former what the client has already: names in there may have ceased to exist
   * @throws DomainError `unknown_scope`, `unknown_resource`, `invalid_client_metadata`
   */
  async assertReachable(manager: EntityManager, organizationId: OrganizationId, reach: ClientReach, former?: ClientReach): Promise<void> {
    const added = (now: readonly string[], before: readonly string[] = []) => now.filter((name) => !before.includes(name));
    await this.scopes.assertKnown(manager, organizationId, added(reach.scopes, former?.scopes));
    const unknown = await this.resources.unknown(manager, organizationId, added(reach.servedResources, former?.servedResources));
    if (unknown.length > 0) throw unknownResources(unknown);
    const beyond = reach.defaultScopes.filter((name) => !reach.scopes.includes(name));
    if (beyond.length > 0) throw invalidClientMetadata(`default_scopes must be among scopes: ${beyond.join(' ')}.`);
  }

  /** @returns the client, and its first secret when it authenticates with one */
  async insert(manager: EntityManager, given: NewClient): Promise<{ client: Client; secret?: string }> {
    const at = nowDate();
    const { metadata, notes, ...columns } = given;
    const client = manager.create(Client, { ...columns, ...metadata, metadata: notes ?? {}, version: 1, lastUsedAt: null, createdAt: at, updatedAt: at });
    // As a plain object: TypeORM's type of what can be inserted cannot hold JSON of unknown shape.
    await manager.insert(Client, client as object);
    await notifyChanged(manager, 'client', client.id);
    if (!usesSecrets(metadata.tokenEndpointAuthMethod)) return { client };
    const { text } = await this.secrets.add(manager, client, { label: 'first' });
    return { client, secret: text };
  }

  /** Writes changes to a client whose row the caller holds. Leaving secrets as the way to authenticate retires them all. */
  async change(manager: EntityManager, client: Client, changes: Partial<ClientMetadata & ClientReach & Pick<Client, 'name' | 'metadata'>>): Promise<void> {
    const leavesSecrets = changes.tokenEndpointAuthMethod !== undefined && usesSecrets(client.tokenEndpointAuthMethod) && !usesSecrets(changes.tokenEndpointAuthMethod);
    Object.assign(client, changes, { version: client.version + 1, updatedAt: nowDate() });
    await manager.save(client);
    if (leavesSecrets) await this.secrets.retireAll(manager, client.id);
    await notifyChanged(manager, 'client', client.id);
  }

  /** A deactivated client keeps no secret. */
  async setStatus(manager: EntityManager, clientId: ClientId, status: ClientStatus): Promise<void> {
    if (status === 'deactivated') await this.secrets.retireAll(manager, clientId);
    await manager.createQueryBuilder().update(Client).set({ status, updatedAt: nowDate(), version: () => 'version + 1' }).where({ id: clientId }).execute();
    await notifyChanged(manager, 'client', clientId);
  }

  /** Holds the client's row until the transaction ends. */
  async lock(manager: EntityManager, clientId: ClientId): Promise<Client | undefined> {
    return await manager.createQueryBuilder(Client, 'client').setLock('for_no_key_update').where('client.id = :clientId', { clientId }).getOne() ?? undefined;
  }

  /** Whether this names the server's own API, whose tokens only those may introspect who may see them. */
  servesOwnApi(servedResources: readonly string[]): boolean {
    return servedResources.includes(this.config.apiResource);
  }
}

function metadataOf(client: Client): ClientMetadata {
  return {
    tokenEndpointAuthMethod: client.tokenEndpointAuthMethod, grantTypes: client.grantTypes, redirectUris: client.redirectUris, postLogoutRedirectUris: client.postLogoutRedirectUris,
    applicationType: client.applicationType, jwks: client.jwks, jwksUri: client.jwksUri, dpopBoundAccessTokens: client.dpopBoundAccessTokens,
    requirePushedAuthorizationRequests: client.requirePushedAuthorizationRequests, requirePkce: client.requirePkce, rotateRefreshTokens: client.rotateRefreshTokens,
    clientUri: client.clientUri, logoUri: client.logoUri, policyUri: client.policyUri, tosUri: client.tosUri,
  };
}
