import { Injectable, type OnModuleInit } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { Background } from '../../platform/database/background.js';
import { countsIn } from './audit-counts.js';
import { INSTALLATION, mentionsIn, ROLES, SPAN } from './audit-mentions.js';

/**
 * Reads the log behind its writers and notes whom the events of each complete span mention, when they happened and how many there
 * were of each kind, so that it can be searched and summed up. No event waits for that, and none passes through this process: the
 * database reads their texts itself. Commits come in the order of the numbers, so nothing appears behind a reader.
 */
@Injectable()
export class AuditIndex implements OnModuleInit {
  constructor(private readonly background: Background) {}

  onModuleInit(): void {
    this.background.every({ name: 'audit index', everySeconds: 1, isDue: isSpanComplete, run: (manager) => this.readOn(manager), rest: 4 });
  }

  /** Reads one span, if it is complete; answers whether there may be more. */
  async readOn(manager: Pick<EntityManager, 'query'>): Promise<boolean> {
    const [span] = await manager.query<{ first: string; next: string }[]>(
      `SELECT r.sequence AS first, r.sequence + ${SPAN} AS next FROM audit_readers r, audit_heads h
       WHERE r.reader = 'mentions' AND h.log = 'main' AND h.size >= r.sequence + ${SPAN} FOR UPDATE OF r`);
    if (!span) return false;
    await manager.query(READ, [span.first, span.next]);
    await manager.query(`UPDATE audit_readers SET sequence = $1 WHERE reader = 'mentions'`, [span.next]);
    return true;
  }
}

async function isSpanComplete(reader: Pick<EntityManager, 'query'>): Promise<boolean> {
  const [{ isComplete }] = await reader.query<[{ isComplete: boolean }]>(
    `SELECT h.size >= r.sequence + ${SPAN} AS "isComplete" FROM audit_readers r, audit_heads h WHERE r.reader = 'mentions' AND h.log = 'main'`);
  return isComplete;
}

/** Each text is parsed once. Most parties are mentioned often, or once: all their mentions in the span are one row, the newest first. */
const READ = `WITH parsed AS MATERIALIZED (
    SELECT sequence, organization_id, occurred_at, type, outcome, body::jsonb AS body FROM audit_events WHERE sequence >= $1 AND sequence < $2
  ), mentions AS (
    INSERT INTO audit_mentions (id, organization_id, span, places)
    SELECT id, organization_id, sequence / ${SPAN}, array_agg((sequence % ${SPAN})::integer * ${ROLES} + roles ORDER BY sequence DESC)
    FROM (SELECT id COLLATE "C" AS id, coalesce(organization_id, '${INSTALLATION}') AS organization_id, sequence, bit_or(role) AS roles
      FROM (${mentionsIn('SELECT sequence, organization_id, body FROM parsed')}) AS mention GROUP BY 1, 2, 3) AS mentioned
    GROUP BY 1, 2, 3
  ), spans AS (
    INSERT INTO audit_spans (span, earliest, latest) SELECT $1::bigint / ${SPAN}, min(occurred_at), max(occurred_at) FROM parsed
  )
  INSERT INTO audit_counts (organization_id, what, period, name, count) ${countsIn('SELECT * FROM parsed')}
  ON CONFLICT (organization_id, what, period, name) DO UPDATE SET count = audit_counts.count + excluded.count`;
