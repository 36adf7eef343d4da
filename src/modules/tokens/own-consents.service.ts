import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { IsNull, MoreThan, Repository } from 'typeorm';
import { nowDate } from '../../kernel/clock.js';
import { isId, type UserId } from '../../kernel/ids.js';
import { MasterKey } from '../../platform/crypto/master-key.js';
import type { Caller } from '../../platform/http/caller.js';
import { readPage, type Page, type PageQuery } from '../../platform/http/page.js';
import { doneBy } from '../audit/audit-event.js';
import { ClientsService, type ClientRecord } from '../clients/clients.service.js';
import { personRequired } from '../users/users.errors.js';
import { ConsentGrant, type ConsentGrantId } from './consent-grant.entity.js';
import { ConsentGrants } from './consent-grants.service.js';
import { consentNotFound } from './tokens.errors.js';

export interface OwnConsent {
  readonly consent: ConsentGrant;
  readonly client?: ClientRecord;
}

/** What a person has agreed to in the organization of their token, and how they take it back. */
@Injectable()
export class OwnConsents {
  private readonly cursorKey: Buffer;

  constructor(
    @InjectRepository(ConsentGrant) private readonly repository: Repository<ConsentGrant>,
    private readonly consents: ConsentGrants,
    private readonly clients: ClientsService,
    masterKey: MasterKey,
  ) {
    this.cursorKey = masterKey.derive('list-cursor');
  }

  /** Those that stand. @throws DomainError `person_required` */
  async list(caller: Caller, page: PageQuery): Promise<Page<OwnConsent>> {
    const query = this.repository.createQueryBuilder('consent').where({
      userId: inPerson(caller), organizationId: caller.organizationId, revokedAt: IsNull(), expiresAt: MoreThan(nowDate()),
    });
    const { data, next_cursor } = await readPage(query, 'consent.id', ({ id }) => id, page, this.cursorKey);
    return { data: await Promise.all(data.map(async (consent) => ({ consent, client: await this.clients.findCached(consent.clientId) }))), next_cursor };
  }

  /**
   * Every token that stands on the consent ends with it.
   * @throws DomainError `person_required`, `consent_not_found`
   */
  async revoke(caller: Caller, id: string): Promise<void> {
    const userId = inPerson(caller);
    const isOwn = isId(id) && await this.repository.existsBy({ id: id as ConsentGrantId, userId, organizationId: caller.organizationId });
    if (!isOwn || !await this.consents.revoke(id, doneBy(caller).actor, 'taken_back')) throw consentNotFound();
  }
}

/** Somebody who acts for a person neither sees nor ends what the person agreed to. */
function inPerson(caller: Caller): UserId {
  if (caller.kind !== 'user' || caller.act !== undefined) throw personRequired();
  return caller.subject as UserId;
}
