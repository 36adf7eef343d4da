import { Injectable, type OnModuleInit } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { now } from '../../kernel/clock.js';
import { Background } from '../../platform/database/background.js';
import { notifyChanged } from '../../platform/database/notify.js';
import { AuditLog } from '../audit/audit-log.service.js';
import { SignalQueue } from './signal-queue.service.js';
import { streamUpdated } from './signal-streams.service.js';

const DAY_MS = 24 * 3600 * 1000;
const AT_ONCE = 20;

const SENTENCES = {
  not_taken: 'Nothing was taken for too long; what waited was dropped.',
  too_many: 'Too much waited; it was dropped.',
} as const;

interface Overdue {
  readonly id: string;
  readonly organizationId: string;
  readonly clientId: string;
  readonly reason: keyof typeof SENTENCES;
  readonly count: number;
}

/**
 * Sees to it that what waits for a receiver stays bounded. A stream on which something waited for a week, or on which too much does, is
 * disabled and its queue dropped: the receiver can find out from its status, and from the one event that is left. Streams of clients
 * that were ended for good go with them.
 */
@Injectable()
export class SignalUpkeep implements OnModuleInit {
  /** Tokens of one stream, and milliseconds that the first of them may wait. */
  limits = { most: 10_000, longest: 7 * DAY_MS };

  constructor(private readonly background: Background, private readonly queue: SignalQueue, private readonly audit: AuditLog) {}

  onModuleInit(): void {
    this.background.every({ name: 'signal streams', everySeconds: 30, run: (manager) => this.tidy(manager) });
  }

  /** One batch; answers whether there may be more. */
  async tidy(manager: EntityManager): Promise<boolean> {
    // Notices that nobody comes for do not wait for ever either.
    await manager.query(`DELETE FROM signal_sets q USING signal_streams s WHERE s.id = q.stream_id AND s.status = 'disabled' AND q.created_at < $1`, [new Date(now() - this.limits.longest)]);
    const overdue = await manager.query<Overdue[]>(
      `SELECT s.id, s.organization_id AS "organizationId", s.client_id AS "clientId", q.count, CASE WHEN q.count > $1 THEN 'too_many' ELSE 'not_taken' END AS reason
       FROM signal_streams s, LATERAL (SELECT count(*)::int AS count, min(created_at) AS oldest FROM signal_sets WHERE stream_id = s.id) q
       WHERE s.status <> 'disabled' AND (q.count > $1 OR q.oldest < $2) ORDER BY s.id LIMIT ${AT_ONCE} FOR UPDATE OF s`, [this.limits.most, new Date(now() - this.limits.longest)]);
    const orphans = await manager.query<Omit<Overdue, 'reason' | 'count'>[]>(
      `SELECT s.id, s.organization_id AS "organizationId", s.client_id AS "clientId" FROM signal_streams s JOIN clients c ON c.id = s.client_id
       WHERE c.status = 'deactivated' ORDER BY s.id LIMIT ${AT_ONCE} FOR UPDATE OF s`);
    for (const stream of overdue) await this.disable(manager, stream);
    for (const { id } of orphans) await manager.query('DELETE FROM signal_streams WHERE id = $1', [id]);
    // Last, since it holds the head of the log.
    for (const { id, organizationId, clientId, reason, count } of overdue) {
      await this.audit.recordIn(manager, {
        type: 'signal_stream.stopped', outcome: 'success', organization_id: organizationId, actor: { kind: 'system' }, target: { kind: 'signal_stream', id }, reason,
        details: { client_id: clientId, dropped: count },
      });
    }
    for (const { id, organizationId, clientId } of orphans) {
      await this.audit.recordIn(manager, {
        type: 'signal_stream.deleted', outcome: 'success', organization_id: organizationId, actor: { kind: 'system' }, target: { kind: 'signal_stream', id }, details: { client_id: clientId },
      });
    }
    return overdue.length === AT_ONCE || orphans.length === AT_ONCE;
  }

  private async disable(manager: EntityManager, { id, organizationId, reason }: Overdue): Promise<void> {
    await this.queue.clear(manager, id);
    await manager.query(`UPDATE signal_streams SET status = 'disabled', status_reason = $2, updated_at = $3 WHERE id = $1`, [id, SENTENCES[reason], new Date(now())]);
    await this.queue.append(manager, { id, organizationId }, [streamUpdated(id, 'disabled', SENTENCES[reason])], true);
    await notifyChanged(manager, 'signal_stream', id);
  }
}
