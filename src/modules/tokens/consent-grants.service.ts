import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { DataSource, In, IsNull, type EntityManager, type Repository } from 'typeorm';
import { nowDate } from '../../kernel/clock.js';
import type { AgentId } from '../../kernel/ids.js';
import type { AuditEvent, AuditParty } from '../audit/audit-event.js';
import { AuditLog } from '../audit/audit-log.service.js';
import { Endings, type EndedCounts } from '../audit/endings.service.js';
import { UNMETERED, type Authority } from '../delegation/authority.js';
import type { DelegationGrantId } from '../delegation/delegation-grant.entity.js';
import { DelegationGrants } from '../delegation/delegation-grants.service.js';
import { ConsentGrant, type ConsentGrantId } from './consent-grant.entity.js';
import { consentedScopes } from './consent-scopes.js';

/** What a person is about to agree to. */
export interface NewConsent extends Omit<ConsentGrant, 'revokedAt' | 'createdAt' | 'delegationGrantId'> {
  /** The agent that will act for the person by it. Their agreement is then a delegation as well. */
  readonly delegate?: AgentId;
}

interface Details {
  readonly scope: string;
}

/** Consents: given on the consent page, revoked by the person, by the protocol when a token is stolen, or by an administrator. */
@Injectable()
export class ConsentGrants {
  constructor(
    @InjectRepository(ConsentGrant) private readonly grants: Repository<ConsentGrant>,
    private readonly dataSource: DataSource,
    private readonly delegations: DelegationGrants,
    private readonly audit: AuditLog,
    private readonly endings: Endings,
  ) {}

  /** A consent that was not revoked, nor the delegation that it is; expiry is for the caller to judge. */
  async findActive(id: string): Promise<ConsentGrant | null> {
    return this.grants.createQueryBuilder('c').where('c.id = :id AND c.revokedAt IS NULL', { id })
      .andWhere('(c.delegationGrantId IS NULL OR EXISTS (SELECT FROM delegation_grants d WHERE d.id = c.delegation_grant_id AND d.revoked_at IS NULL))').getOne();
  }

  /** Records that a person agreed; answers the consent's id. */
  async give(consent: NewConsent, details: Details): Promise<string> {
    await this.dataSource.transaction((manager) => this.insert(manager, consent, details));
    return consent.id;
  }

  /**
   * Records that a person agreed to more for the same client: what they agreed to before goes on. When it was revoked
   * meanwhile, a consent of its own is given. Answers the id of the one that stands.
   */
  async extend(id: string, consent: NewConsent, details: Details): Promise<string> {
    const isExtended = await this.dataSource.transaction(async (manager) => {
      const before = await manager.createQueryBuilder(ConsentGrant, 'c').setLock('for_no_key_update')
        .where({ id: id as ConsentGrantId, userId: consent.userId, clientId: consent.clientId, revokedAt: IsNull() }).getOne();
      if (!before) return false;
      const delegationGrantId = before.delegationGrantId ?? await this.delegate(manager, consent);
      if (before.delegationGrantId) await this.delegations.redraw(manager, before.delegationGrantId, boundsOf(consent));
      await manager.update(ConsentGrant, { id: before.id }, { payload: consent.payload as object, expiresAt: consent.expiresAt, delegationGrantId });
      await this.audit.recordIn(manager, consentEvent('consent.granted', consent, id, personOf(consent), { ...details, delegation_grant_id: delegationGrantId }));
      return true;
    });
    return isExtended ? id : this.give(consent, details);
  }

  /**
   * Records that a person agreed to something else than before, and to less of something: what stood ends with all that was
   * issued for it, and another consent stands in its place. Answers its id.
   */
  async replace(id: string, consent: NewConsent, details: Details): Promise<string> {
    const before = await this.findActive(id);
    await this.dataSource.transaction(async (manager) => {
      const ended = before && await this.end(manager, before);
      if (ended) {
        await this.audit.recordIn(manager, { ...consentEvent('consent.revoked', before, id, personOf(consent), { ended, scope: details.scope }), reason: 'narrowed' });
      }
      await this.insert(manager, consent, details);
    });
    return consent.id;
  }

  /** Ends a consent and, with it, every token that stands on it. Answers whether it was still standing. */
  async revoke(id: string, actor: AuditParty, reason?: string): Promise<boolean> {
    const grant = await this.findActive(id);
    if (!grant) return false;
    return this.dataSource.transaction(async (manager) => {
      const ended = await this.end(manager, grant);
      if (!ended) return false;
      await this.audit.recordIn(manager, { ...consentEvent('consent.revoked', grant, id, actor, { ended }), reason });
      return true;
    });
  }

  /**
   * Ends every consent that a client has, or that a person gave, with the delegations that they are. The caller's transaction ends
   * with its own event, as of the next.
   *
   * @param organizationId in which; null for all
   */
  async revokeAll(manager: EntityManager, of: { readonly kind: 'client' | 'user'; readonly id: string }, organizationId: string | null): Promise<void> {
    await this.revokeWhere(manager, `${of.kind === 'client' ? 'g.client_id = $2' : 'g.user_id = $2::uuid'} AND ($3::uuid IS NULL OR g.organization_id = $3)`, [of.id, organizationId]);
  }

  /**
   * @param skipsLocked leaves those alone that somebody is changing, and answers false when there are any
   */
  async revokeEach(manager: EntityManager, ids: readonly string[], skipsLocked: boolean): Promise<boolean> {
    if (ids.length === 0) return true;
    await this.revokeWhere(manager, 'g.id = ANY ($2::uuid[])', [ids], skipsLocked);
    return !skipsLocked || !await manager.existsBy(ConsentGrant, { id: In(ids), revokedAt: IsNull() });
  }

  private async revokeWhere(manager: EntityManager, condition: string, values: unknown[], skipsLocked = false): Promise<void> {
    const ended = await manager.query<{ delegation_grant_id: string | null }[]>(
      `WITH free AS (SELECT g.id FROM consent_grants g WHERE ${condition} AND g.revoked_at IS NULL ORDER BY g.id FOR NO KEY UPDATE ${skipsLocked ? 'SKIP LOCKED' : ''}),
       ended AS (UPDATE consent_grants g SET revoked_at = $1 FROM free WHERE g.id = free.id RETURNING g.delegation_grant_id)
       SELECT delegation_grant_id FROM ended WHERE delegation_grant_id IS NOT NULL`, [nowDate(), ...values]);
    if (ended.length > 0) await this.delegations.revokeEach(manager, ended.map(({ delegation_grant_id: id }) => id!));
  }

  private async insert(manager: EntityManager, { delegate: _delegate, ...consent }: NewConsent, details: Details): Promise<void> {
    const delegationGrantId = await this.delegate(manager, { delegate: _delegate, ...consent });
    await manager.insert(ConsentGrant, { ...consent, delegationGrantId, payload: consent.payload as object });
    await this.audit.recordIn(manager, consentEvent('consent.granted', consent, consent.id, personOf(consent), { ...details, delegation_grant_id: delegationGrantId, actor_id: consent.actorId }));
  }

  /** Agreeing that an agent acts is delegating to it: everything that was agreed to at each resource, and nothing to hand on. */
  private async delegate(manager: EntityManager, consent: NewConsent): Promise<DelegationGrantId | null> {
    const bounds = boundsOf(consent);
    if (!consent.delegate || bounds.scopes.length === 0) return null;
    const { id } = await this.delegations.insert(manager, {
      ...bounds, organizationId: consent.organizationId, origin: 'consent', principalKind: 'user', principalId: consent.userId, agentId: consent.delegate, purpose: null,
      tools: null, authorizationDetails: [], maxDepth: 0, notBefore: null, maxTokenTtl: null, maxUses: null, ...UNMETERED,
    });
    return id;
  }

  /** Answers what ended with it; undefined when it was over before. */
  private async end(manager: EntityManager, { id, organizationId, delegationGrantId }: ConsentGrant): Promise<EndedCounts | undefined> {
    const ended = await this.endings.below(manager, { kind: 'consent', id, organizationId });
    const { affected } = await manager.update(ConsentGrant, { id, revokedAt: IsNull() }, { revokedAt: nowDate() });
    if (affected === 1 && delegationGrantId) await this.delegations.revoke(manager, delegationGrantId);
    return affected === 1 ? ended : undefined;
  }
}

/** What of a consent can be acted with: who somebody is, is nothing to act with. */
function boundsOf({ payload, expiresAt }: Pick<ConsentGrant, 'payload' | 'expiresAt'>): Pick<Authority, 'scopes' | 'resources' | 'expiresAt'> {
  const parts = consentedScopes(payload).filter(({ resource, scopes }) => resource !== null && scopes.length > 0);
  return {
    scopes: [...new Set(parts.flatMap(({ scopes }) => scopes))], resources: parts.map(({ resource }) => resource!), expiresAt: Math.floor(expiresAt.getTime() / 1000),
  };
}

function personOf(grant: Pick<ConsentGrant, 'userId' | 'clientId'>): AuditParty {
  return { kind: 'user', id: grant.userId, client_id: grant.clientId };
}

function consentEvent(
  type: 'consent.granted' | 'consent.revoked', grant: Pick<ConsentGrant, 'organizationId' | 'userId' | 'clientId'>, id: string,
  actor: AuditParty, details?: AuditEvent['details'],
) {
  return {
    type, outcome: 'success' as const, organization_id: grant.organizationId, actor, subject: grant.userId,
    target: { kind: 'consent', id }, details: { client_id: grant.clientId, ...details },
  };
}
