import { Injectable, type OnModuleInit } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { Endings, type EndedCounts, type EndedThing } from '../audit/endings.service.js';
import { tasksBelow } from './tasks-below.js';

const LIVE_BELOW = `${tasksBelow('$1::uuid', `NOT EXISTS (SELECT FROM tasks gone WHERE gone.id = lower.id AND gone.state = 'cancelled')`)}
  SELECT count(*)::int AS count FROM inside WHERE id <> $1`;

/** Counts the tasks that are cancelled with the one above them. Whatever else ends, its tasks can go on. */
@Injectable()
export class TaskEndings implements OnModuleInit {
  constructor(private readonly endings: Endings) {}

  onModuleInit(): void {
    this.endings.countBy(countTasks);
  }
}

async function countTasks(manager: EntityManager, { kind, id }: EndedThing): Promise<EndedCounts> {
  if (kind !== 'task') return {};
  const [row] = await manager.query<{ count: number }[]>(LIVE_BELOW, [id]);
  return { tasks: row!.count };
}
