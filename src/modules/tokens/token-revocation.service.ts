import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { nowDate } from '../../kernel/clock.js';
import { isId } from '../../kernel/ids.js';
import { lowestId } from '../../platform/database/time-partitions.js';
import type { AuditParty } from '../audit/audit-event.js';
import { AuditLog } from '../audit/audit-log.service.js';
import { Endings } from '../audit/endings.service.js';

/** Ends tokens. Whatever descends from an ended token is dead from then on, marked or not: liveness is derived. */
@Injectable()
export class TokenRevocation {
  constructor(private readonly dataSource: DataSource, private readonly audit: AuditLog, private readonly endings: Endings) {}

  /**
   * Revokes one token; with `markDescendants` also writes the end on every row below it.
   * Answers the number of rows that were marked.
   */
  async revoke(tokenId: string, actor: AuditParty, { markDescendants = false } = {}): Promise<number> {
    if (!isId(tokenId)) return 0;
    return this.dataSource.transaction(async (manager) => {
      const at = nowDate();
      const [token] = await manager.query<{ organization_id: string; task_id: string; subject: string; root_token_id: string }[]>(
        'SELECT organization_id, task_id, subject, root_token_id FROM tokens WHERE token_id = $1 AND revoked_at IS NULL FOR UPDATE', [tokenId]);
      if (!token) return 0;
      const ended = await this.endings.below(manager, { kind: 'token', id: tokenId, organizationId: token.organization_id });
      await manager.query('UPDATE tokens SET revoked_at = $2 WHERE token_id = $1', [tokenId, at]);
      const [, descendants] = markDescendants
        ? await manager.query<[unknown[], number]>(
          `UPDATE tokens SET revoked_at = $3 WHERE root_token_id = $2 AND parent_token_id IS NOT NULL AND $1 = ANY (ancestors) AND revoked_at IS NULL`,
          [tokenId, token.root_token_id, at])
        : [[], 0];
      await this.audit.recordIn(manager, {
        type: 'token.revoked', outcome: 'success', organization_id: token.organization_id, actor, subject: token.subject,
        target: { kind: 'token', id: tokenId }, token_id: tokenId, task_id: token.task_id, details: { ended },
      });
      return 1 + descendants;
    });
  }

  /**
   * Ends the tokens that an agent got by one grant, and so everything below them. The caller's transaction ends with its own event.
   *
   * @param since milliseconds since the epoch: older ones, and what is below them, have expired
   * @returns how many were still standing
   */
  async endObtained(manager: EntityManager, by: { organizationId: string; agentId: string; grantType: string; since: number }): Promise<number> {
    const [, count] = await manager.query<[unknown[], number]>(
      'UPDATE tokens SET revoked_at = $5 WHERE organization_id = $1 AND token_id >= $2 AND agent_id = $3 AND grant_type = $4 AND revoked_at IS NULL',
      [by.organizationId, lowestId(by.since), by.agentId, by.grantType, nowDate()]);
    return count;
  }
}
