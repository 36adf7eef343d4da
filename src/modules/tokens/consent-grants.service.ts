import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { DataSource, IsNull, type EntityManager, type Repository } from 'typeorm';
import { nowDate } from '../../kernel/clock.js';
import type { AuditParty } from '../audit/audit-event.js';
import { AuditLog } from '../audit/audit-log.service.js';
import { ConsentGrant, type ConsentGrantId } from './consent-grant.entity.js';

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

  /** Records that a person agreed. What they agreed to before for the same client and organization ends with it. */
  async give(grant: Omit<ConsentGrant, 'revokedAt' | 'createdAt'>, replaces: string | undefined, details: { scope: string }): Promise<void> {
    const actor: AuditParty = { kind: 'user', id: grant.userId, client_id: grant.clientId };
    await this.dataSource.transaction(async (manager) => {
      if (replaces && await markRevoked(manager, replaces)) {
        await manager.insert(ConsentGrant, { ...grant, payload: grant.payload as object });
        await this.audit.recordIn(manager, consentEvent('consent.revoked', grant, replaces, actor, { replaced_by: grant.id }), consentEvent('consent.granted', grant, grant.id, actor, details));
        return;
      }
      await manager.insert(ConsentGrant, { ...grant, payload: grant.payload as object });
      await this.audit.recordIn(manager, consentEvent('consent.granted', grant, grant.id, actor, details));
    });
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
