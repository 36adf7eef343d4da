import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { actorsOf, type ActorChain } from '../delegation/delegation-chain.js';
import type { StandsBehind } from '../limits/limits.service.js';
import { tokensById } from './token-liveness.js';

/** What of a token says who stands behind it. It never changes. */
export interface TokenLink {
  readonly clientId: string;
  /** For whom it speaks, if that is an agent. */
  readonly agentId: string | null;
  readonly delegationGrantId: string | null;
  readonly taskId: string | null;
  readonly parentTaskId: string | null;
  readonly act: unknown;
}

interface LinkRow extends TokenLink {
  readonly id: string;
}

/** So many are kept in memory: of lineages that go on being used. */
const REMEMBERED = 2000;

const LINKS = `
  SELECT t.token_id AS id, t.client_id AS "clientId", t.agent_id AS "agentId", t.delegation_grant_id AS "delegationGrantId", t.task_id AS "taskId", t.parent_task_id AS "parentTaskId", t.act
  FROM ${tokensById('unnest($1::uuid[])', 't')}`;

/**
 * The chain above a token: whose limits concern it. What is used with a token is metered for all of them, and a token is issued only
 * if something is left to all of them: both ask here.
 */
@Injectable()
export class TokenChain {
  private readonly remembered = new Map<string, TokenLink>();

  constructor(private readonly dataSource: DataSource) {}

  /** Those that are in memory, if these are all. */
  peek(tokenIds: readonly string[]): TokenLink[] | undefined {
    const links: TokenLink[] = [];
    for (const id of tokenIds) {
      const link = this.remembered.get(id);
      if (!link) return undefined;
      links.push(link);
    }
    return links;
  }

  /** Of tokens by their ids. There are as many as the length of lineages allows. */
  async links(tokenIds: readonly string[]): Promise<TokenLink[]> {
    const missing = tokenIds.filter((id) => !this.remembered.has(id));
    const found = new Map(missing.length === 0 ? [] : (await this.dataSource.query<LinkRow[]>(LINKS, [missing])).map(({ id, ...link }) => [id, link]));
    const links = tokenIds.flatMap((id) => found.get(id) ?? this.remembered.get(id) ?? []);
    for (const [id, link] of found) this.remember(id, link);
    return links;
  }

  private remember(id: string, link: TokenLink): void {
    // A Map iterates in order of insertion: the first key is the oldest.
    if (this.remembered.size >= REMEMBERED) this.remembered.delete(this.remembered.keys().next().value!);
    this.remembered.set(id, link);
  }
}

/**
 * Everybody who stands behind a token: its client and whom it speaks for, those who acted one after another, the delegations and the
 * tasks – its own, and those of each token that it descends from.
 *
 * @param links of the token itself, and of its ancestors
 */
export function standsBehind(organizationId: string, links: readonly TokenLink[]): StandsBehind {
  const distinct = (ids: readonly (string | null)[]) => [...new Set(ids)].filter((id) => id !== null);
  return {
    organizationId,
    agentIds: distinct(links.flatMap(({ clientId, agentId, act }) => [clientId, agentId, ...actorsOf((act ?? undefined) as ActorChain | undefined)])),
    delegationIds: distinct(links.map(({ delegationGrantId }) => delegationGrantId)),
    taskIds: distinct(links.flatMap(({ taskId, parentTaskId }) => [taskId, parentTaskId])),
  };
}
