import { Injectable, type OnModuleInit } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { epochSeconds } from '../../kernel/clock.js';
import { Endings, type EndedCounts, type EndedThing } from '../audit/endings.service.js';
import { delegationIsDead } from './delegation-liveness.js';

/** The delegations `d` that end with something; `$1` is its id. */
const BELOW: { readonly [Kind in EndedThing['kind']]?: string } = {
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
  }
}

async function countDelegations(manager: EntityManager, { kind, id, organizationId }: EndedThing): Promise<EndedCounts> {
  const below = BELOW[kind];
  if (below === undefined) return {};
  const [row] = await manager.query<{ count: number }[]>(
    `SELECT count(*)::int AS count FROM delegation_grants d
     WHERE ${below} AND ($2::uuid IS NULL OR d.organization_id = $2) AND NOT coalesce(${delegationIsDead('d', 'to_timestamp($3)')}, false)`, [id, organizationId, epochSeconds()]);
  return { delegations: row!.count };
}
