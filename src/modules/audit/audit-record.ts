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
 * The records as one JSON array for `json_to_recordset`. Each body goes in as it stands: PostgreSQL's `json` type keeps
 * the text of a member to the letter, so it need not be quoted and unquoted.
 */
export function recordsJson(records: readonly AuditRecord[]): string {
  let json = '[';
  for (const record of records) {
    if (json.length > 1) json += ',';
    json += `{"event_id":"${record.eventId}","organization_id":${record.organizationId === null ? 'null' : `"${record.organizationId}"`},"type":"${record.type}",`
      + `"outcome":"${record.outcome}","occurred_at":"${record.occurredAt}","leaf_hash":"${record.leafHash}",${record.taskId === undefined ? '' : `"task_id":"${record.taskId}",`}"body":${record.body}}`;
  }
  return `${json}]`;
}
