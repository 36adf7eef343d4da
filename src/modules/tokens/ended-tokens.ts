import type { EntityManager } from 'typeorm';
import { epochSeconds } from '../../kernel/clock.js';
import { endedKind, namesOf, type EndedKind, type EndedKinds, type EndedThing } from '../audit/endings.service.js';
import { rowsBelowStruck, struckBy } from './struck-tokens.js';
import { judgedColumns, standingOfRows } from './token-liveness.js';

/** What `lookAtStruck` tells of. */
export const TOKEN_KINDS = ['tokens', 'refresh_tokens', 'people'] as const;

type NamedRows = Parameters<typeof endedKind>[0] | null;

interface Look {
  readonly tokens: number;
  readonly refresh_tokens: number;
  readonly is_minimum: boolean;
  readonly clients: NamedRows;
  readonly people: NamedRows;
}

/**
 * The live tokens that end: by client, how many of them are refresh tokens, and the people that they speak for.
 *
 * @param struck SQL of those that are struck, as `judgedColumns`; whatever descends from them ends with them
 * @param subject `$1` of that text
 * @param organizationId `$2`: whose they are, null for all
 * @param most how many of them are looked at
 * @param more `$4` and so on
 */
export async function lookAtStruck(manager: EntityManager, struck: string, subject: unknown, organizationId: string | null, most: number, ...more: unknown[]): Promise<EndedKinds> {
  const [look] = await manager.query<Look[]>(
    `WITH RECURSIVE ${rowsBelowStruck(struck, most)}, ${standingOfRows('ended', 'to_timestamp($3)')},
     alive AS MATERIALIZED (SELECT ended.client_id, ended.user_id, ended.kind FROM ended JOIN standing ON standing.token_id = ended.token_id WHERE standing.dead IS NULL)
     SELECT (SELECT count(*)::int FROM alive) AS tokens, (SELECT count(*)::int FROM alive WHERE kind = 'refresh_token') AS refresh_tokens,
       (SELECT count(*) >= ${most} FROM struck) AS is_minimum,
       (SELECT json_agg(named) FROM (${namesOf('FROM alive a LEFT JOIN clients c ON c.id = a.client_id', 'a.client_id', 'c.name')}) named) AS clients,
       (SELECT json_agg(named) FROM (${namesOf('FROM alive a JOIN users u ON u.id = a.user_id', 'a.user_id::text', 'coalesce(u.name, u.email)')}) named) AS people`,
    [subject, organizationId, epochSeconds(), ...more]);
  const { tokens, refresh_tokens, is_minimum: isMinimum, clients, people } = look!;
  const named = endedKind(people ?? []);
  return {
    tokens: { ...endedKind(clients ?? []), count: tokens, isMinimum },
    refresh_tokens: { count: refresh_tokens, isMinimum, names: [], more: 0 },
    people: { ...named, count: named.names.length + named.more, isMinimum },
  };
}

/** The same for whoever pulls a kill switch. */
export async function lookAtTokens(manager: EntityManager, { kind, id, organizationId, before }: EndedThing, most: number): Promise<EndedKinds> {
  return kind === 'token' ? {} : lookAtStruck(manager, struckBy(kind, judgedColumns('t')), id, organizationId, most, ...(before ? [before] : []));
}

/** The consents that end for good, each under the name of the client that has it (of a person) or of the person who gave it (of a client). */
export async function lookAtConsents(manager: EntityManager, { kind, id, organizationId }: EndedThing): Promise<EndedKinds> {
  if (kind !== 'agent' && kind !== 'user') return {};
  const standing = `FROM consent_grants g LEFT JOIN clients c ON c.id = g.client_id LEFT JOIN users u ON u.id = g.user_id
    WHERE ${kind === 'agent' ? 'g.client_id = $1' : 'g.user_id = $1::uuid'} AND ($2::uuid IS NULL OR g.organization_id = $2)
      AND g.revoked_at IS NULL AND g.expires_at > to_timestamp($3)`;
  const [key, name] = kind === 'agent' ? ['g.user_id::text', 'coalesce(u.name, u.email)'] : ['g.client_id', 'c.name'];
  return { consents: await look(manager, namesOf(standing, key, name), [id, organizationId, epochSeconds()]) };
}

async function look(manager: EntityManager, text: string, values: unknown[]): Promise<EndedKind> {
  return endedKind(await manager.query<NonNullable<NamedRows>>(text, values));
}
