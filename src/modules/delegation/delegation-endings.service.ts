import { Injectable, type OnModuleInit } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { epochSeconds } from '../../kernel/clock.js';
import { endedKind, Endings, namesOf, type EndedCounts, type EndedKinds, type EndedThing } from '../audit/endings.service.js';
import { delegationIsDead } from './delegation-liveness.js';

/** The delegations `d` that end with something; `$1` is its id. */
export const BELOW: { readonly [Kind in EndedThing['kind']]?: string } = {
  delegation: 'd.ancestors @> ARRAY[$1::uuid]',
  // An agent is on the way as a delegate, and at the top as the one who is acted for.
  agent: `(d.agent_id = $1 OR d.subject_id = $1 OR EXISTS (SELECT FROM delegation_grants higher WHERE higher.agent_id = $1 AND higher.id = ANY (d.ancestors)))`,
  user: 'd.subject_id = $1',
  consent: `EXISTS (SELECT FROM consent_grants g WHERE g.id = $1 AND (g.delegation_grant_id = d.id OR g.delegation_grant_id = ANY (d.ancestors)))`,
};

/** Counts the delegations that end with what somebody ends. */
@Injectable()
export class DelegationEndings implements OnModuleInit {
  constructor(private readonly endings: Endings) {}

  onModuleInit(): void {
    this.endings.countBy(countDelegations);
    this.endings.lookBy(['delegations'], lookAtDelegations);
  }
}

async function countDelegations(manager: EntityManager, ended: EndedThing): Promise<EndedCounts> {
  const standing = standingBelow(ended);
  if (!standing) return {};
  const [row] = await manager.query<{ count: number }[]>(`SELECT count(*)::int AS count ${standing}`, [ended.id, ended.organizationId, epochSeconds()]);
  return { delegations: row!.count };
}

/** Each under the name of the agent that it was made to. */
async function lookAtDelegations(manager: EntityManager, ended: EndedThing): Promise<EndedKinds> {
  const standing = standingBelow(ended);
  if (!standing) return {};
  const named = namesOf(standing, 'd.agent_id::text', '(SELECT a.name FROM agents a WHERE a.id = d.agent_id)');
  return { delegations: endedKind(await manager.query(named, [ended.id, ended.organizationId, epochSeconds()])) };
}

function standingBelow({ kind }: EndedThing): string | undefined {
  const below = BELOW[kind];
  return below && `FROM delegation_grants d
    WHERE ${below} AND ($2::uuid IS NULL OR d.organization_id = $2) AND NOT coalesce(${delegationIsDead('d', 'to_timestamp($3)')}, false)`;
}
