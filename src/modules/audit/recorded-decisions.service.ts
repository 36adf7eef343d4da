import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { AuditEvent } from './audit-event.js';

/** An event that came of a decision by policies, as it was written. */
export interface RecordedDecision extends AuditEvent {
  readonly sequence: number;
  readonly id: string;
  readonly time: string;
  readonly source?: { readonly ip?: string };
  /** `details.decision` of the event. */
  readonly decision: unknown;
}

/** How far back in an organization's log decisions are looked for. Events. */
export const LOOKED_BACK = 10_000;

/** Reads decisions back from the log of an organization. */
@Injectable()
export class RecordedDecisions {
  constructor(private readonly dataSource: DataSource) {}

  /** The newest first, out of the last `LOOKED_BACK` events of the organization. Not for use inside a transaction. */
  async newest(organizationId: string, limit: number): Promise<RecordedDecision[]> {
    const rows = await this.dataSource.query<{ sequence: string; body: string }[]>(
      `SELECT sequence, body FROM (SELECT sequence, body FROM audit_events WHERE organization_id = $1 ORDER BY sequence DESC LIMIT ${LOOKED_BACK}) AS latest
       WHERE body LIKE '%"decision":{%' ORDER BY sequence DESC LIMIT $2`, [organizationId, limit]);
    return rows.flatMap(({ sequence, body }) => {
      // Text that somebody sent may look like it, too.
      const event = JSON.parse(body) as Omit<RecordedDecision, 'sequence' | 'decision'>;
      const decision = event.details?.['decision'];
      return decision === undefined ? [] : [{ ...event, sequence: Number(sequence), decision }];
    });
  }
}
