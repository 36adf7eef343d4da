import type { AuditEvent } from './audit-event.js';

/** Whose events: one organization's, or all there are, the installation's own among them. */
export type LogReach = { readonly organizationId: string } | 'all';

/** An event as it stands in the log. */
export interface LoggedEvent extends AuditEvent {
  /** Its place in the log. */
  readonly sequence: number;
  readonly id: string;
  readonly time: string;
  /** The request that it came of. */
  readonly source?: { readonly ip?: string; readonly request_id?: string; readonly user_agent?: string };
}

export interface LogRow {
  readonly sequence: string;
  readonly body: string;
}

export function loggedEvent({ sequence, body }: LogRow): LoggedEvent {
  return { sequence: Number(sequence), ...JSON.parse(body) as Omit<LoggedEvent, 'sequence'> };
}
