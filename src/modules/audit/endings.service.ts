import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { answerInTime, type Attempt } from '../../platform/database/answer-in-time.js';

/** What somebody ends. */
export interface EndedThing {
  /** `past` is everything that goes back to before one moment: of an organization, a client (`id`, empty for all) or the installation. */
  readonly kind: 'token' | 'delegation' | 'task' | 'agent' | 'user' | 'consent' | 'organization' | 'past';
  readonly id: string;
  /** Whose log tells of it: what is below it elsewhere ends too, but is nobody's business there. Null for the log of the installation. */
  readonly organizationId: string | null;
  /** Of `past` alone. */
  readonly before?: Date;
}

/** How much was alive below it, by kind, e.g. `{tokens: 12}`. */
export type EndedCounts = Readonly<Record<string, number>>;

/** What of one kind ends, by name as far as there are few. */
export interface EndedKind {
  readonly count: number;
  /** Counting stopped there. */
  readonly isMinimum?: boolean;
  /** At most `MOST_NAMED`, those with the most first. */
  readonly names: readonly EndedName[];
  /** How many names there are beside these. */
  readonly more: number;
}

export interface EndedName {
  readonly id: string;
  readonly name: string | null;
  /** How many of the kind are under this name. */
  readonly count: number;
}

/** By kind, such as `tokens` and `delegations`. */
export type EndedKinds = Readonly<Record<string, EndedKind>>;

export const MOST_NAMED = 20;

type Counter = (manager: EntityManager, ended: EndedThing) => Promise<EndedCounts>;
/** @param most how much of what is struck itself it may look at */
type Looker = (manager: EntityManager, ended: EndedThing, most: number) => Promise<EndedKinds>;

/** Whoever is about to end millions of tokens need not wait until all are counted. */
const ATTEMPTS: readonly Attempt[] = [{ most: 250_000, milliseconds: 2500 }, { most: 20_000, milliseconds: 1000 }, { most: 1000, milliseconds: 500 }];

/**
 * One ending ends everything below it, in modules that whoever ends it need not know. They say here how to count what that is,
 * so that one audit event tells all of it. The numbers are those of the moment before: what is issued between the count and the
 * end, which is decided under the head of the audit log, ends as well.
 */
@Injectable()
export class Endings {
  private readonly counters: Counter[] = [];
  private readonly lookers: { readonly kinds: readonly string[]; readonly look: Looker }[] = [];

  countBy(counter: Counter): void {
    this.counters.push(counter);
  }

  /** For kill switches, which end more than the thing alone, and show it first. */
  lookBy(kinds: readonly string[], look: Looker): void {
    this.lookers.push({ kinds, look });
  }

  /** Within the transaction that ends it, before it has ended. What is over already is left out, and so is the thing itself. */
  async below(manager: EntityManager, ended: EndedThing): Promise<EndedCounts> {
    const counts: Record<string, number> = {};
    for (const counter of this.counters) Object.assign(counts, await counter(manager, ended));
    return counts;
  }

  /**
   * What a kill switch would end, the thing itself among it, by name. The same holds of the numbers as of `below`. Within a transaction:
   * what takes too long to count is told as far as it was counted, and stands in the way of no ending.
   */
  async look(manager: EntityManager, ended: EndedThing): Promise<EndedKinds> {
    const found: Record<string, EndedKind> = {};
    for (const { kinds, look } of this.lookers) Object.assign(found, await lookInTime(manager, kinds, (most) => look(manager, ended, most)));
    return found;
  }
}

/** @param kinds that the look is for: of each there is something, counted or not, when it takes too long */
export async function lookInTime(manager: EntityManager, kinds: readonly string[], look: (most: number) => Promise<EndedKinds>): Promise<EndedKinds> {
  return await answerInTime(manager, ATTEMPTS, look) ?? Object.fromEntries(kinds.map((kind) => [kind, { count: 0, isMinimum: true, names: [], more: 0 }]));
}

/** The rows of one grouped query as a kind. `groups` is how many there are, of which the rows are the first. */
export function endedKind(rows: readonly (EndedName & { readonly total: number; readonly groups: number })[]): EndedKind {
  const [first] = rows;
  return { count: first?.total ?? 0, names: rows.map(({ id, name, count }) => ({ id, name, count })), more: (first?.groups ?? 0) - rows.length };
}

/**
 * SQL of such a query: how many rows a relation has, and its names with how many of them each has.
 *
 * @param relation `FROM …` of the rows, one for each thing that ends
 * @param id SQL of the id that names it, as text
 * @param name SQL of what people call it
 */
export function namesOf(relation: string, id: string, name: string): string {
  return `SELECT ended.id, min(ended.name) AS name, count(*)::int AS count, (sum(count(*)) OVER ())::int AS total, (count(*) OVER ())::int AS groups
    FROM (SELECT ${id} AS id, ${name} AS name ${relation}) ended GROUP BY ended.id ORDER BY count(*) DESC, ended.id LIMIT ${MOST_NAMED}`;
}
