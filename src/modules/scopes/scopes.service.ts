import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { In, Repository, type EntityManager } from 'typeorm';
import { nowDate } from '../../kernel/clock.js';
import { newId, type OrganizationId } from '../../kernel/ids.js';
import { Config } from '../../platform/config/config.js';
import { builtInScopes, isApiScope, OIDC_SCOPES, type BuiltInScope } from './built-in-scopes.js';
import { Scope, type ScopeId } from './scope.entity.js';
import { unknownScopes } from './scopes.errors.js';

/** What other modules need of scopes. Nothing here is recorded: the caller's transaction ends with its own event. */
@Injectable()
export class ScopesService {
  private readonly builtIns: readonly BuiltInScope[];
  private readonly reserved: ReadonlySet<string>;

  constructor(@InjectRepository(Scope) private readonly scopes: Repository<Scope>, config: Config) {
    this.builtIns = builtInScopes(config.demoApi);
    this.reserved = new Set([...this.builtIns.map(({ name }) => name), ...OIDC_SCOPES]);
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
    const scopes = await this.scopes.createQueryBuilder('scope')
      .where('scope.isDefault AND scope.isActive AND (scope.organizationId = :organizationId OR scope.organizationId IS NULL)', { organizationId })
      .orderBy('scope.name').getMany();
    return scopes.map(({ name }) => name);
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
      id: newId<ScopeId>(), organizationId, name, description: null, category: null, isDefault: false, isSensitive: false, isActive: true, createdAt: at, updatedAt: at,
    }))).execute();
  }

  /**
   * Brings the scopes that come with the server into the database, as this version of it has them. Every start calls it;
   * it writes only what differs.
   */
  async ensureBuiltIns(manager: EntityManager): Promise<void> {
    const ids = this.builtIns.map(() => newId<ScopeId>());
    await manager.query(
      `INSERT INTO scopes AS s (id, organization_id, name, description, category, is_sensitive)
       SELECT id, NULL, name, description, category, is_sensitive
       FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::boolean[]) AS given (id, name, description, category, is_sensitive)
       ON CONFLICT (organization_id, name) DO UPDATE
         SET description = excluded.description, category = excluded.category, is_sensitive = excluded.is_sensitive, is_active = true, updated_at = now()
         WHERE (s.description, s.category, s.is_sensitive, s.is_active) IS DISTINCT FROM (excluded.description, excluded.category, excluded.is_sensitive, true)`,
      [ids, this.builtIns.map((scope) => scope.name), this.builtIns.map((scope) => scope.description),
        this.builtIns.map((scope) => scope.category), this.builtIns.map((scope) => scope.isSensitive)],
    );
    await manager.query(
      'UPDATE scopes SET is_active = false, updated_at = now() WHERE organization_id IS NULL AND is_active AND name <> ALL ($1::text[])',
      [this.builtInNames()],
    );
  }

  /** Descriptions for people, by name: of the organization's scopes and those of the server. Names without one are left out. */
  async describe(organizationId: OrganizationId, names: readonly string[]): Promise<Map<string, Pick<Scope, 'description' | 'isSensitive'>>> {
    if (names.length === 0) return new Map();
    const scopes = await this.scopes.createQueryBuilder('scope')
      .where({ name: In([...names]) })
      .andWhere('(scope.organizationId = :organizationId OR scope.organizationId IS NULL)', { organizationId })
      .getMany();
    return new Map(scopes.map(({ name, description, isSensitive }) => [name, { description, isSensitive }]));
  }
}
