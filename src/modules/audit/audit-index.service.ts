import { Injectable, type OnModuleInit } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { Background } from '../../platform/database/background.js';
import { INSTALLATION, mentionsOf } from './audit-mentions.js';

/** How many events one transaction reads: a moment's work, for an embedded database too. */
const BATCH = 200;
/** Events of one row of `audit_spans`. */
export const SPAN = 1000;

/**
 * Reads the log behind its writers and notes whom each event mentions and when it happened, so that it can be searched. No event
 * waits for that, and none passes through this process: the database reads their texts itself. Commits come in the order of the
 * numbers, so nothing appears behind a reader.
 */
@Injectable()
export class AuditIndex implements OnModuleInit {
  constructor(private readonly background: Background) {}

  onModuleInit(): void {
    this.background.every({ name: 'audit index', everySeconds: 1, run: (manager) => this.readOn(manager), rest: 4 });
  }

  /** Reads one batch; answers whether there may be more. */
  async readOn(manager: Pick<EntityManager, 'query'>): Promise<boolean> {
    const [reader] = await manager.query<{ first: string; next: string }[]>(
      `SELECT r.sequence AS first, LEAST(h.size, r.sequence + ${BATCH}) AS next
       FROM audit_readers r, audit_heads h WHERE r.reader = 'mentions' AND h.log = 'main' FOR UPDATE OF r`);
    const { first, next } = reader!;
    if (BigInt(next) <= BigInt(first)) return false;
    await manager.query(INSERT_MENTIONS, [first, next]);
    await manager.query(INSERT_SPANS, [first, next]);
    await manager.query(`UPDATE audit_readers SET sequence = $1 WHERE reader = 'mentions'`, [next]);
    return BigInt(next) - BigInt(first) === BigInt(BATCH);
  }
}

// OFFSET keeps each text from being parsed once for each thing that is looked for in it.
const INSERT_MENTIONS = `INSERT INTO audit_mentions (id, organization_id, role, sequence)
  SELECT mention.id, coalesce(e.organization_id, '${INSTALLATION}'), mention.role, e.sequence
  FROM audit_events e, LATERAL (SELECT e.body::jsonb AS body OFFSET 0) AS text, LATERAL (${mentionsOf('text.body')}) AS mention
  WHERE e.sequence >= $1 AND e.sequence < $2
  ON CONFLICT DO NOTHING`;

const INSERT_SPANS = `INSERT INTO audit_spans (span, earliest, latest)
  SELECT sequence / ${SPAN}, min(occurred_at), max(occurred_at) FROM audit_events WHERE sequence >= $1 AND sequence < $2 GROUP BY 1
  ON CONFLICT (span) DO UPDATE SET earliest = LEAST(audit_spans.earliest, excluded.earliest), latest = GREATEST(audit_spans.latest, excluded.latest)`;
