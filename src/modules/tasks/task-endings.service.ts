import { Injectable, type OnModuleInit } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { endedKind, Endings, namesOf, type EndedCounts, type EndedKinds, type EndedThing } from '../audit/endings.service.js';
import { tasksBelow } from './tasks-below.js';

const LIVE_INSIDE = tasksBelow('$1::uuid', `NOT EXISTS (SELECT FROM tasks gone WHERE gone.id = lower.id AND gone.state = 'cancelled')`);
const LIVE_BELOW = `${LIVE_INSIDE} SELECT count(*)::int AS count FROM inside WHERE id <> $1`;
/** Nothing ends of one that is cancelled, or in one that is. */
const LIVE = `${LIVE_INSIDE} ${namesOf(`FROM inside LEFT JOIN tasks k ON k.id = inside.id
  WHERE NOT EXISTS (SELECT FROM tasks top JOIN tasks gone ON gone.id = top.id OR gone.id = ANY (top.ancestors) WHERE top.id = $1::uuid AND gone.state = 'cancelled')`,
'inside.id::text', 'k.description')}`;

/** Counts the tasks that are cancelled with the one above them. Whatever else ends, its tasks can go on. */
@Injectable()
export class TaskEndings implements OnModuleInit {
  constructor(private readonly endings: Endings) {}

  onModuleInit(): void {
    this.endings.countBy(countTasks);
    this.endings.lookBy(['tasks'], lookAtTasks);
  }
}

async function countTasks(manager: EntityManager, { kind, id }: EndedThing): Promise<EndedCounts> {
  if (kind !== 'task') return {};
  const [row] = await manager.query<{ count: number }[]>(LIVE_BELOW, [id]);
  return { tasks: row!.count };
}

async function lookAtTasks(manager: EntityManager, { kind, id }: EndedThing): Promise<EndedKinds> {
  return kind === 'task' ? { tasks: endedKind(await manager.query(LIVE, [id])) } : {};
}
