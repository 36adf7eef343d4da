import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { DataSource, IsNull, type EntityManager, type Repository } from 'typeorm';
import { nowDate } from '../../kernel/clock.js';
import type { AuditParty } from '../audit/audit-event.js';
import { AuditLog } from '../audit/audit-log.service.js';
import { ConsentGrant, type ConsentGrantId } from './consent-grant.entity.js';

type NewConsent = Omit<ConsentGrant, 'revokedAt' | 'createdAt'>;

/** Consents: given on the consent page, revoked by the person, by the protocol when a token is stolen, or by an administrator. */
@Injectable()
export class ConsentGrants {
  constructor(
    @InjectRepository(ConsentGrant) private readonly grants: Repository<ConsentGrant>,
    private readonly dataSource: DataSource,
    private readonly audit: AuditLog,
  ) {}

  /** A consent that was not revoked; expiry is for the caller to judge. */
  findActive(id: string): Promise<ConsentGrant | null> {
    return this.grants.findOneBy({ id: id as ConsentGrantId, revokedAt: IsNull() });
  }

  /** Records that a person agreed; answers the consent's id. */
  async give(grant: NewConsent, details: { scope: string }): Promise<string> {
    await this.dataSource.transaction(async (manager) => {
      await manager.insert(ConsentGrant, { ...grant, payload: grant.payload as object });
      await this.audit.recordIn(manager, consentEvent('consent.granted', grant, grant.id, personOf(grant), details));
    });
    return grant.id;
  }

  /**
   * Records that a person agreed to more for the same client: what they agreed to before goes on. When it was revoked
   * meanwhile, a consent of its own is given. Answers the id of the one that stands.
   */
  async extend(id: string, grant: NewConsent, details: { scope: string }): Promise<string> {
    const isExtended = await this.dataSource.transaction(async (manager) => {
      const { affected } = await manager.update(ConsentGrant, { id: id as ConsentGrantId, userId: grant.userId, clientId: grant.clientId, revokedAt: IsNull() },
        { payload: grant.payload as object, expiresAt: grant.expiresAt });
      if (affected !== 1) return false;
      await this.audit.recordIn(manager, consentEvent('consent.granted', grant, id, personOf(grant), details));
      return true;
    });
    return isExtended ? id : this.give(grant, details);
  }

  /** Ends a consent and, with it, every token that stands on it. Answers whether it was still standing. */
  async revoke(id: string, actor: AuditParty, reason?: string): Promise<boolean> {
    const grant = await this.findActive(id);
    if (!grant) return false;
    return this.dataSource.transaction(async (manager) => {
      if (!await markRevoked(manager, id)) return false;
      await this.audit.recordIn(manager, { ...consentEvent('consent.revoked', grant, id, actor), reason });
      return true;
    });
  }
}

function personOf(grant: NewConsent): AuditParty {
  return { kind: 'user', id: grant.userId, client_id: grant.clientId };
}

async function markRevoked(manager: EntityManager, id: string): Promise<boolean> {
  const { affected } = await manager.update(ConsentGrant, { id: id as ConsentGrantId, revokedAt: IsNull() }, { revokedAt: nowDate() });
  return affected === 1;
}

function consentEvent(
  type: 'consent.granted' | 'consent.revoked', grant: Pick<ConsentGrant, 'organizationId' | 'userId' | 'clientId'>, id: string,
  actor: AuditParty, details?: { [key: string]: string },
) {
  return {
    type, outcome: 'success' as const, organization_id: grant.organizationId, actor, subject: grant.userId,
    target: { kind: 'consent', id }, details: { client_id: grant.clientId, ...details },
  };
}
