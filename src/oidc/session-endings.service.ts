import { Injectable, type OnModuleInit } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { epochSeconds } from '../kernel/clock.js';
import { endedKind, Endings, namesOf, type EndedKinds, type EndedThing } from '../modules/audit/endings.service.js';

const SIGNED_IN_AT = `to_timestamp((s.payload ->> 'loginTs')::bigint)`;

/** Of whom: `$1` is what ends; of what is past `$3` is in which organization, and `$4` the moment. */
const OF: { readonly [Kind in EndedThing['kind']]?: string } = {
  user: 'u.id = $1::uuid',
  organization: 'EXISTS (SELECT FROM memberships m WHERE m.user_id = u.id AND m.organization_id = $1::uuid)',
  past: `$1::text = '' AND ($3::uuid IS NULL OR EXISTS (SELECT FROM memberships m WHERE m.user_id = u.id AND m.organization_id = $3)) AND ${SIGNED_IN_AT} < $4::timestamptz`,
};

/**
 * Browser sessions in which a person has to sign in again. A session belongs to a person and not to an organization: of one that
 * has ended it goes on where else they work. (For a single client the sessions go on; the person signs in again when they use it.)
 */
@Injectable()
export class SessionEndings implements OnModuleInit {
  constructor(private readonly endings: Endings) {}

  onModuleInit(): void {
    this.endings.lookBy(['sessions'], lookAtSessions);
  }
}

async function lookAtSessions(manager: EntityManager, { kind, id, organizationId, before }: EndedThing): Promise<EndedKinds> {
  const of = OF[kind];
  if (of === undefined) return {};
  const alive = `FROM users u JOIN protocol_objects s ON s.model = 'Session' AND s.payload ->> 'accountId' = u.id::text
    WHERE ${of} AND s.expires_at > to_timestamp($2) AND u.status = 'active'
      AND (u.sign_ins_ended_at IS NULL OR ${SIGNED_IN_AT} >= u.sign_ins_ended_at)`;
  return { sessions: endedKind(await manager.query(namesOf(alive, 'u.id::text', 'coalesce(u.name, u.email)'), [id, epochSeconds(), ...(before ? [organizationId, before] : [])])) };
}
