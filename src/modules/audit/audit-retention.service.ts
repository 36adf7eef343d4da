import { Injectable, type OnModuleInit } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { Config } from '../../platform/config/config.js';
import { Background } from '../../platform/database/background.js';
import { AuditLog } from './audit-log.service.js';
import { SPAN } from './audit-mentions.js';
import { coverLog } from './audit-partitions.js';
import { REMOVED_AT_ONCE } from './removed-texts.js';

/** The log has pieces for so many events that are still to come. */
const AHEAD = 65_536;
/** How many spans of events leave their hashes behind in one transaction. */
const SPANS_AT_ONCE = 512;

interface Stretch {
  readonly first: string;
  readonly next: string;
}

/**
 * Lets go what nobody has to keep any longer, the oldest first, in three steps that each end in a transaction:
 *
 * 1. Texts go when their organization has kept them for as long as it wants to. Their hashes stay in their places.
 * 2. A piece of the log in which no text is left is retired: its hashes are packed, and what found its events goes.
 * 3. A retired piece is dropped.
 *
 * The log stays provable: whoever has an event, or a checkpoint of any age, can hold it against the log as before. What may go is
 * the database's to judge (`audit_forget`, `audit_retire`, `audit_drop` in the migrations), whoever asks it.
 */
@Injectable()
export class AuditRetention implements OnModuleInit {
  constructor(private readonly background: Background, private readonly audit: AuditLog, private readonly config: Config) {}

  onModuleInit(): void {
    this.background.every({ name: 'audit partitions', everySeconds: 10, run: (manager) => this.cover(manager) });
    this.background.every({ name: 'audit retention', everySeconds: 60, run: (manager) => this.letGo(manager), rest: 2 });
  }

  /** Somebody keeps texts for a different time from now on: all that is there is looked at anew, in the background. */
  async reconsider(manager: EntityManager): Promise<void> {
    await manager.query('UPDATE audit_retention SET until = 0');
  }

  /** Takes one step; answers whether there may be more. */
  async letGo(manager: EntityManager): Promise<boolean> {
    const retentions = await this.retentions(manager);
    for (const { days } of retentions) if (await this.forget(manager, days)) return true;
    const [piece] = await manager.query<(Stretch & { isRetired: boolean })[]>('SELECT first, next, is_retired AS "isRetired" FROM audit_partitions ORDER BY first LIMIT 1');
    if (!piece) return false;
    if (piece.isRetired) return this.drop(manager, piece);
    return retentions.every(({ until }) => Number(until) >= Number(piece.next)) && this.retire(manager, piece);
  }

  private async cover(manager: EntityManager): Promise<void> {
    const [head] = await manager.query<[{ size: string }]>(`SELECT size FROM audit_heads WHERE log = 'main'`);
    await coverLog(manager, Number(head.size) + AHEAD);
  }

  /** For how many days anybody keeps texts, and up to where those are gone, what is farthest behind first. */
  private async retentions(manager: EntityManager): Promise<{ days: number; until: string }[]> {
    await manager.query(
      `INSERT INTO audit_retention (days) SELECT $1::integer UNION SELECT audit_retention_days FROM organizations WHERE audit_retention_days IS NOT NULL ON CONFLICT DO NOTHING`, [this.config.auditRetentionDays]);
    await manager.query('DELETE FROM audit_retention r WHERE r.days <> $1 AND NOT EXISTS (SELECT FROM organizations o WHERE o.audit_retention_days = r.days)', [this.config.auditRetentionDays]);
    return manager.query('SELECT days, until FROM audit_retention ORDER BY until, days');
  }

  private async forget(manager: EntityManager, days: number): Promise<boolean> {
    const [stretch] = await manager.query<Stretch[]>(OLD_ENOUGH, [days]);
    if (!stretch || Number(stretch.next) <= Number(stretch.first)) return false;
    const { first, next } = stretch;
    const [{ count }] = await manager.query<[{ count: string }]>('SELECT audit_forget($1, $2, $3, $4) AS count', [first, next, days, this.config.auditRetentionDays]);
    await manager.query('UPDATE audit_retention SET until = $1 WHERE days = $2', [next, days]);
    if (count !== '0') await this.record(manager, { first: Number(first), next: Number(next), retention_days: days, events: Number(count) });
    return true;
  }

  private async retire(manager: EntityManager, { first, next }: Stretch): Promise<boolean> {
    const [{ isRetired }] = await manager.query<[{ isRetired: boolean }]>('SELECT audit_retire($1, $2) AS "isRetired"', [first, SPANS_AT_ONCE]);
    if (isRetired) await this.record(manager, { first: Number(first), next: Number(next), whole: true });
    return true;
  }

  private async drop(manager: EntityManager, { first }: Stretch): Promise<boolean> {
    const [{ isGone }] = await manager.query<[{ isGone: boolean }]>('SELECT audit_drop($1) AS "isGone"', [first]);
    return isGone;
  }

  private record(manager: EntityManager, details: Record<string, number | boolean>): Promise<void> {
    return this.audit.recordIn(manager, { type: 'audit_log.pruned', outcome: 'success', organization_id: null, actor: { kind: 'system' }, details });
  }
}

/**
 * The next events, whole spans of them, that are older than so many days by the database's clock, were signed and have been read by
 * all who read the log.
 */
const OLD_ENOUGH = `WITH start AS (
    SELECT greatest(r.until, (SELECT min(p.first) FROM audit_partitions p WHERE NOT p.is_retired)) AS first FROM audit_retention r WHERE r.days = $1
  )
  SELECT start.first, least(
      (start.first / ${REMOVED_AT_ONCE} + 1) * ${REMOVED_AT_ONCE},
      (SELECT min(s.span) * ${SPAN} FROM audit_spans s
       WHERE s.span >= start.first / ${SPAN} AND s.span < start.first / ${SPAN} + ${REMOVED_AT_ONCE / SPAN} AND s.latest >= now() - make_interval(days => $1)),
      (SELECT min(r.sequence) / ${SPAN} * ${SPAN} FROM audit_readers r),
      (SELECT coalesce(max(c.size), 0) / ${SPAN} * ${SPAN} FROM audit_checkpoints c)
    ) AS next FROM start`;
