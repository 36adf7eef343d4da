import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { DataSource, Repository, type EntityManager, type SelectQueryBuilder } from 'typeorm';
import { nowDate } from '../../kernel/clock.js';
import { isId, newId, type OrganizationId } from '../../kernel/ids.js';
import { MasterKey } from '../../platform/crypto/master-key.js';
import { containing } from '../../platform/database/like-pattern.js';
import { violatedConstraint } from '../../platform/database/violated-constraint.js';
import type { Caller } from '../../platform/http/caller.js';
import { readPage, type Page, type PageQuery } from '../../platform/http/page.js';
import { doneBy } from '../audit/audit-event.js';
import { AuditLog } from '../audit/audit-log.service.js';
import { Policy, type PolicyId } from './policy.entity.js';
import { MOST_POLICIES } from './policy-file.js';
import { PolicyDrafts } from './policy-drafts.service.js';
import { PolicySets } from './policy-sets.service.js';
import { PolicyVersion } from './policy-version.entity.js';
import type { CreatePolicyDto, PoliciesQuery, UpdatePolicyDto } from './policies.dto.js';
import { policyChanged, policyNameTaken, policyNotFound, policyVersionNotFound, tooManyPolicies } from './policies.errors.js';

type PolicyEvent = 'policy.created' | 'policy.updated' | 'policy.deleted' | 'policy.restored';

/** What callers of the API do with the policies of their organization. */
@Injectable()
export class PolicyAdministration {
  private readonly cursorKey: Buffer;

  constructor(
    @InjectRepository(Policy) private readonly repository: Repository<Policy>,
    private readonly drafts: PolicyDrafts,
    private readonly sets: PolicySets,
    private readonly dataSource: DataSource,
    private readonly audit: AuditLog,
    masterKey: MasterKey,
  ) {
    this.cursorKey = masterKey.derive('list-cursor');
  }

  async list(caller: Caller, { q, is_enabled: isEnabled, ...page }: PoliciesQuery): Promise<Page<Policy>> {
    const query = this.visible(caller).andWhere('policy.deletedAt IS NULL');
    if (q !== undefined) query.andWhere('(policy.name ILIKE :pattern OR policy.description ILIKE :pattern)', { pattern: containing(q) });
    if (isEnabled !== undefined) query.andWhere('policy.isEnabled = :isEnabled', { isEnabled: isEnabled === 'true' });
    return readPage(query, 'policy.id', (row) => row.id, page, this.cursorKey);
  }

  /** @throws DomainError `policy_not_found` */
  async get(caller: Caller, id: string): Promise<Policy> {
    const policy = isId(id) ? await this.visible(caller).andWhere('policy.id = :id AND policy.deletedAt IS NULL', { id }).getOne() : undefined;
    if (!policy) throw policyNotFound();
    return policy;
  }

  /**
   * The newest first; of a deleted policy, too.
   * @throws DomainError `policy_not_found`
   */
  async versions(caller: Caller, id: string, page: PageQuery): Promise<Page<PolicyVersion>> {
    const isKnown = isId(id) && await this.visible(caller).andWhere('policy.id = :id', { id }).getExists();
    if (!isKnown) throw policyNotFound();
    const query = this.dataSource.getRepository(PolicyVersion).createQueryBuilder('version').where('version.policyId = :id', { id });
    return readPage(query, 'version.version', (row) => String(row.version), page, this.cursorKey, 'DESC');
  }

  /** @throws DomainError `invalid_policy`, `policy_name_taken`, `too_many_policies` */
  async create(caller: Caller, input: CreatePolicyDto): Promise<Policy> {
    await this.drafts.check(caller.organizationId, input.rule);
    const at = nowDate();
    return this.changing(caller, async (manager) => {
      await this.assertRoom(manager, caller.organizationId);
      const policy = manager.create(Policy, {
        id: newId<PolicyId>(), organizationId: caller.organizationId, name: input.name, description: input.description ?? null, rule: input.rule,
        isEnabled: input.is_enabled ?? true, version: 1, deletedAt: null, createdAt: at, updatedAt: at,
      });
      await this.save(manager, caller, policy, 'policy.created', {});
      return policy;
    });
  }

  /** @throws DomainError `policy_not_found`, `policy_changed`, `invalid_policy`, `policy_name_taken` */
  async update(caller: Caller, id: string, { version, ...changes }: UpdatePolicyDto): Promise<Policy> {
    const present = await this.get(caller, id);
    if (changes.rule !== undefined || changes.is_enabled === true) await this.drafts.check(caller.organizationId, changes.rule ?? present.rule, present.id);
    return this.changing(caller, async (manager) => {
      const policy = await this.lock(manager, caller, id);
      if (version !== undefined && policy.version !== version) throw policyChanged(policy.version);
      Object.assign(policy, {
        name: changes.name ?? policy.name,
        description: changes.description === undefined ? policy.description : changes.description,
        rule: changes.rule ?? policy.rule,
        isEnabled: changes.is_enabled ?? policy.isEnabled,
        version: policy.version + 1,
        updatedAt: nowDate(),
      });
      await this.save(manager, caller, policy, 'policy.updated', { changed: Object.keys(changes).sort() });
      return policy;
    });
  }

  /** It decides nothing from now on; its versions stay. @throws DomainError `policy_not_found` */
  async delete(caller: Caller, id: string): Promise<void> {
    await this.changing(caller, async (manager) => {
      const policy = await this.lock(manager, caller, id);
      await manager.update(Policy, { id: policy.id }, { deletedAt: nowDate(), updatedAt: nowDate() });
      await this.record(manager, caller, 'policy.deleted', policy, {});
    });
  }

  /**
   * Makes a policy again what it was in one of its versions, as its newest version; also one that was deleted.
   * @throws DomainError `policy_not_found`, `policy_version_not_found`, `invalid_policy`, `policy_name_taken`, `too_many_policies`
   */
  async restore(caller: Caller, id: string, version: number): Promise<Policy> {
    const policyId = isId(id) && await this.visible(caller).andWhere('policy.id = :id', { id }).getExists() ? id as PolicyId : undefined;
    if (policyId === undefined) throw policyNotFound();
    const former = await this.dataSource.getRepository(PolicyVersion).findOneBy({ policyId, version });
    if (!former) throw policyVersionNotFound();
    await this.drafts.check(caller.organizationId, former.rule, policyId);
    return this.changing(caller, async (manager) => {
      const policy = await this.lock(manager, caller, id, { deletedToo: true });
      if (policy.deletedAt) await this.assertRoom(manager, caller.organizationId);
      const { name, description, rule, isEnabled } = former;
      Object.assign(policy, { name, description, rule, isEnabled, deletedAt: null, version: policy.version + 1, updatedAt: nowDate() });
      await this.save(manager, caller, policy, 'policy.restored', { restored_version: version });
      return policy;
    });
  }

  /** Changes of one organization's policies wait for each other, and are in force on this node when they are answered. */
  private async changing<T>(caller: Caller, change: (manager: EntityManager) => Promise<T>): Promise<T> {
    const result = await this.dataSource.transaction(async (manager) => {
      await this.sets.touch(manager, caller.organizationId);
      return change(manager);
    });
    this.sets.invalidate(caller.organizationId);
    return result;
  }

  private async save(manager: EntityManager, caller: Caller, policy: Policy, type: PolicyEvent, details: Record<string, string | number | string[]>): Promise<void> {
    try {
      await manager.save(policy);
    } catch (error) {
      if (violatedConstraint(error) === 'policies_name') throw policyNameTaken(policy.name);
      throw error;
    }
    const { id: policyId, version, name, description, rule, isEnabled, updatedAt } = policy;
    // As a plain object: TypeORM's type of what can be inserted cannot hold JSON of unknown shape.
    await manager.insert(PolicyVersion, { policyId, version, name, description, rule, isEnabled, createdBy: caller.subject, createdAt: updatedAt } as object);
    await this.record(manager, caller, type, policy, details);
  }

  private async assertRoom(manager: EntityManager, organizationId: OrganizationId): Promise<void> {
    const count = await manager.createQueryBuilder(Policy, 'policy').where('policy.organizationId = :organizationId AND policy.deletedAt IS NULL', { organizationId }).getCount();
    if (count >= MOST_POLICIES) throw tooManyPolicies(MOST_POLICIES);
  }

  private visible(caller: Caller): SelectQueryBuilder<Policy> {
    return this.repository.createQueryBuilder('policy').where('policy.organizationId = :organizationId', { organizationId: caller.organizationId });
  }

  private async lock(manager: EntityManager, caller: Caller, id: string, { deletedToo = false } = {}): Promise<Policy> {
    const policy = isId(id) ? await manager.createQueryBuilder(Policy, 'policy').setLock('for_no_key_update').where('policy.id = :id', { id }).getOne() : undefined;
    if (!policy || policy.organizationId !== caller.organizationId || (policy.deletedAt && !deletedToo)) throw policyNotFound();
    return policy;
  }

  private async record(manager: EntityManager, caller: Caller, type: PolicyEvent, policy: Policy, details: Record<string, string | number | string[]>): Promise<void> {
    await this.audit.recordIn(manager, {
      type, outcome: 'success', organization_id: caller.organizationId, ...doneBy(caller), target: { kind: 'policy', id: policy.id },
      details: { name: policy.name, version: policy.version, is_enabled: policy.isEnabled, ...details },
    });
  }
}
