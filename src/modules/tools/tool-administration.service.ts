import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { DataSource, Repository, type EntityManager, type SelectQueryBuilder } from 'typeorm';
import { nowDate } from '../../kernel/clock.js';
import { isId, newId } from '../../kernel/ids.js';
import { usdInMicros } from '../../kernel/usd.js';
import { MasterKey } from '../../platform/crypto/master-key.js';
import { containing } from '../../platform/database/like-pattern.js';
import { notifyChanged } from '../../platform/database/notify.js';
import type { Caller } from '../../platform/http/caller.js';
import { readPage, type Page } from '../../platform/http/page.js';
import { doneBy, type AuditEventType } from '../audit/audit-event.js';
import { AuditLog } from '../audit/audit-log.service.js';
import { unknownResources } from '../resources/resources.errors.js';
import { ResourcesService } from '../resources/resources.service.js';
import { ScopesService } from '../scopes/scopes.service.js';
import type { InputSchema } from './input-schema.js';
import { Tool, type ToolId } from './tool.entity.js';
import type { CreateToolDto, ToolsQuery, UpdateToolDto } from './tools.dto.js';
import { invalidInputSchema, toolNameTaken, toolNotFound } from './tools.errors.js';
import { ToolsService } from './tools.service.js';

/** What callers of the API do with tools. */
@Injectable()
export class ToolAdministration {
  private readonly cursorKey: Buffer;

  constructor(
    @InjectRepository(Tool) private readonly repository: Repository<Tool>,
    private readonly tools: ToolsService,
    private readonly scopes: ScopesService,
    private readonly resources: ResourcesService,
    private readonly dataSource: DataSource,
    private readonly audit: AuditLog,
    masterKey: MasterKey,
  ) {
    this.cursorKey = masterKey.derive('list-cursor');
  }

  async list(caller: Caller, query: ToolsQuery): Promise<Page<Tool>> {
    return readPage(this.visible(caller, query), 'tool.id', (row) => row.id, query, this.cursorKey);
  }

  /** @throws DomainError `tool_not_found` */
  async get(caller: Caller, id: string): Promise<Tool> {
    if (!isId(id)) throw toolNotFound();
    const tool = await this.visible(caller, {}).andWhere('tool.id = :id', { id }).getOne();
    if (!tool) throw toolNotFound();
    return tool;
  }

  /** @throws DomainError `tool_name_taken`, `invalid_input_schema`, `unknown_scope`, `unknown_resource` */
  async create(caller: Caller, input: CreateToolDto): Promise<Tool> {
    this.checkSchema(input.input_schema);
    const at = nowDate();
    return this.changing(async (manager) => {
      const tool = manager.create(Tool, {
        id: newId<ToolId>(), organizationId: caller.organizationId, name: input.name, description: input.description ?? null, category: input.category ?? null,
        inputSchema: input.input_schema ?? null, permissionsRequired: input.permissions_required ?? [], resourceIdentifier: input.resource ?? null,
        costMicros: usdInMicros(input.cost_usd) ?? 0, isActive: true, createdAt: at, updatedAt: at,
      });
      await this.assertReachable(manager, tool);
      // As a plain object: TypeORM's type of what can be inserted cannot hold JSON of unknown shape.
      const { raw } = await manager.createQueryBuilder().insert().into(Tool).values({ ...tool } as object).orIgnore().returning('id').execute();
      if ((raw as unknown[]).length === 0) throw toolNameTaken(input.name);
      await this.record(manager, caller, 'tool.created', tool, { permissions_required: tool.permissionsRequired, resource: tool.resourceIdentifier });
      return tool;
    });
  }

  /** @throws DomainError `tool_not_found`, `invalid_input_schema`, `unknown_scope`, `unknown_resource` */
  async update(caller: Caller, id: string, changes: UpdateToolDto): Promise<Tool> {
    this.checkSchema(changes.input_schema);
    return this.changing(async (manager) => {
      const tool = await this.lock(manager, caller, id);
      const former = { ...tool };
      Object.assign(tool, {
        description: orFormer(changes.description, tool.description),
        category: orFormer(changes.category, tool.category),
        inputSchema: orFormer<InputSchema | null>(changes.input_schema, tool.inputSchema),
        permissionsRequired: changes.permissions_required ?? tool.permissionsRequired,
        resourceIdentifier: orFormer(changes.resource, tool.resourceIdentifier),
        costMicros: usdInMicros(changes.cost_usd) ?? tool.costMicros,
        updatedAt: nowDate(),
      });
      await this.assertReachable(manager, tool, former);
      await manager.save(tool);
      await this.record(manager, caller, 'tool.updated', tool, {
        changed: Object.keys(changes).sort(), permissions_required: tool.permissionsRequired, resource: tool.resourceIdentifier,
      });
      return tool;
    });
  }

  /** @throws DomainError `tool_not_found` */
  async activate(caller: Caller, id: string): Promise<Tool> {
    return this.setActive(caller, id, true);
  }

  /**
   * From now on no token gets it. Agents keep it for when it is active again.
   * @throws DomainError `tool_not_found`
   */
  async deactivate(caller: Caller, id: string): Promise<Tool> {
    return this.setActive(caller, id, false);
  }

  /**
   * Takes it away from every agent that has it.
   * @throws DomainError `tool_not_found`
   */
  async delete(caller: Caller, id: string): Promise<void> {
    await this.changing(async (manager) => {
      const tool = await this.lock(manager, caller, id);
      await manager.delete(Tool, { id: tool.id });
      await this.record(manager, caller, 'tool.deleted', tool);
    });
  }

  private setActive(caller: Caller, id: string, isActive: boolean): Promise<Tool> {
    return this.changing(async (manager) => {
      const tool = await this.lock(manager, caller, id);
      if (tool.isActive === isActive) return tool;
      Object.assign(tool, { isActive, updatedAt: nowDate() });
      await manager.save(tool);
      await this.record(manager, caller, isActive ? 'tool.activated' : 'tool.deactivated', tool);
      return tool;
    });
  }

  private checkSchema(schema: InputSchema | null | undefined): void {
    const problem = schema && this.tools.schemaProblem(schema);
    if (problem) throw invalidInputSchema(problem);
  }

  /** @param former what it has already: names in there may have ceased to exist */
  private async assertReachable(manager: EntityManager, tool: Tool, former?: Pick<Tool, 'permissionsRequired' | 'resourceIdentifier'>): Promise<void> {
    await this.scopes.assertKnown(manager, tool.organizationId, tool.permissionsRequired.filter((name) => !former?.permissionsRequired.includes(name)));
    const { resourceIdentifier } = tool;
    if (resourceIdentifier === null || resourceIdentifier === former?.resourceIdentifier) return;
    const unknown = await this.resources.unknown(manager, tool.organizationId, [resourceIdentifier]);
    if (unknown.length > 0) throw unknownResources(unknown);
  }

  private visible(caller: Caller, { category, resource, q }: ToolsQuery): SelectQueryBuilder<Tool> {
    const query = this.repository.createQueryBuilder('tool').where('tool.organizationId = :organizationId', { organizationId: caller.organizationId });
    if (category !== undefined) query.andWhere('tool.category = :category', { category });
    if (resource !== undefined) query.andWhere('tool.resourceIdentifier = :resource', { resource });
    if (q !== undefined) query.andWhere('(tool.name ILIKE :pattern OR tool.description ILIKE :pattern)', { pattern: containing(q) });
    return query;
  }

  private async lock(manager: EntityManager, caller: Caller, id: string): Promise<Tool> {
    const tool = isId(id)
      ? await manager.createQueryBuilder(Tool, 'tool').setLock('for_no_key_update').where('tool.id = :id AND tool.organizationId = :organizationId', { id, organizationId: caller.organizationId }).getOne()
      : null;
    if (!tool) throw toolNotFound();
    return tool;
  }

  /** Runs in a transaction, then drops what this node remembers; the others are told by the database. */
  private async changing<T>(change: (manager: EntityManager) => Promise<T>): Promise<T> {
    const changed = await this.dataSource.transaction(change);
    this.tools.invalidate();
    return changed;
  }

  private async record(manager: EntityManager, caller: Caller, type: AuditEventType, tool: Tool, details: object = {}): Promise<void> {
    await notifyChanged(manager, 'tool', tool.id);
    await this.audit.recordIn(manager, {
      type, outcome: 'success', organization_id: caller.organizationId, ...doneBy(caller), target: { kind: 'tool', id: tool.id }, details: { name: tool.name, ...details },
    });
  }
}

/** Undefined says nothing, null says "none". */
function orFormer<T>(given: T | undefined, former: T): T {
  return given === undefined ? former : given;
}
