import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { DataSource, IsNull, Repository, type EntityManager, type SelectQueryBuilder } from 'typeorm';
import { nowDate } from '../../kernel/clock.js';
import { isId, newId } from '../../kernel/ids.js';
import type { CoveredScope } from '../../kernel/scope-graph.js';
import { MasterKey } from '../../platform/crypto/master-key.js';
import { containing } from '../../platform/database/like-pattern.js';
import { notifyChanged } from '../../platform/database/notify.js';
import type { Caller } from '../../platform/http/caller.js';
import { readPage, type Page } from '../../platform/http/page.js';
import { doneBy } from '../audit/audit-event.js';
import { AuditLog } from '../audit/audit-log.service.js';
import { Scope, type ScopeId } from './scope.entity.js';
import type { CreateScopeDto, ScopesQuery, UpdateScopeDto } from './scopes.dto.js';
import { graphOf, readScopeGraph, readScopes } from './scope-rows.js';
import { impliesReserved, scopeBuiltIn, scopeCycle, scopeFromFile, scopeNameReserved, scopeNameTaken, scopeNotFound } from './scopes.errors.js';
import { ScopesService } from './scopes.service.js';

/** What callers of the API do with scopes. */
@Injectable()
export class ScopeAdministration {
  private readonly cursorKey: Buffer;

  constructor(
    @InjectRepository(Scope) private readonly repository: Repository<Scope>,
    private readonly scopes: ScopesService,
    private readonly dataSource: DataSource,
    private readonly audit: AuditLog,
    masterKey: MasterKey,
  ) {
    this.cursorKey = masterKey.derive('list-cursor');
  }

  async list(caller: Caller, query: ScopesQuery): Promise<Page<Scope>> {
    return readPage(this.visible(caller, query), 'scope.id', (row) => row.id, query, this.cursorKey);
  }

  /** The active ones, each name once: where the installation and the organization define the same name, the former holds. */
  async registry(caller: Caller, query: ScopesQuery): Promise<Page<Scope>> {
    const scopes = this.visible(caller, query).andWhere('scope.isActive')
      .andWhere('(scope.organizationId IS NULL OR NOT EXISTS (SELECT FROM scopes common WHERE common.organization_id IS NULL AND common.is_active AND common.name = scope.name))');
    return readPage(scopes, 'scope.id', (row) => row.id, query, this.cursorKey);
  }

  /** The registered active scopes that somebody with these would have, and those among these that give nothing. */
  async expand(caller: Caller, held: readonly string[]): Promise<{ covered: CoveredScope[]; inactive: string[] }> {
    const rows = await readScopes(this.repository.manager, caller.organizationId);
    const graph = graphOf(rows);
    return { covered: graph.expand(new Set(held), rows.map(({ name }) => name)), inactive: held.filter((name) => !graph.isActive(name)) };
  }

  /** @throws DomainError `scope_not_found` */
  async get(caller: Caller, id: string): Promise<Scope> {
    if (!isId(id)) throw scopeNotFound();
    const scope = await this.visible(caller, {}).andWhere('scope.id = :id', { id }).getOne();
    if (!scope) throw scopeNotFound();
    return scope;
  }

  /** @throws DomainError `scope_name_taken`, `scope_name_reserved`, `unknown_scope`, `implied_scope_reserved`, `scope_cycle` */
  async create(caller: Caller, input: CreateScopeDto): Promise<Scope> {
    if (this.scopes.isReserved(input.name)) throw scopeNameReserved(input.name);
    const at = nowDate();
    return this.changing(async (manager) => {
      await this.assertMayImply(manager, caller, input.name, input.implies ?? []);
      if (await manager.existsBy(Scope, { organizationId: IsNull(), name: input.name, isActive: true })) throw scopeNameReserved(input.name);
      const scope = manager.create(Scope, {
        id: newId<ScopeId>(), organizationId: caller.organizationId, source: 'organization', name: input.name, description: input.description ?? null,
        category: input.category ?? null, implies: input.implies ?? [], isDefault: input.is_default ?? false, isSensitive: input.is_sensitive ?? false,
        requiresApproval: input.requires_approval ?? false, isActive: true, createdAt: at, updatedAt: at,
      });
      const { raw } = await manager.createQueryBuilder().insert().into(Scope).values({ ...scope }).orIgnore().returning('id').execute();
      if ((raw as unknown[]).length === 0) throw scopeNameTaken(input.name);
      await this.record(manager, caller, 'scope.created', scope);
      return scope;
    });
  }

  /** @throws DomainError `scope_not_found`, `scope_built_in`, `scope_from_file`, `unknown_scope`, `implied_scope_reserved`, `scope_cycle` */
  async update(caller: Caller, id: string, changes: UpdateScopeDto): Promise<Scope> {
    return this.changing(async (manager) => {
      const scope = await this.lock(manager, caller, id);
      if (changes.implies) await this.assertMayImply(manager, caller, scope.name, changes.implies, scope.implies);
      Object.assign(scope, {
        description: changes.description === undefined ? scope.description : changes.description,
        category: changes.category === undefined ? scope.category : changes.category,
        implies: changes.implies ?? scope.implies,
        isDefault: changes.is_default ?? scope.isDefault,
        isSensitive: changes.is_sensitive ?? scope.isSensitive,
        requiresApproval: changes.requires_approval ?? scope.requiresApproval,
        isActive: changes.is_active ?? scope.isActive,
        updatedAt: nowDate(),
      });
      await manager.save(scope);
      await this.record(manager, caller, 'scope.updated', scope, Object.keys(changes).sort());
      return scope;
    });
  }

  /**
   * Registrations, resources and other scopes that name it keep the name, but no token gets it any more, and none that has it
   * is honoured for it.
   * @throws DomainError `scope_not_found`, `scope_built_in`, `scope_from_file`
   */
  async delete(caller: Caller, id: string): Promise<void> {
    await this.changing(async (manager) => {
      const scope = await this.lock(manager, caller, id);
      await manager.delete(Scope, { id: scope.id });
      await this.record(manager, caller, 'scope.deleted', scope);
    });
  }

  /**
   * One at a time in each organization, or two that imply one another would both be let in.
   *
   * @param former what it implies already: names in there may have ceased to exist
   */
  private async assertMayImply(manager: EntityManager, caller: Caller, name: string, implies: readonly string[], former: readonly string[] = []): Promise<void> {
    if (implies.length === 0) return;
    const reserved = implies.filter((implied) => this.scopes.isApiScope(implied) || this.scopes.isOidcScope(implied));
    if (reserved.length > 0) throw impliesReserved(reserved);
    await manager.query('SELECT pg_advisory_xact_lock(hashtext($1))', [`scopes:${caller.organizationId}`]);
    const cycle = (await readScopeGraph(manager, caller.organizationId)).cycle(name, implies);
    if (cycle) throw scopeCycle(cycle);
    await this.scopes.assertKnown(manager, caller.organizationId, implies.filter((implied) => !former.includes(implied)));
  }

  /** Runs in a transaction, then drops what this node remembers; the others are told by the database. */
  private async changing<T>(change: (manager: EntityManager) => Promise<T>): Promise<T> {
    const changed = await this.dataSource.transaction(change);
    this.scopes.invalidate();
    return changed;
  }

  private visible(caller: Caller, { category, q }: ScopesQuery): SelectQueryBuilder<Scope> {
    const query = this.repository.createQueryBuilder('scope')
      // One of the server's own that is off (the demo's, in production) might as well not be there.
      .where('(scope.organizationId = :organizationId OR (scope.organizationId IS NULL AND scope.isActive))', { organizationId: caller.organizationId });
    if (category !== undefined) query.andWhere('scope.category = :category', { category });
    if (q !== undefined) query.andWhere('(scope.name ILIKE :pattern OR scope.description ILIKE :pattern)', { pattern: containing(q) });
    return query;
  }

  private async lock(manager: EntityManager, caller: Caller, id: string): Promise<Scope> {
    if (!isId(id)) throw scopeNotFound();
    const scope = await manager.createQueryBuilder(Scope, 'scope').setLock('for_no_key_update').where('scope.id = :id', { id }).getOne();
    if (scope && scope.organizationId === null && scope.isActive) throw scope.source === 'file' ? scopeFromFile() : scopeBuiltIn();
    if (!scope || scope.organizationId !== caller.organizationId) throw scopeNotFound();
    return scope;
  }

  private async record(manager: EntityManager, caller: Caller, type: 'scope.created' | 'scope.updated' | 'scope.deleted', scope: Scope, changed?: string[]): Promise<void> {
    await notifyChanged(manager, 'scope', scope.id);
    await this.audit.recordIn(manager, {
      type, outcome: 'success', organization_id: caller.organizationId, ...doneBy(caller), target: { kind: 'scope', id: scope.id }, details: { name: scope.name, changed },
    });
  }
}
