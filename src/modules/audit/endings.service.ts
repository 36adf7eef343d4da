import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';

/** What somebody ended. */
export interface EndedThing {
  readonly kind: 'token' | 'delegation' | 'task' | 'agent' | 'user' | 'client';
  readonly id: string;
  readonly organizationId: string;
}

/** How much was alive below it, by kind, e.g. `{tokens: 12}`. */
export type EndedCounts = Readonly<Record<string, number>>;

type Counter = (manager: EntityManager, ended: EndedThing) => Promise<EndedCounts>;

/**
 * One ending ends everything below it, in modules that whoever ends it need not know. They say here how to count what that is,
 * so that one audit event tells all of it.
 */
@Injectable()
export class Endings {
  private readonly counters: Counter[] = [];

  countBy(counter: Counter): void {
    this.counters.push(counter);
  }

  /** Within the transaction that ends it, before it has ended. */
  async below(manager: EntityManager, ended: EndedThing): Promise<EndedCounts> {
    const counts: Record<string, number> = {};
    for (const counter of this.counters) Object.assign(counts, await counter(manager, ended));
    return counts;
  }
}
