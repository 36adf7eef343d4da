import type { JsonValue } from '../../kernel/canonical-json.js';
import { nowDate } from '../../kernel/clock.js';
import { newId } from '../../kernel/ids.js';
import { requestContext } from '../../platform/http/request-context.js';
import type { AuditEvent } from './audit-event.js';
import { leafHash } from './merkle-log.js';

/** An event as it is stored: its text, the hash of that text, and the columns people search by. */
export interface AuditRecord {
  readonly eventId: string;
  readonly organizationId: string | null;
  readonly type: string;
  readonly outcome: string;
  readonly occurredAt: string;
  readonly taskId: string | undefined;
  /** JSON, stored to the letter: what the leaf hash covers and what a verifier reads. */
  readonly body: string;
  readonly leafHash: string;
}

/** Completes an event with its id, the time and the request it came from, and fixes its text. */
export function auditRecord(event: AuditEvent): AuditRecord {
  const eventId = newId();
  const occurredAt = nowDate().toISOString();
  const context = requestContext();
  const source = context && { ip: context.ip, request_id: context.requestId, user_agent: context.userAgent?.slice(0, 256) };
  // Members before a spread cost a tenth of members after one.
  const body = bodyOf({ id: eventId, time: occurredAt, source, ...event } as unknown as JsonValue);
  return { eventId, organizationId: event.organization_id, type: event.type, outcome: event.outcome, occurredAt, taskId: event.task_id, body, leafHash: leafHash(body) };
}

/**
 * The text, which nobody ever parses and writes again, so it need not be canonical. PostgreSQL's json takes neither NUL nor half of a surrogate pair, and one such event would fail its
 * whole batch; requests may hold both, if only because somebody wants to be off the record: they are written as U+FFFD.
 */
function bodyOf(fact: JsonValue): string {
  const body = JSON.stringify(fact);
  return UNSTORABLE.test(body) ? JSON.stringify(storable(fact)) : body;
}

/** How JSON.stringify writes NUL and half a surrogate pair; a backslash that somebody sent in front of it only costs time. */
const UNSTORABLE = /\\u(0000|d[89a-f])/;

function storable(value: JsonValue): JsonValue {
  if (typeof value === 'string') return value.replace(/\0|\p{Surrogate}/gu, '\uFFFD');
  if (Array.isArray(value)) return value.map(storable);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, member === undefined ? undefined : storable(member as JsonValue)]));
}

/**
 * The records as parameters of a statement, one for each column: ids, organizations, types, outcomes, times, tasks and hashes as literals
 * of arrays (nothing in them needs quotes), and the texts as lines, for JSON has no line ends of its own. PostgreSQL takes them apart in
 * a third of the time that a JSON array takes it.
 */
export function columnsOf(records: readonly AuditRecord[]): string[] {
  const column = (valueOf: (record: AuditRecord) => string | null | undefined) => `{${records.map((record) => valueOf(record) ?? 'NULL').join()}}`;
  return [
    column(({ eventId }) => eventId), column(({ organizationId }) => organizationId), column(({ type }) => type), column(({ outcome }) => outcome),
    column(({ occurredAt }) => occurredAt), column(({ taskId }) => taskId), column(({ leafHash: hash }) => hash), records.map(({ body }) => body).join('\n'),
  ];
}
