import { Injectable, type OnModuleInit } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { endedKind, Endings, namesOf, type EndedKinds, type EndedThing } from '../audit/endings.service.js';

/** Which agents stop, with themselves or with their organization. */
@Injectable()
export class AgentEndings implements OnModuleInit {
  constructor(private readonly endings: Endings) {}

  onModuleInit(): void {
    this.endings.lookBy(['agents'], lookAtAgents);
  }
}

async function lookAtAgents(manager: EntityManager, { kind, id }: EndedThing): Promise<EndedKinds> {
  if (kind !== 'agent' && kind !== 'organization') return {};
  const active = `FROM agents a JOIN organizations o ON o.id = a.organization_id
    WHERE ${kind === 'agent' ? 'a.id' : 'a.organization_id'} = $1::uuid AND a.status = 'active' AND o.status = 'active'`;
  return { agents: endedKind(await manager.query(namesOf(active, 'a.id::text', 'a.name'), [id])) };
}
