import { createHash, timingSafeEqual } from 'node:crypto';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { now, nowDate } from '../../kernel/clock.js';
import { newId, type ClientId, type OrganizationId } from '../../kernel/ids.js';
import { Config } from '../../platform/config/config.js';
import { MachineSecrets } from '../../platform/crypto/machine-secrets.js';
import { ChangeFeed } from '../../platform/database/change-feed.js';
import { notifyChanged } from '../../platform/database/notify.js';
import { ShortLivedCache } from '../../platform/database/short-lived-cache.js';
import { API_SCOPES } from '../organizations/roles.js';
import { ScopesService } from '../scopes/scopes.service.js';
import type { Client } from './client.entity.js';
import { ClientSecret, type ClientSecretId } from './client-secret.entity.js';
import { clientRecord, CLIENT_RECORD_QUERY, type ClientRecord, type ClientRecordRow } from './client-record.js';
import { SecretUsage } from './secret-usage.service.js';

export type { ClientRecord } from './client-record.js';

const LONGEST_CLIENT_ID = 200;
const LONGEST_SECRET = 1024;

export const BOOTSTRAP_CLIENT_ID = 'bootstrap' as ClientId;
export const SWAGGER_UI_CLIENT_ID = 'swagger-ui' as ClientId;

/** What the protocol and other modules need of clients. */
@Injectable()
export class ClientsService implements OnModuleInit {
  private readonly cache = new ShortLivedCache<ClientRecord>((id) => this.load(id));

  constructor(
    private readonly dataSource: DataSource,
    private readonly secrets: MachineSecrets,
    private readonly scopes: ScopesService,
    private readonly config: Config,
    private readonly usage: SecretUsage,
    private readonly changes: ChangeFeed,
  ) {}

  onModuleInit(): void {
    this.changes.subscribe((kind, id) => {
      if (kind === 'client') this.invalidate(id);
      else if (kind === '*') this.cache.clear();
    });
  }

  /** The client as it was at most a second ago, whatever its status. Not for use inside a transaction. */
  findCached(clientId: string): Promise<ClientRecord | undefined> {
    if (clientId.length > LONGEST_CLIENT_ID || !/^[\x21-\x7E]+$/.test(clientId)) return Promise.resolve(undefined);
    return this.cache.get(clientId);
  }

  /** The same without waiting; undefined also when the database has to be asked. */
  peek(clientId: string): ClientRecord | undefined {
    return this.cache.peek(clientId);
  }

  invalidate(clientId: string): void {
    this.cache.invalidate(clientId);
  }

  /**
   * The id of the client's live secret that this is. It is hashed once and compared in constant time with every one, and
   * hashed also when there is no client, so that all refusals take alike long.
   */
  verifySecret(record: ClientRecord | undefined, presented: string): string | undefined {
    const hash = this.secrets.hash(presented.length > LONGEST_SECRET ? '' : presented);
    let found: string | undefined;
    const at = now();
    for (const secret of record?.secrets ?? []) {
      if (timingSafeEqual(secret.hash, hash) && (secret.expiresAt === null || secret.expiresAt > at)) found = secret.id;
    }
    return found;
  }

  /** Notes that a client, and the secret if it used one, was used. Written down later, off the request path. */
  touch(secretId: string | undefined, clientId: string): void {
    this.usage.touch(secretId, clientId);
  }

  /** The client whose live secret this text is, when it is one that we minted. Not for use inside a transaction. */
  async findByApiKey(text: string): Promise<{ client: ClientRecord; secretId: string } | undefined> {
    const prefix = this.secrets.prefixOf(text, 'client');
    if (prefix === undefined) return undefined;
    const row = await this.dataSource.getRepository(ClientSecret).findOne({ where: { prefix }, select: { clientId: true } });
    const client = row ? await this.findCached(row.clientId) : undefined;
    const secretId = this.verifySecret(client, text);
    return client && secretId !== undefined ? { client, secretId } : undefined;
  }

  /**
   * Makes the confidential client `bootstrap` with every scope of the API. The caller's transaction ends with its own event.
   *
   * @param secret chosen by the operator, at least 32 characters
   */
  async createBootstrap(manager: EntityManager, organizationId: OrganizationId, secret: string): Promise<void> {
    const scopes = Object.keys(API_SCOPES);
    const at = nowDate();
    await manager.query(
      `INSERT INTO clients (id, organization_id, kind, name, grant_types, scopes, created_at, updated_at)
       VALUES ($1, $2, 'application', 'Bootstrap', '{client_credentials}', $3, $4, $4)`,
      [BOOTSTRAP_CLIENT_ID, organizationId, scopes, at],
    );
    const hash = this.secrets.hash(secret);
    await manager.insert(ClientSecret, {
      id: newId<ClientSecretId>(), clientId: BOOTSTRAP_CLIENT_ID, hash, label: 'LEGATE_BOOTSTRAP_CLIENT_SECRET', createdAt: at,
      // The column wants one; a chosen secret has none, and nothing of it may be shown.
      prefix: `chosen-${createHash('sha256').update(hash).digest('hex').slice(0, 12)}`,
    });
    await notifyChanged(manager, 'client', BOOTSTRAP_CLIENT_ID);
  }

  /** Brings the clients that come with the server into the database. Every start calls it; it writes only what differs. */
  async ensureFirstParty(manager: EntityManager): Promise<void> {
    const swaggerUi: Pick<Client, 'name' | 'grantTypes' | 'redirectUris' | 'scopes'> = {
      name: 'Legate API documentation',
      grantTypes: ['authorization_code', 'refresh_token'],
      redirectUris: [`${this.config.issuer}/api/docs/oauth2-redirect.html`],
      scopes: ['openid', 'profile', 'email', 'offline_access', ...this.scopes.builtInNames()],
    };
    const written = await manager.query<unknown[]>(
      `INSERT INTO clients AS c (id, organization_id, kind, name, token_endpoint_auth_method, grant_types, redirect_uris, scopes)
       VALUES ($1, NULL, 'first_party', $2, 'none', $3, $4, $5)
       ON CONFLICT (id) DO UPDATE SET name = excluded.name, grant_types = excluded.grant_types, redirect_uris = excluded.redirect_uris, scopes = excluded.scopes,
           version = c.version + 1, updated_at = now()
         WHERE (c.name, c.grant_types, c.redirect_uris, c.scopes) IS DISTINCT FROM (excluded.name, excluded.grant_types, excluded.redirect_uris, excluded.scopes)
       RETURNING id`,
      [SWAGGER_UI_CLIENT_ID, swaggerUi.name, swaggerUi.grantTypes, swaggerUi.redirectUris, swaggerUi.scopes],
    );
    if (written.length > 0) await notifyChanged(manager, 'client', SWAGGER_UI_CLIENT_ID);
  }

  private async load(id: string): Promise<ClientRecord | undefined> {
    const [row] = await this.dataSource.query<ClientRecordRow[]>(CLIENT_RECORD_QUERY, [id, nowDate()]);
    return row && clientRecord(row);
  }
}
