import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';

/** An event that came of a decision by policies. */
export interface RecordedDecision {
  readonly sequence: number;
  readonly type: string;
  readonly time: string;
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
    const rows = await this.dataSource.query<{ sequence: string; type: string; body: string }[]>(
      `SELECT sequence, type, body FROM (SELECT sequence, type, body FROM audit_events WHERE organization_id = $1 ORDER BY sequence DESC LIMIT ${LOOKED_BACK}) AS latest
       WHERE body LIKE '%"decision":{%' ORDER BY sequence DESC LIMIT $2`, [organizationId, limit]);
    return rows.flatMap(({ sequence, type, body }) => {
      // Text that somebody sent may look like it, too.
      const { time, details } = JSON.parse(body) as { time: string; details?: { decision?: unknown } };
      return details?.decision === undefined ? [] : [{ sequence: Number(sequence), type, time, decision: details.decision }];
    });
  }
}
