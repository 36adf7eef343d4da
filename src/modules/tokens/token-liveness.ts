import { delegationIsDead } from '../delegation/delegation-liveness.js';

/**
 * A token is alive only if everything above it is. That is derived in SQL at the moment of the question, and it is one
 * text: introspection, the guard and issuance all ask exactly this.
 */

/** The reasons, in the order in which they are looked at. */
export const DEATHS = [
  'token_revoked', 'token_expired', 'client_inactive', 'organization_inactive', 'issued_before_cutoff', 'subject_inactive', 'consent_revoked', 'delegation_over', 'task_cancelled',
  'ancestor_inactive',
] as const;

export type Death = (typeof DEATHS)[number];

/**
 * What the predicate needs to see beside the token `t`: its client, organization, the person or agent it speaks for,
 * the consent and the delegation it stands on, its task. (Most tokens have neither of the last two: a task of its own that
 * nobody said anything about has no row.)
 */
export const LIVENESS_JOINS = joins('t', '');

/**
 * The rows with these ids, under this alias, each looked up by itself. Joined as a whole, a partition that was empty when the
 * planner last looked is read from end to end, every time – as is each partition at the beginning of its month, and the first one
 * of an installation – until the database gathers statistics.
 */
export function tokensById(ids: string, alias: string): string {
  return `${ids} AS ${alias}_id (value) CROSS JOIN LATERAL (SELECT * FROM tokens WHERE token_id = ${alias}_id.value LIMIT 1) ${alias}`;
}

const ANCESTORS = tokensById('unnest(t.ancestors)', 'above');

/** Null while alive, else the first reason it is not. `at` is the SQL of the present moment. */
export function deadBecause(at: string): string {
  return `CASE ${ownDeaths(at)}
    WHEN t.ancestors IS NOT NULL AND (
      SELECT count(*) <> cardinality(t.ancestors) OR bool_or(${endsWhatIsBelow('above', 'above_', at)})
      FROM ${ANCESTORS} ${joins('above', 'above_')}) THEN 'ancestor_inactive'
  END`;
}

/**
 * The same for many tokens at once, as the common table expression `standing (token_id, dead)`: what stands above several of
 * them is looked at once.
 *
 * @param set name of a relation before it, with their ids as `token_id`
 */
export function standingOfAll(set: string, at: string): string {
  return judging(tokensById(`(SELECT token_id FROM ${set} UNION SELECT unnest(lower.ancestors) FROM ${tokensById(`(SELECT token_id FROM ${set})`, 'lower')})`, 't'), set, at);
}

/** What of a row is needed to judge it, and to say whose it is. */
const JUDGED_COLUMNS = [
  'token_id', 'ancestors', 'organization_id', 'client_id', 'user_id', 'agent_id', 'consent_grant_id', 'delegation_grant_id', 'task_id', 'kind', 'revoked_at', 'expires_at', 'issued_at', 'authenticated_at',
] as const;

/** SQL of these columns of the token under this alias. */
export function judgedColumns(token: string): string {
  return JUDGED_COLUMNS.map((column) => `${token}.${column}`).join(', ');
}

/**
 * The same of rows that are at hand: for very many, which are not looked up one by one again.
 *
 * @param set name of a relation before it, with `judgedColumns`, each token once
 */
export function standingOfRows(set: string, at: string): string {
  return `higher AS (
    SELECT DISTINCT up.id FROM ${set} lower CROSS JOIN LATERAL unnest(lower.ancestors) AS up (id) WHERE NOT EXISTS (SELECT FROM ${set} known WHERE known.token_id = up.id)),
  ${judging(`(SELECT ${judgedColumns('known')} FROM ${set} known UNION ALL SELECT ${judgedColumns('upper')} FROM ${tokensById('(SELECT id FROM higher)', 'upper')}) t`, set, at)}`;
}

/** @param rows SQL of the tokens `t` of the set, and of all that stands above them */
function judging(rows: string, set: string, at: string): string {
  return `judged AS MATERIALIZED (
    SELECT t.token_id, t.ancestors, CASE ${ownDeaths(at)} END AS own_death, ${endsWhatIsBelow('t', '', at)} AS ends_below FROM ${rows} ${LIVENESS_JOINS}),
  fallen AS MATERIALIZED (
    SELECT DISTINCT lower.token_id FROM judged lower CROSS JOIN LATERAL unnest(lower.ancestors) AS up (id) LEFT JOIN judged above ON above.token_id = up.id
    WHERE above.token_id IS NULL OR above.ends_below),
  standing AS (
    SELECT judged.token_id, coalesce(judged.own_death, CASE WHEN fallen.token_id IS NOT NULL THEN 'ancestor_inactive' END) AS dead
    FROM ${set} JOIN judged ON judged.token_id = ${set}.token_id LEFT JOIN fallen ON fallen.token_id = judged.token_id)`;
}

function ownDeaths(at: string): string {
  return `
    WHEN t.revoked_at IS NOT NULL THEN 'token_revoked'
    WHEN t.expires_at <= ${at} THEN 'token_expired'
    WHEN ${clientIsInactive('')} THEN 'client_inactive'
    WHEN ${organizationIsInactive('')} THEN 'organization_inactive'
    WHEN ${isBeforeCutoff('t', '')} THEN 'issued_before_cutoff'
    WHEN ${subjectIsInactive('t', '')} THEN 'subject_inactive'
    WHEN ${consentIsRevoked('t', '')} THEN 'consent_revoked'
    WHEN ${delegationIsOver('t', '', at)} THEN 'delegation_over'
    WHEN ${taskIsCancelled('')} THEN 'task_cancelled'`;
}

/** Does everything that descends from this token end with it? (It may have expired: what it was renewed to goes on.) */
function endsWhatIsBelow(token: string, prefix: string, at: string): string {
  return `(${token}.revoked_at IS NOT NULL OR ${clientIsInactive(prefix)} OR ${organizationIsInactive(prefix)}
    OR ${isBeforeCutoff(token, prefix)} OR ${subjectIsInactive(token, prefix)} OR ${consentIsRevoked(token, prefix)} OR ${delegationIsOver(token, prefix, at)} OR ${taskIsCancelled(prefix)})`;
}

/**
 * Null when the new token `t` may come to be: everything it stands on is alive, and no task that it, or what it descends from, is
 * part of is over. (What a completed task has issued goes on until it expires; nothing is added.)
 */
export function refusedBecause(at: string): string {
  return `coalesce(${deadBecause(at)}, CASE
    WHEN (t.task_id <> t.token_id OR t.parent_task_id IS NOT NULL OR t.ancestors IS NOT NULL) AND EXISTS (
      SELECT FROM tasks named LEFT JOIN tasks higher ON higher.id = ANY (named.ancestors)
      WHERE named.id = ANY (ARRAY(SELECT unnest(ARRAY[above.task_id, above.parent_task_id]) FROM ${ANCESTORS}) || ARRAY[t.task_id, t.parent_task_id])
        AND (named.state <> 'active' OR higher.state <> 'active')) THEN 'task_over'
  END)`;
}

function joins(token: string, prefix: string): string {
  return `
  LEFT JOIN clients ${prefix}c ON ${prefix}c.id = ${token}.client_id
  LEFT JOIN organizations ${prefix}o ON ${prefix}o.id = ${token}.organization_id
  LEFT JOIN users ${prefix}u ON ${prefix}u.id = ${token}.user_id
  LEFT JOIN memberships ${prefix}m ON ${prefix}m.user_id = ${token}.user_id AND ${prefix}m.organization_id = ${token}.organization_id
  LEFT JOIN agents ${prefix}a ON ${prefix}a.id = ${token}.agent_id
  LEFT JOIN consent_grants ${prefix}g ON ${prefix}g.id = ${token}.consent_grant_id
  LEFT JOIN delegation_grants ${prefix}d ON ${prefix}d.id = ${token}.delegation_grant_id
  LEFT JOIN tasks ${prefix}k ON ${prefix}k.id = ${token}.task_id`;
}

function clientIsInactive(prefix: string): string {
  return `${prefix}c.status IS DISTINCT FROM 'active'`;
}

function organizationIsInactive(prefix: string): string {
  return `${prefix}o.status IS DISTINCT FROM 'active'`;
}

/**
 * Everything of an organization, or of a client in it, can be ended that goes back to before one moment (`TokenCutoffs`): a token by
 * when it was issued, and one that speaks for a person by when they signed in, so that no code, session or refresh token brings it back.
 */
export function goesBackBefore(token: string, moment: string): string {
  return `coalesce(${token}.authenticated_at, ${token}.issued_at) < ${moment}`;
}

function isBeforeCutoff(token: string, prefix: string): string {
  return goesBackBefore(token, `greatest(${prefix}o.tokens_not_before, ${prefix}c.tokens_not_before)`);
}

/**
 * A new password, and disabling the person, end whatever goes back to a sign-in before, however often it was refreshed since and
 * also once they are enabled again (ASVS 5.0 V7.4.2, V7.4.3); a person who left the organization takes their tokens along, unless they administer the platform.
 */
function subjectIsInactive(token: string, prefix: string): string {
  return `(${token}.user_id IS NOT NULL AND (
      ${prefix}u.status IS DISTINCT FROM 'active'
      OR ${prefix}u.sign_ins_ended_at > coalesce(${token}.authenticated_at, ${token}.issued_at)
      OR (${prefix}m.role IS NULL AND NOT ${prefix}u.is_platform_administrator))
    OR ${token}.agent_id IS NOT NULL AND ${prefix}a.status IS DISTINCT FROM 'active')`;
}

function consentIsRevoked(token: string, prefix: string): string {
  return `(${token}.consent_grant_id IS NOT NULL AND (${prefix}g.id IS NULL OR ${prefix}g.revoked_at IS NOT NULL))`;
}

function delegationIsOver(token: string, prefix: string, at: string): string {
  return `(${token}.delegation_grant_id IS NOT NULL AND (${prefix}d.id IS NULL OR ${delegationIsDead(`${prefix}d`, at)}))`;
}

function taskIsCancelled(prefix: string): string {
  return `(${prefix}k.id IS NOT NULL AND (${prefix}k.state = 'cancelled' OR (${prefix}k.parent_task_id IS NOT NULL AND EXISTS (
      SELECT FROM tasks higher WHERE higher.id = ANY (${prefix}k.ancestors) AND higher.state = 'cancelled'))))`;
}
