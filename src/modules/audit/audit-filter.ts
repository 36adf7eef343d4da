import { containing } from '../../platform/database/like-pattern.js';
import type { AuditEvent, AuditEventType } from './audit-event.js';
import { INSTALLATION, mentionsIn, PARTIES, ROLES, SPAN, type Party } from './audit-mentions.js';
import type { LogReach } from './logged-event.js';

/** What an event has to be like. Members that are left out do not matter. */
export interface AuditFilter extends Readonly<Partial<Record<Party, string>>> {
  /** One of these. */
  readonly types?: readonly AuditEventType[];
  readonly outcome?: AuditEvent['outcome'];
  readonly reason?: string;
  /** Inclusive. */
  readonly from?: Date;
  /** Exclusive. */
  readonly to?: Date;
  /** Stands somewhere in its text, in these very letters. */
  readonly text?: string;
}

/** Somebody or something that an event names, in one of these parts (bits of `ROLE`). */
export interface Named {
  readonly roles: number;
  readonly id: string;
}

/** Parties of a filter, those that few events name first. */
export function partiesOf(filter: AuditFilter): Named[] {
  return (['token', 'task', 'target', 'subject', 'actor', 'agent'] as const).flatMap((party) => {
    const id = filter[party];
    return id === undefined ? [] : [{ roles: PARTIES[party], id }];
  });
}

/** The values of a statement that is put together, under the names that it knows them by. */
export class Values {
  readonly list: unknown[] = [];

  add(value: unknown): string {
    return `$${this.list.push(value)}`;
  }
}

/** SQL: the event `e` is one of those that may be looked at, and has not lost its text. */
export function within(reach: LogReach, values: Values): string {
  return `e.body IS NOT NULL${reach === 'all' ? '' : ` AND e.organization_id = ${values.add(reach.organizationId)}`}`;
}

/**
 * SQL of what a filter asks of the event `e` beside whom it names, without a look into `audit_mentions`. Undefined when it asks
 * nothing.
 */
export function conditionsOf({ types, outcome, reason, from, to, text }: AuditFilter, values: Values): string | undefined {
  const conditions = [
    types && `e.type = ANY (${values.add(types)})`,
    outcome && `e.outcome = ${values.add(outcome)}`,
    from && `e.occurred_at >= ${values.add(from)}`,
    to && `e.occurred_at < ${values.add(to)}`,
    reason !== undefined && `(e.body LIKE ANY (${values.add(writtenAs(reason))}) AND e.body::json ->> 'reason' = ${values.add(reason)})`,
    text !== undefined && `e.body LIKE ANY (${values.add(writtenAs(text))})`,
  ].filter(Boolean);
  return conditions.length === 0 ? undefined : conditions.join(' AND ');
}

/** SQL: the event `e`, which is in the index, names the party. */
export function isMentioned({ roles, id }: Named, values: Values): string {
  return `EXISTS (SELECT FROM audit_mentions m, unnest(m.places) AS place WHERE m.id = ${values.add(id)} AND m.organization_id = coalesce(e.organization_id, '${INSTALLATION}')
    AND m.span = e.sequence / ${SPAN} AND place / ${ROLES} = e.sequence % ${SPAN} AND place & ${roles} <> 0)`;
}

/** The same of an event that is not in the index yet: its text tells. */
export function isNamed({ roles, id }: Named, values: Values): string {
  // Few texts hold it at all; those alone are read.
  return `CASE WHEN e.body LIKE ANY (${values.add(writtenAs(id))})
    THEN EXISTS (SELECT FROM (${mentionsIn('SELECT e.sequence, e.organization_id, e.body::jsonb AS body')}) AS m WHERE m.id = ${values.add(id)} AND m.role & ${roles} <> 0) ELSE false END`;
}

/** The patterns that find a text in a JSON text: as it is, and as JSON writes it inside of a string. */
export function writtenAs(text: string): string[] {
  return [...new Set([text, JSON.stringify(text).slice(1, -1)])].map(containing);
}
