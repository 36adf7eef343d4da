import { Injectable, type OnModuleInit } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { newId, type OrganizationId, type ResourceId } from '../../kernel/ids.js';
import { Config } from '../../platform/config/config.js';
import { ChangeFeed } from '../../platform/database/change-feed.js';
import { ShortLivedCache } from '../../platform/database/short-lived-cache.js';
import { AuditLog } from '../audit/audit-log.service.js';
import { ScopesService } from '../scopes/scopes.service.js';
import { canonicalIdentifier, isAtHostOf } from './resource-identifier.js';
import type { SigningAlgorithm, TokenFormat } from './resource.entity.js';

/** A resource as issuance needs it. */
export interface ResolvedResource {
  readonly identifier: string;
  readonly name: string;
  /** What it was registered with. Which of them exist and are active is for the graph of scopes to say, which everybody asks anyway. */
  readonly scopes: ReadonlySet<string>;
  readonly tokenFormat: TokenFormat;
  readonly signingAlgorithm: SigningAlgorithm;
  /** Seconds. */
  readonly accessTokenTtl: number;
  /** This server's own API. */
  readonly isBuiltIn: boolean;
}

interface ResourceRow {
  identifier: string;
  name: string;
  organization_id: string | null;
  token_format: TokenFormat;
  signing_algorithm: SigningAlgorithm;
  access_token_ttl: number | null;
  scopes: string[];
}

// No identifier holds a space, so the two parts of a key cannot run into each other.
const key = (identifier: string, organizationId: OrganizationId) => `${organizationId} ${identifier}`;

/** What other modules need of resources. */
@Injectable()
export class ResourcesService implements OnModuleInit {
  private readonly cache = new ShortLivedCache<ResolvedResource>((cacheKey) => this.load(cacheKey));

  constructor(
    private readonly dataSource: DataSource,
    private readonly scopes: ScopesService,
    private readonly config: Config,
    private readonly changes: ChangeFeed,
    private readonly audit: AuditLog,
  ) {}

  onModuleInit(): void {
    this.changes.subscribe((kind) => {
      if (kind === 'resource' || kind === '*') this.invalidate();
    });
  }

  /**
   * The active resource that this organization knows by this identifier: its own, or this server's API. The answer may be a
   * second old. Not for use inside a transaction.
   */
  resolve(identifier: string, organizationId: OrganizationId): Promise<ResolvedResource | undefined> {
    // Longer than any identifier, or with characters that none has: not worth a question.
    if (identifier.length > 512 || !/^[\x21-\x7E]+$/.test(identifier)) return Promise.resolve(undefined);
    return this.cache.get(key(identifier, organizationId));
  }

  /** The same without waiting; undefined also when the database has to be asked. */
  peek(identifier: string, organizationId: OrganizationId): ResolvedResource | undefined {
    return this.cache.peek(key(identifier, organizationId));
  }

  /** Forgets every answer. */
  invalidate(): void {
    this.cache.clear();
  }

  /**
   * Those of the identifiers that the organization may not name: neither its own nor the server's, or not active.
   */
  async unknown(manager: EntityManager, organizationId: OrganizationId, identifiers: readonly string[]): Promise<string[]> {
    if (identifiers.length === 0) return [];
    const rows = await manager.query<{ identifier: string }[]>(
      'SELECT identifier FROM resources WHERE identifier = ANY ($1) AND is_active AND (organization_id = $2 OR organization_id IS NULL)', [identifiers, organizationId]);
    const known = new Set(rows.map(({ identifier }) => identifier));
    return identifiers.filter((identifier) => !known.has(identifier));
  }

  /**
   * Brings this server's own API into the database. It offers the scopes that guard the API and, while the demo API is on,
   * the demo's, so that a first token needs no resource to be named. Every start calls it; it writes only what differs.
   */
  async ensureBuiltIns(manager: EntityManager): Promise<void> {
    const canonical = canonicalIdentifier(this.config.apiResource);
    await this.displace(manager, canonical);
    await manager.query(
      `INSERT INTO resources AS r (id, organization_id, identifier, canonical_identifier, name, kind, scopes) VALUES ($1, NULL, $2, $3, 'Legate API', 'api', $4)
       ON CONFLICT (canonical_identifier) DO UPDATE SET identifier = excluded.identifier, scopes = excluded.scopes, is_active = true, updated_at = now()
         WHERE r.organization_id IS NULL AND (r.identifier, r.scopes, r.is_active) IS DISTINCT FROM (excluded.identifier, excluded.scopes, true)`,
      [newId<ResourceId>(), this.config.apiResource, canonical, this.scopes.builtInNames()],
    );
    // The issuer changed: what was this server's API under its former name is nobody's now.
    await manager.query('UPDATE resources SET is_active = false, updated_at = now() WHERE organization_id IS NULL AND is_active AND identifier <> $1', [this.config.apiResource]);
  }

  /** The issuer moved to where an organization had registered something: that name is this server's from now on. */
  private async displace(manager: EntityManager, canonical: string): Promise<void> {
    const [rows] = await manager.query<[{ id: string; organization_id: string; identifier: string }[]]>(
      'DELETE FROM resources WHERE canonical_identifier = $1 AND organization_id IS NOT NULL RETURNING id, organization_id, identifier', [canonical]);
    for (const { id, organization_id, identifier } of rows) {
      await this.audit.recordIn(manager, {
        type: 'resource.deleted', outcome: 'success', organization_id, actor: { kind: 'system' }, target: { kind: 'resource', id }, details: { identifier, built_in: true },
      });
    }
  }

  private async load(cacheKey: string): Promise<ResolvedResource | undefined> {
    const space = cacheKey.indexOf(' ');
    const [row] = await this.dataSource.query<ResourceRow[]>(
      `SELECT identifier, name, organization_id, token_format, signing_algorithm, access_token_ttl, scopes FROM resources
       WHERE identifier = $2 AND is_active AND (organization_id = $1 OR organization_id IS NULL)`,
      [cacheKey.slice(0, space), cacheKey.slice(space + 1)],
    );
    // The issuer moved to where the organization had registered it: nobody could do so now.
    if (!row || (row.organization_id !== null && isAtHostOf(this.config.issuer, row.identifier))) return undefined;
    return {
      identifier: row.identifier,
      name: row.name,
      scopes: new Set(row.scopes),
      tokenFormat: row.token_format,
      signingAlgorithm: row.signing_algorithm,
      accessTokenTtl: row.access_token_ttl ?? this.config.accessTokenTtl,
      isBuiltIn: row.organization_id === null,
    };
  }
}
