import type { AuditEvent } from './audit-event.js';

/** The part that somebody or something has in an event, as `audit_mentions` numbers it. */
const ROLE = { actor: 1, subject: 2, target: 3, task: 4, token: 5 } as const;

/** What the log can be searched by, and the parts in which an event then names it. */
export const PARTIES = {
  /** Who did it: the actor, its client, and everybody in the chain behind it. */
  actor: [ROLE.actor],
  subject: [ROLE.subject],
  /** An agent in any part. */
  agent: [ROLE.actor, ROLE.subject, ROLE.target],
  target: [ROLE.target],
  // A task or a token that an event is about is its target, and is not written down twice.
  task: [ROLE.task, ROLE.target],
  token: [ROLE.token, ROLE.target],
} as const satisfies Record<string, readonly number[]>;

export type Party = keyof typeof PARTIES;

/** Stands for the installation where `audit_mentions` names an organization. */
export const INSTALLATION = '00000000-0000-0000-0000-000000000000';

/** Nobody searches for what is longer, and an index takes no more. Bytes. */
const LONGEST_ID = 2000;

/**
 * SQL: what an event mentions, as `(role, id)`, perhaps repeatedly.
 *
 * @param body SQL of the event's text as `jsonb`
 */
export function mentionsOf(body: string): string {
  return `SELECT party.role, party.id FROM (
      SELECT * FROM (VALUES
        (${ROLE.actor}, ${body} #>> '{actor,id}'), (${ROLE.actor}, ${body} #>> '{actor,client_id}'),
        (${ROLE.subject}, ${body} ->> 'subject'),
        (${ROLE.target}, ${body} #>> '{target,id}'),
        (${ROLE.task}, ${body} ->> 'task_id'), (${ROLE.task}, ${body} #>> '{details,parent_task_id}'),
        (${ROLE.token}, ${body} ->> 'token_id'), (${ROLE.token}, ${body} #>> '{details,parent_token_id}'), (${ROLE.token}, ${body} #>> '{details,checked_token_id}')
      ) AS told
      -- RFC 8693 section 4.1: whoever acted before is nested. Every text in there names one of them.
      UNION ALL SELECT ${ROLE.actor}, link #>> '{}' FROM jsonb_path_query(${body}, '$.act.** ? (@.type() == "string")') AS link
    ) AS party (role, id) WHERE octet_length(party.id) BETWEEN 1 AND ${LONGEST_ID}`;
}

/** Does an event name this party? The same question, of one that is at hand. */
export function names(event: AuditEvent, party: Party, id: string): boolean {
  const roles: readonly number[] = PARTIES[party];
  const { actor, act, subject, target, task_id, token_id, details } = event;
  const told: readonly [role: number, id: unknown][] = [
    [ROLE.actor, actor.id], [ROLE.actor, actor.client_id], [ROLE.subject, subject], [ROLE.target, target?.id], [ROLE.task, task_id], [ROLE.task, details?.['parent_task_id']],
    [ROLE.token, token_id], [ROLE.token, details?.['parent_token_id']], [ROLE.token, details?.['checked_token_id']],
  ];
  return told.some(([role, named]) => named === id && roles.includes(role)) || (roles.includes(ROLE.actor) && holds(act, id));
}

function holds(value: unknown, text: string): boolean {
  if (typeof value === 'object' && value !== null) return Object.values(value).some((member) => holds(member, text));
  return value === text;
}
