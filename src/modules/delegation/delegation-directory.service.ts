import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { In, Repository, type SelectQueryBuilder } from 'typeorm';
import { nowDate } from '../../kernel/clock.js';
import { isId, type AgentId, type UserId } from '../../kernel/ids.js';
import { MasterKey } from '../../platform/crypto/master-key.js';
import type { Caller } from '../../platform/http/caller.js';
import { readPage, type Page, type PageQuery } from '../../platform/http/page.js';
import { Agent } from '../agents/agent.entity.js';
import { Membership } from '../organizations/membership.entity.js';
import { standingOf } from '../organizations/roles.js';
import { DelegationGrant } from './delegation-grant.entity.js';
import { delegationIsDead } from './delegation-liveness.js';
import type { DelegationsQuery } from './delegations.dto.js';
import { delegationNotFound, noSuchPrincipal } from './delegation.errors.js';

const MOST_DESCENDANTS = 1000;

/** A delegation and how it stands now. */
export interface StandingDelegation {
  readonly grant: DelegationGrant;
  readonly isActive: boolean;
}

/**
 * What callers of the API see of delegations: whoever runs the organization sees all of it; a member what they made, what goes
 * back to them, and what was made to agents of theirs; an agent what it made, got, or is acted for by.
 */
@Injectable()
export class DelegationDirectory {
  private readonly cursorKey: Buffer;

  constructor(@InjectRepository(DelegationGrant) private readonly grants: Repository<DelegationGrant>, masterKey: MasterKey) {
    this.cursorKey = masterKey.derive('list-cursor');
  }

  /** The newest first. */
  async list(caller: Caller, { principal_id, agent_id, active, ...page }: DelegationsQuery): Promise<Page<StandingDelegation>> {
    const query = this.visible(caller);
    if (principal_id !== undefined) query.andWhere('(d.principalId = :principalId OR d.subjectId = :principalId)', { principalId: principal_id });
    if (agent_id !== undefined) query.andWhere('d.agentId = :agentId', { agentId: agent_id });
    if (active !== undefined) query.andWhere(`coalesce(${delegationIsDead('d', ':now')}, false) = :dead`, { now: nowDate(), dead: !active });
    const { data, next_cursor } = await readPage(query, 'd.id', ({ id }) => id, page, this.cursorKey, 'DESC');
    return { data: await this.standing(data), next_cursor };
  }

  /**
   * What one person or agent of the organization delegated, and what was handed on from it.
   * @throws DomainError `no_such_principal`
   */
  async ofPrincipal(caller: Caller, id: string, page: PageQuery): Promise<Page<StandingDelegation>> {
    const { organizationId } = caller;
    const exists = isId(id) && (await this.grants.manager.existsBy(Membership, { organizationId, userId: id as UserId })
      || await this.grants.manager.existsBy(Agent, { organizationId, id: id as AgentId }));
    if (!exists) throw noSuchPrincipal();
    return this.list(caller, { ...page, principal_id: id });
  }

  /** @throws DomainError `delegation_not_found` */
  async get(caller: Caller, id: string): Promise<StandingDelegation> {
    const grant = isId(id) ? await this.visible(caller).andWhere('d.id = :id', { id }).getOne() : null;
    if (!grant) throw delegationNotFound();
    return (await this.standing([grant]))[0]!;
  }

  /** @throws DomainError `delegation_not_found` */
  async chain(caller: Caller, id: string): Promise<{ path: StandingDelegation[]; descendants: StandingDelegation[]; isTruncated: boolean }> {
    const { grant } = await this.get(caller, id);
    const above = grant.ancestors.length === 0 ? [] : await this.grants.findBy({ id: In(grant.ancestors) });
    const byId = new Map(above.map((one) => [one.id, one]));
    const below = await this.grants.createQueryBuilder('d').where('d.ancestors @> ARRAY[:id::uuid]', { id })
      .orderBy('cardinality(d.ancestors)').addOrderBy('d.id').limit(MOST_DESCENDANTS + 1).getMany();
    return {
      path: await this.standing([...grant.ancestors.flatMap((ancestor) => byId.get(ancestor) ?? []), grant]),
      descendants: await this.standing(below.slice(0, MOST_DESCENDANTS)),
      isTruncated: below.length > MOST_DESCENDANTS,
    };
  }

  private visible(caller: Caller): SelectQueryBuilder<DelegationGrant> {
    const query = this.grants.createQueryBuilder('d').where('d.organizationId = :organizationId', { organizationId: caller.organizationId });
    if (caller.kind === 'agent') query.andWhere('(d.principalId = :self OR d.subjectId = :self OR d.agentId = :self)', { self: caller.subject });
    else if (standingOf(caller) === 'member') {
      query.andWhere('(d.principalId = :self OR d.subjectId = :self OR d.agentId IN (SELECT owned.id FROM agents owned WHERE owned.owner_user_id = :self))', { self: caller.subject });
    }
    return query;
  }

  private async standing(grants: readonly DelegationGrant[]): Promise<StandingDelegation[]> {
    if (grants.length === 0) return [];
    const dead = await this.grants.query<{ id: string }[]>(`SELECT d.id FROM delegation_grants d WHERE d.id = ANY ($1) AND ${delegationIsDead('d', '$2')}`,
      [grants.map(({ id }) => id), nowDate()]);
    const ids = new Set(dead.map(({ id }) => id));
    return grants.map((grant) => ({ grant, isActive: !ids.has(grant.id) }));
  }
}
