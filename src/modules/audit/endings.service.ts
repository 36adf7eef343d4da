import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';

/** What somebody ends. */
export interface EndedThing {
  readonly kind: 'token' | 'delegation' | 'task' | 'agent' | 'user' | 'consent';
  readonly id: string;
  /** Whose log tells of it: what is below it elsewhere ends too, but is nobody's business there. Null for the log of the installation. */
  readonly organizationId: string | null;
}

/** How much was alive below it, by kind, e.g. `{tokens: 12}`. */
export type EndedCounts = Readonly<Record<string, number>>;

type Counter = (manager: EntityManager, ended: EndedThing) => Promise<EndedCounts>;

/**
 * One ending ends everything below it, in modules that whoever ends it need not know. They say here how to count what that is,
 * so that one audit event tells all of it. The numbers are those of the moment before: what is issued between the count and the
 * end, which is decided under the head of the audit log, ends as well.
 */
@Injectable()
export class Endings {
  private readonly counters: Counter[] = [];

  countBy(counter: Counter): void {
    this.counters.push(counter);
  }

  /** Within the transaction that ends it, before it has ended. What is over already is left out, and so is the thing itself. */
  async below(manager: EntityManager, ended: EndedThing): Promise<EndedCounts> {
    const counts: Record<string, number> = {};
    for (const counter of this.counters) Object.assign(counts, await counter(manager, ended));
    return counts;
  }
}
