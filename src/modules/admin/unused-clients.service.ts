import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager, type SelectQueryBuilder } from 'typeorm';
import { now, nowDate } from '../../kernel/clock.js';
import { MasterKey } from '../../platform/crypto/master-key.js';
import type { Caller } from '../../platform/http/caller.js';
import { readPage, type Page, type PageQuery } from '../../platform/http/page.js';
import { Client } from '../clients/client.entity.js';
import { delegationIsDead } from '../delegation/delegation-liveness.js';

const DAY_MS = 24 * 3600 * 1000;

/**
 * The application or agent `client` did nothing since `:before`, and neither was anything done to it: no event of the log names it.
 * No access token lives that long, and no consent or delegation waits for it.
 */
const IS_UNUSED = `client.kind <> 'first_party' AND client.status <> 'deactivated' AND coalesce(client.last_used_at, client.created_at) < :before
  AND NOT EXISTS (SELECT FROM consent_grants g WHERE g.client_id = client.id AND g.revoked_at IS NULL AND g.expires_at > :now)
  AND NOT EXISTS (SELECT FROM agents a JOIN delegation_grants d ON d.agent_id = a.id WHERE a.client_id = client.id AND NOT coalesce(${delegationIsDead('d', ':now')}, false))
  AND NOT EXISTS (SELECT FROM audit_mentions m WHERE m.id = client.id AND m.organization_id = client.organization_id AND m.span >= (SELECT min(span) FROM audit_spans WHERE latest >= :before))
  AND NOT EXISTS (SELECT FROM audit_events e WHERE e.sequence >= (SELECT sequence FROM audit_readers WHERE reader = 'mentions') AND e.occurred_at >= :before AND strpos(e.body, client.id) > 0)`;

/** Applications and agents that nobody uses: each is a secret that somebody may find. */
@Injectable()
export class UnusedClients {
  private readonly cursorKey: Buffer;

  constructor(private readonly dataSource: DataSource, masterKey: MasterKey) {
    this.cursorKey = masterKey.derive('list-cursor');
  }

  /** Those of the caller's organization, the oldest first. */
  async list(caller: Caller, days: number, page: PageQuery): Promise<Page<Client>> {
    const clients = this.unused(this.dataSource.manager, days).andWhere('client.organizationId = :organizationId', { organizationId: caller.organizationId });
    return readPage(clients, 'client.id', ({ id }) => id, page, this.cursorKey);
  }

  /** Some of all organizations. */
  some(manager: EntityManager, days: number, limit: number): Promise<Client[]> {
    return this.unused(manager, days).limit(limit).getMany();
  }

  /** Is it still, now that its row is held? */
  includes(manager: EntityManager, days: number, { id }: Client): Promise<boolean> {
    return this.unused(manager, days).andWhere('client.id = :id', { id }).getExists();
  }

  private unused(manager: EntityManager, days: number): SelectQueryBuilder<Client> {
    return manager.createQueryBuilder(Client, 'client').where(IS_UNUSED, { before: new Date(now() - days * DAY_MS), now: nowDate() });
  }
}
