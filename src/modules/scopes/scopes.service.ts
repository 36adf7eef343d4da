import { Injectable, type OnModuleInit } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { Repository, type EntityManager } from 'typeorm';
import { nowDate } from '../../kernel/clock.js';
import { newId, type OrganizationId } from '../../kernel/ids.js';
import { ScopeGraph } from '../../kernel/scope-graph.js';
import { Config } from '../../platform/config/config.js';
import { ChangeFeed } from '../../platform/database/change-feed.js';
import { ShortLivedCache } from '../../platform/database/short-lived-cache.js';
import { builtInScopes, isApiScope, OIDC_SCOPES, type BuiltInScope } from './built-in-scopes.js';
import { Scope, type ScopeId } from './scope.entity.js';
import { readScopeGraph, readScopes } from './scope-rows.js';
import { unknownScopes } from './scopes.errors.js';

/** What no organization is called, for what belongs to none. */
const NO_ORGANIZATION = '00000000-0000-0000-0000-000000000000' as OrganizationId;

/** What other modules need of scopes. Nothing here is recorded: the caller's transaction ends with its own event. */
@Injectable()
export class ScopesService implements OnModuleInit {
  private readonly builtIns: readonly BuiltInScope[];
  private readonly reserved: ReadonlySet<string>;
  private readonly graphs = new ShortLivedCache<ScopeGraph>((organizationId) => readScopeGraph(this.scopes.manager, organizationId as OrganizationId));

  constructor(@InjectRepository(Scope) private readonly scopes: Repository<Scope>, config: Config, private readonly changes: ChangeFeed) {
    this.builtIns = builtInScopes(config.demoApi);
    this.reserved = new Set([...this.builtIns.map(({ name }) => name), ...OIDC_SCOPES]);
  }

  onModuleInit(): void {
    this.changes.subscribe((kind) => {
      if (kind === 'scope' || kind === '*') this.invalidate();
    });
  }

  /**
   * What covers what among the scopes that the organization knows: its own and those of the installation; without an organization
   * the latter alone. It may be a second old. Whatever grants a scope or takes it from a token asks this. Not for use inside a
   * transaction.
   */
  async graphOf(organizationId: OrganizationId | null): Promise<ScopeGraph> {
    return (await this.graphs.get(organizationId ?? NO_ORGANIZATION))!;
  }

  /** The same without waiting; undefined when the database has to be asked. */
  peekGraph(organizationId: OrganizationId | null): ScopeGraph | undefined {
    return this.graphs.peek(organizationId ?? NO_ORGANIZATION);
  }

  /** Forgets every answer. */
  invalidate(): void {
    this.graphs.clear();
  }

  /** Names of the scopes that come with the server and have a row: those of its API, and of the demo API while that is on. */
  builtInNames(): string[] {
    return this.builtIns.map(({ name }) => name);
  }

  /** No organization may define a scope of this name. */
  isReserved(name: string): boolean {
    return this.reserved.has(name);
  }

  /** Is this a scope of the server's own API, or a part of one? */
  isApiScope(name: string): boolean {
    return isApiScope(name);
  }

  /** OpenID Connect's own: they open no resource, so every client may be given them. */
  isOidcScope(name: string): boolean {
    return OIDC_SCOPES.includes(name);
  }

  /** Names of the active scopes that whoever is registered without naming scopes gets. */
  async defaults(organizationId: OrganizationId): Promise<string[]> {
    const scopes = await readScopes(this.scopes.manager, organizationId);
    return scopes.filter((scope) => scope.is_default && scope.is_active).map(({ name }) => name);
  }

  /** @throws DomainError `unknown_scope` when one of them does not exist in the organization or is not active */
  async assertKnown(manager: EntityManager, organizationId: OrganizationId, names: readonly string[]): Promise<void> {
    const wanted = names.filter((name) => !this.isOidcScope(name));
    if (wanted.length === 0) return;
    const found = await manager.createQueryBuilder(Scope, 'scope')
      .where('scope.name IN (:...wanted) AND scope.isActive AND (scope.organizationId = :organizationId OR scope.organizationId IS NULL)', { wanted, organizationId })
      .getMany();
    const known = new Set(found.map(({ name }) => name));
    const missing = wanted.filter((name) => !known.has(name));
    if (missing.length > 0) throw unknownScopes(missing);
  }

  /** Makes those of the scopes that the organization does not have yet. */
  async ensure(manager: EntityManager, organizationId: OrganizationId, names: readonly string[]): Promise<void> {
    const at = nowDate();
    const missing = names.filter((name) => !this.isReserved(name));
    if (missing.length === 0) return;
    await manager.createQueryBuilder().insert().into(Scope).orIgnore().values(missing.map((name) => ({
      id: newId<ScopeId>(), organizationId, name, description: null, category: null, implies: [], isDefault: false, isSensitive: false,
      requiresApproval: false, isActive: true, source: 'organization' as const, createdAt: at, updatedAt: at,
    }))).execute();
  }

  /**
   * Brings the scopes that come with the server into the database, as this version of it has them. Every start calls it;
   * it writes only what differs.
   */
  async ensureBuiltIns(manager: EntityManager): Promise<void> {
    const ids = this.builtIns.map(() => newId<ScopeId>());
    await manager.query(
      `INSERT INTO scopes AS s (id, organization_id, source, name, description, category, is_sensitive)
       SELECT id, NULL, 'server', name, description, category, is_sensitive
       FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::boolean[]) AS given (id, name, description, category, is_sensitive)
       ON CONFLICT (organization_id, name) DO UPDATE
         SET source = 'server', description = excluded.description, category = excluded.category, implies = '{}', is_default = false,
           is_sensitive = excluded.is_sensitive, requires_approval = false, is_active = true, updated_at = now()
         WHERE (s.source, s.description, s.category, s.is_sensitive, s.is_active) IS DISTINCT FROM ('server', excluded.description, excluded.category, excluded.is_sensitive, true)`,
      [ids, this.builtIns.map((scope) => scope.name), this.builtIns.map((scope) => scope.description),
        this.builtIns.map((scope) => scope.category), this.builtIns.map((scope) => scope.isSensitive)],
    );
    await manager.query(
      `UPDATE scopes SET is_active = false, updated_at = now() WHERE source = 'server' AND is_active AND name <> ALL ($1::text[])`,
      [this.builtInNames()],
    );
  }

  /** Descriptions for people, by name: of the organization's scopes and those of the server. Names without one are left out. */
  async describe(organizationId: OrganizationId, names: readonly string[]): Promise<Map<string, Pick<Scope, 'description' | 'isSensitive'>>> {
    const wanted = new Set(names);
    const scopes = wanted.size === 0 ? [] : await readScopes(this.scopes.manager, organizationId);
    return new Map(scopes.filter(({ name }) => wanted.has(name)).map((scope) => [scope.name, { description: scope.description, isSensitive: scope.is_sensitive }]));
  }
}
