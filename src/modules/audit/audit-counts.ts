import { INSTALLATION } from './audit-mentions.js';

/** What of the log is counted, and by which name. */
export const COUNTED = {
  /** Events, by type. */
  events: 'type',
  /** Tokens, by the grant that they were issued for. */
  tokens: `CASE WHEN type = 'token.issued' THEN body #>> '{details,grant_type}' END`,
  /** What was refused, by reason. */
  refusals: `CASE WHEN outcome = 'refused' THEN coalesce(body ->> 'reason', type) END`,
  /** Tokens, by the agent that got them. */
  agents: `CASE WHEN type = 'token.issued' AND body #>> '{actor,kind}' = 'agent' THEN body #>> '{actor,id}' END`,
  /** What was refused to an agent, by the agent. */
  refused_agents: `CASE WHEN outcome = 'refused' AND body #>> '{actor,kind}' = 'agent' THEN body #>> '{actor,id}' END`,
} as const;

export type Counted = keyof typeof COUNTED;

/** Of agents there are many, so they are counted by the day; all else by the hour. */
export const BY_DAY: readonly Counted[] = ['agents', 'refused_agents'];

const LONGEST_NAME = 200;

/**
 * SQL: how often what happened, as `(organization_id, what, period, name, count)`: `period` is the beginning of the hour or day, in UTC.
 *
 * @param events SQL that selects `organization_id`, `occurred_at`, `type`, `outcome` and, as `jsonb`, `body`
 */
export function countsIn(events: string): string {
  const names = Object.keys(COUNTED) as Counted[];
  return `SELECT organization_id, what, CASE WHEN what IN (${BY_DAY.map((name) => `'${name}'`).join()}) THEN day ELSE hour END AS period, name, count(*) AS count FROM (
      SELECT coalesce(organization_id, '${INSTALLATION}') AS organization_id, date_trunc('hour', occurred_at, 'UTC') AS hour, date_trunc('day', occurred_at, 'UTC') AS day,
        unnest('{${names.join()}}'::text[]) AS what, unnest(ARRAY[${names.map((name) => `left(${COUNTED[name]}, ${LONGEST_NAME})`).join(', ')}]) AS name
      FROM (${events}) AS event
    ) AS counted WHERE name IS NOT NULL GROUP BY 1, 2, 3, 4`;
}
