import type { AuditEvent } from './audit-event.js';

/** The part that somebody or something has in an event: a bit each, as `audit_mentions` keeps them. */
const ROLE = { actor: 1, subject: 2, target: 4, task: 8, token: 16, agent: 32 } as const;
/** One more than all bits together. */
export const ROLES = 64;

/** What the log can be searched by, and the parts in which an event then names it. */
export const PARTIES = {
  /** Who did it: the actor, its client, and everybody in the chain behind it. */
  actor: ROLE.actor,
  subject: ROLE.subject,
  /** An agent in any part. */
  agent: ROLE.actor | ROLE.subject | ROLE.target | ROLE.agent,
  target: ROLE.target,
  // A task or a token that an event is about is its target, and is not written down twice.
  task: ROLE.task | ROLE.target,
  token: ROLE.token | ROLE.target,
} as const satisfies Record<string, number>;

export type Party = keyof typeof PARTIES;

/** How many events make a span: one row of `audit_spans`, and one of `audit_mentions` for each of those whom they name. */
export const SPAN = 256;

/** Stands for the installation where `audit_mentions` names an organization. */
export const INSTALLATION = '00000000-0000-0000-0000-000000000000';

/** Nobody searches for what is longer, and an index takes no more. Bytes. */
const LONGEST_ID = 2000;

/** Where an event names somebody, and the part they have in it there. */
const PLACES: readonly (readonly [role: number, path: string])[] = [
  [ROLE.actor, '{actor,id}'], [ROLE.actor, '{actor,client_id}'],
  [ROLE.subject, '{subject}'],
  [ROLE.target, '{target,id}'],
  [ROLE.task, '{task_id}'], [ROLE.task, '{details,parent_task_id}'],
  [ROLE.token, '{token_id}'], [ROLE.token, '{details,parent_token_id}'], [ROLE.token, '{details,checked_token_id}'],
  // Something else is done, to an agent's good or ill: it is given a delegation, or loses one.
  [ROLE.agent, '{details,agent_id}'],
];

/**
 * SQL: what events mention, as `(sequence, organization_id, role, id)`, perhaps repeatedly.
 *
 * @param events SQL that selects `sequence`, `organization_id` and, as `jsonb`, `body`
 */
export function mentionsIn(events: string): string {
  // Sets in the list of what is selected: joined to each event instead, they take PostgreSQL twice as long. OFFSET keeps each text
  // from being parsed once for each thing that is looked for in it.
  return `SELECT sequence, organization_id, coalesce(role, ${ROLE.actor}) AS role, id FROM (
      SELECT sequence, organization_id, unnest('{${PLACES.map(([role]) => role).join()}}'::integer[]) AS role,
        unnest(ARRAY[${PLACES.map(([, path]) => `body #>> '${path}'`).join(', ')}]
          -- RFC 8693 section 4.1: whoever acted before is nested. Every text in there names one of them.
          || CASE WHEN body ? 'act' THEN ARRAY(SELECT link #>> '{}' FROM jsonb_path_query(body, '$.act.** ? (@.type() == "string")') AS link) END) AS id
      FROM (SELECT sequence, organization_id, body FROM (${events}) AS event OFFSET 0) AS event
    ) AS told WHERE octet_length(id) BETWEEN 1 AND ${LONGEST_ID}`;
}

/** Does an event name this party? The same question, of one that is at hand. */
export function names(event: AuditEvent, party: Party, id: string): boolean {
  const { actor, act, subject, target, task_id, token_id, details } = event;
  const told: readonly [role: number, id: unknown][] = [
    [ROLE.actor, actor.id], [ROLE.actor, actor.client_id], [ROLE.subject, subject], [ROLE.target, target?.id], [ROLE.task, task_id], [ROLE.task, details?.['parent_task_id']],
    [ROLE.token, token_id], [ROLE.token, details?.['parent_token_id']], [ROLE.token, details?.['checked_token_id']], [ROLE.agent, details?.['agent_id']],
  ];
  return told.some(([role, named]) => named === id && (PARTIES[party] & role) !== 0) || ((PARTIES[party] & ROLE.actor) !== 0 && holds(act, id));
}

function holds(value: unknown, text: string): boolean {
  if (typeof value === 'object' && value !== null) return Object.values(value).some((member) => holds(member, text));
  return value === text;
}
