import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { DataSource, Repository, type EntityManager, type SelectQueryBuilder } from 'typeorm';
import { nowDate } from '../../kernel/clock.js';
import { isId, newId } from '../../kernel/ids.js';
import { MasterKey } from '../../platform/crypto/master-key.js';
import { containing } from '../../platform/database/like-pattern.js';
import { notifyChanged } from '../../platform/database/notify.js';
import type { Caller } from '../../platform/http/caller.js';
import { readPage, type Page } from '../../platform/http/page.js';
import { doneBy } from '../audit/audit-event.js';
import { AuditLog } from '../audit/audit-log.service.js';
import { Scope, type ScopeId } from './scope.entity.js';
import type { CreateScopeDto, ScopesQuery, UpdateScopeDto } from './scopes.dto.js';
import { scopeBuiltIn, scopeNameReserved, scopeNameTaken, scopeNotFound } from './scopes.errors.js';
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

  /** The active ones. */
  async registry(caller: Caller, query: ScopesQuery): Promise<Page<Scope>> {
    return readPage(this.visible(caller, query).andWhere('scope.isActive'), 'scope.id', (row) => row.id, query, this.cursorKey);
  }

  /** @throws DomainError `scope_not_found` */
  async get(caller: Caller, id: string): Promise<Scope> {
    if (!isId(id)) throw scopeNotFound();
    const scope = await this.visible(caller, {}).andWhere('scope.id = :id', { id }).getOne();
    if (!scope) throw scopeNotFound();
    return scope;
  }

  /** @throws DomainError `scope_name_taken`, `scope_name_reserved` */
  async create(caller: Caller, input: CreateScopeDto): Promise<Scope> {
    if (this.scopes.isReserved(input.name)) throw scopeNameReserved(input.name);
    const at = nowDate();
    return this.dataSource.transaction(async (manager) => {
      const scope = manager.create(Scope, {
        id: newId<ScopeId>(), organizationId: caller.organizationId, name: input.name, description: input.description ?? null, category: input.category ?? null,
        isDefault: input.is_default ?? false, isSensitive: input.is_sensitive ?? false, isActive: true, createdAt: at, updatedAt: at,
      });
      const { raw } = await manager.createQueryBuilder().insert().into(Scope).values({ ...scope }).orIgnore().returning('id').execute();
      if ((raw as unknown[]).length === 0) throw scopeNameTaken(input.name);
      await this.record(manager, caller, 'scope.created', scope);
      return scope;
    });
  }

  /** @throws DomainError `scope_not_found`, `scope_built_in` */
  async update(caller: Caller, id: string, changes: UpdateScopeDto): Promise<Scope> {
    return this.dataSource.transaction(async (manager) => {
      const scope = await this.lock(manager, caller, id);
      Object.assign(scope, {
        description: changes.description === undefined ? scope.description : changes.description,
        category: changes.category === undefined ? scope.category : changes.category,
        isDefault: changes.is_default ?? scope.isDefault,
        isSensitive: changes.is_sensitive ?? scope.isSensitive,
        isActive: changes.is_active ?? scope.isActive,
        updatedAt: nowDate(),
      });
      await manager.save(scope);
      await this.record(manager, caller, 'scope.updated', scope, Object.keys(changes).sort());
      return scope;
    });
  }

  /**
   * Registrations and resources that name it keep the name, but no token gets it any more.
   * @throws DomainError `scope_not_found`, `scope_built_in`
   */
  async delete(caller: Caller, id: string): Promise<void> {
    await this.dataSource.transaction(async (manager) => {
      const scope = await this.lock(manager, caller, id);
      await manager.delete(Scope, { id: scope.id });
      await this.record(manager, caller, 'scope.deleted', scope);
    });
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
    if (scope && scope.organizationId === null && scope.isActive) throw scopeBuiltIn();
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
