import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { DataSource, Repository, type EntityManager, type SelectQueryBuilder } from 'typeorm';
import { nowDate } from '../../kernel/clock.js';
import { isId, newId, type ResourceId } from '../../kernel/ids.js';
import { Config } from '../../platform/config/config.js';
import { MasterKey } from '../../platform/crypto/master-key.js';
import { containing } from '../../platform/database/like-pattern.js';
import { notifyChanged } from '../../platform/database/notify.js';
import type { Caller } from '../../platform/http/caller.js';
import { readPage, type Page } from '../../platform/http/page.js';
import { doneBy } from '../audit/audit-event.js';
import { AuditLog } from '../audit/audit-log.service.js';
import { ScopesService } from '../scopes/scopes.service.js';
import { canonicalIdentifier, isAtHostOf, resourceIdentifierProblem } from './resource-identifier.js';
import { Resource } from './resource.entity.js';
import type { CreateResourceDto, ResourcesQuery, UpdateResourceDto } from './resources.dto.js';
import { invalidResourceIdentifier, resourceBuiltIn, resourceIdentifierReserved, resourceIdentifierTaken, resourceNotFound } from './resources.errors.js';
import { ResourcesService } from './resources.service.js';

/** What callers of the API do with resources. */
@Injectable()
export class ResourceAdministration {
  private readonly cursorKey: Buffer;

  constructor(
    @InjectRepository(Resource) private readonly repository: Repository<Resource>,
    private readonly resources: ResourcesService,
    private readonly scopes: ScopesService,
    private readonly dataSource: DataSource,
    private readonly audit: AuditLog,
    private readonly config: Config,
    masterKey: MasterKey,
  ) {
    this.cursorKey = masterKey.derive('list-cursor');
  }

  async list(caller: Caller, query: ResourcesQuery): Promise<Page<Resource>> {
    return readPage(this.visible(caller, query), 'resource.id', (row) => row.id, query, this.cursorKey);
  }

  /** @throws DomainError `resource_not_found` */
  async get(caller: Caller, id: string): Promise<Resource> {
    if (!isId(id)) throw resourceNotFound();
    const resource = await this.visible(caller, {}).andWhere('resource.id = :id', { id }).getOne();
    if (!resource) throw resourceNotFound();
    return resource;
  }

  /** @throws DomainError `invalid_resource_identifier`, `resource_identifier_reserved`, `resource_identifier_taken`, `unknown_scope` */
  async create(caller: Caller, input: CreateResourceDto): Promise<Resource> {
    const problem = resourceIdentifierProblem(input.identifier);
    if (problem) throw invalidResourceIdentifier(problem);
    if (isAtHostOf(this.config.issuer, input.identifier)) throw resourceIdentifierReserved(input.identifier);
    const at = nowDate();
    const resource = await this.dataSource.transaction(async (manager) => {
      await this.scopes.assertKnown(manager, caller.organizationId, input.scopes ?? []);
      const resource = manager.create(Resource, {
        id: newId<ResourceId>(), organizationId: caller.organizationId, identifier: input.identifier, canonicalIdentifier: canonicalIdentifier(input.identifier),
        name: input.name, kind: input.kind ?? 'api', scopes: input.scopes ?? [],
        tokenFormat: input.token_format ?? 'jwt', signingAlgorithm: input.signing_algorithm ?? 'ES256', accessTokenTtl: input.access_token_ttl ?? null,
        isActive: true, createdAt: at, updatedAt: at,
      });
      const { raw } = await manager.createQueryBuilder().insert().into(Resource).values({ ...resource }).orIgnore().returning('id').execute();
      if ((raw as unknown[]).length === 0) throw resourceIdentifierTaken(input.identifier);
      await this.record(manager, caller, 'resource.created', resource);
      return resource;
    });
    this.resources.invalidate();
    return resource;
  }

  /** @throws DomainError `resource_not_found`, `resource_built_in`, `unknown_scope` */
  async update(caller: Caller, id: string, changes: UpdateResourceDto): Promise<Resource> {
    const resource = await this.dataSource.transaction(async (manager) => {
      const resource = await this.lock(manager, caller, id);
      const added = (changes.scopes ?? []).filter((name) => !resource.scopes.includes(name));
      await this.scopes.assertKnown(manager, caller.organizationId, added);
      Object.assign(resource, {
        name: changes.name ?? resource.name,
        kind: changes.kind ?? resource.kind,
        scopes: changes.scopes ?? resource.scopes,
        tokenFormat: changes.token_format ?? resource.tokenFormat,
        signingAlgorithm: changes.signing_algorithm ?? resource.signingAlgorithm,
        accessTokenTtl: changes.access_token_ttl === undefined ? resource.accessTokenTtl : changes.access_token_ttl,
        isActive: changes.is_active ?? resource.isActive,
        updatedAt: nowDate(),
      });
      await manager.save(resource);
      await this.record(manager, caller, 'resource.updated', resource, Object.keys(changes).sort());
      return resource;
    });
    this.resources.invalidate();
    return resource;
  }

  /** @throws DomainError `resource_not_found`, `resource_built_in` */
  async delete(caller: Caller, id: string): Promise<void> {
    await this.dataSource.transaction(async (manager) => {
      const resource = await this.lock(manager, caller, id);
      await manager.delete(Resource, { id: resource.id });
      await this.record(manager, caller, 'resource.deleted', resource);
    });
    this.resources.invalidate();
  }

  private visible(caller: Caller, { kind, q }: ResourcesQuery): SelectQueryBuilder<Resource> {
    const query = this.repository.createQueryBuilder('resource')
      .where('(resource.organizationId = :organizationId OR (resource.organizationId IS NULL AND resource.isActive))', { organizationId: caller.organizationId });
    if (kind !== undefined) query.andWhere('resource.kind = :kind', { kind });
    if (q !== undefined) query.andWhere('(resource.name ILIKE :pattern OR resource.identifier ILIKE :pattern)', { pattern: containing(q) });
    return query;
  }

  private async lock(manager: EntityManager, caller: Caller, id: string): Promise<Resource> {
    if (!isId(id)) throw resourceNotFound();
    const resource = await manager.createQueryBuilder(Resource, 'resource').setLock('for_no_key_update').where('resource.id = :id', { id }).getOne();
    if (resource && resource.organizationId === null && resource.isActive) throw resourceBuiltIn();
    if (!resource || resource.organizationId !== caller.organizationId) throw resourceNotFound();
    return resource;
  }

  private async record(
    manager: EntityManager, caller: Caller, type: 'resource.created' | 'resource.updated' | 'resource.deleted', resource: Resource, changed?: string[],
  ): Promise<void> {
    await notifyChanged(manager, 'resource', resource.id);
    await this.audit.recordIn(manager, {
      type, outcome: 'success', organization_id: caller.organizationId, ...doneBy(caller),
      target: { kind: 'resource', id: resource.id }, details: { identifier: resource.identifier, changed },
    });
  }
}
