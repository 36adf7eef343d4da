import type { AuditEvent } from './audit-event.js';

type Stored = AuditEvent & { readonly id: string; readonly time: string; readonly source?: { readonly ip?: string; readonly request_id?: string; readonly user_agent?: string } };

const COLUMNS: readonly [name: string, read: (event: Stored) => unknown][] = [
  ['id', ({ id }) => id],
  ['time', ({ time }) => time],
  ['type', ({ type }) => type],
  ['outcome', ({ outcome }) => outcome],
  ['organization_id', ({ organization_id: id }) => id],
  ['actor_kind', ({ actor }) => actor.kind],
  ['actor_id', ({ actor }) => actor.id],
  ['actor_client_id', ({ actor }) => actor.client_id],
  ['act', ({ act }) => act && JSON.stringify(act)],
  ['subject', ({ subject }) => subject],
  ['target_kind', ({ target }) => target?.kind],
  ['target_id', ({ target }) => target?.id],
  ['reason', ({ reason }) => reason],
  ['task_id', ({ task_id: id }) => id],
  ['token_id', ({ token_id: id }) => id],
  ['ip', ({ source }) => source?.ip],
  ['request_id', ({ source }) => source?.request_id],
  ['user_agent', ({ source }) => source?.user_agent],
  ['details', ({ details }) => details && JSON.stringify(details)],
];

/** The first line, with its line break (RFC 4180 section 2). */
export function csvHeader(): string {
  return `sequence,${COLUMNS.map(([name]) => name).join(',')}\r\n`;
}

/** @param body the event as it is stored */
export function csvRow(sequence: number, body: string): string {
  const event = JSON.parse(body) as Stored;
  return `${sequence},${COLUMNS.map(([, read]) => cell(read(event))).join(',')}\r\n`;
}

/**
 * What begins as a formula is one for a spreadsheet, and requests put into events what they like: such a cell gets an apostrophe in
 * front (OWASP, CSV Injection).
 */
function cell(value: unknown): string {
  const text = value === undefined || value === null ? '' : String(value);
  const tame = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(tame) ? `"${tame.replaceAll('"', '""')}"` : tame;
}
