import { coverOf, covers } from './scope-set.js';

/** What else is known of the scopes of a graph. */
export interface RegisteredScopes {
  /** Every name there is. A name that is neither among them nor below one of them counts as inactive. Without it all names count. */
  readonly known?: ReadonlySet<string>;
  /** Those that only a person may grant. */
  readonly requiringApproval?: ReadonlySet<string>;
}

/** Why a scope is covered: it is held itself, it lies below `through` by name, or `through` implies it. */
export interface CoveredScope {
  readonly name: string;
  readonly because: 'itself' | 'name' | 'implied';
  readonly through: string | null;
}

/** The names that are reached from what is held, each with the scope that implies it, or null where it is held itself. */
type Closure = ReadonlyMap<string, string | null>;

/**
 * What covers what among the scopes of one organization. A scope covers another
 * - by name: it is the same, or a prefix of it at a colon (`scope-set.ts`);
 * - by what it implies;
 * - by any number of these steps, in any order.
 *
 * A scope that is not active, and all that lies below it by name, is covered by nothing and covers nothing. Issuance and every
 * check of a token ask the same graph. It never changes; a change of the scopes makes another one.
 */
export class ScopeGraph {
  /** Names alone: nothing implies anything, and everything is active. */
  static readonly EMPTY = new ScopeGraph(new Map(), new Set());

  /** The scopes that imply something, by each name that covers them by name. */
  private readonly implying = new Map<string, string[]>();
  /**
   * Sets that many requests share, such as the scopes of a client's record, are asked again and again. A set that grew or
   * shrank meanwhile is looked at anew.
   */
  private readonly closures = new WeakMap<ReadonlySet<string>, { readonly size: number; readonly closure: Closure }>();

  /**
   * @param edges what each scope implies, inactive ones included
   * @param inactive names of the scopes that are neither granted nor honoured
   */
  constructor(
    private readonly edges: ReadonlyMap<string, readonly string[]>,
    private readonly inactive: ReadonlySet<string>,
    private readonly registered: RegisteredScopes = {},
  ) {
    for (const [name, implied] of edges) {
      if (implied.length === 0) continue;
      for (const above of [name, ...prefixesOf(name)]) {
        const known = this.implying.get(above);
        if (known) known.push(name);
        else this.implying.set(above, [name]);
      }
    }
  }

  /** Is this a scope that can be granted, and is honoured where it was? */
  isActive(name: string): boolean {
    const { known } = this.registered;
    return !covers(this.inactive, name) && (known === undefined || covers(known, name));
  }

  covers(held: ReadonlySet<string>, wanted: string): boolean {
    return this.isActive(wanted) && covers(this.closureOf(held), wanted);
  }

  /** Those of `wanted` that `held` does not cover. */
  uncovered(held: ReadonlySet<string>, wanted: Iterable<string>): string[] {
    return [...wanted].filter((name) => !this.covers(held, name));
  }

  /** Those of `wanted` that `held` covers. */
  narrow(held: ReadonlySet<string>, wanted: Iterable<string>): string[] {
    return [...wanted].filter((name) => this.covers(held, name));
  }

  /** A scope that is active, and all that it implies, step by step; not what lies below these by name. */
  reached(scope: string): Iterable<string> {
    return this.closureOf(new Set([scope])).keys();
  }

  /** Those of the `known` names that `held` covers, each with the reason that is nearest. */
  expand(held: ReadonlySet<string>, known: Iterable<string>): CoveredScope[] {
    const closure = this.closureOf(held);
    return this.narrow(held, known).map((name): CoveredScope => {
      const above = coverOf({ has: (candidate) => closure.get(candidate) === null }, name) ?? coverOf(closure, name)!;
      if (above !== name) return { name, because: 'name', through: above };
      const through = closure.get(name)!;
      return through === null ? { name, because: 'itself', through } : { name, because: 'implied', through };
    });
  }

  /**
   * Those of the names that a person has to agree to: whoever holds one could do what only a person may grant, because it is
   * such a scope or a part of one, or covers such a scope or a part of one.
   */
  requiringApproval(names: Iterable<string>): string[] {
    const { requiringApproval } = this.registered;
    if (requiringApproval === undefined || requiringApproval.size === 0) return [];
    return [...names].filter((name) => {
      const alone = new Set([name]);
      return covers(requiringApproval, name)
        || [...this.closureOf(alone).keys()].some((reached) => covers(requiringApproval, reached)) || [...requiringApproval].some((scope) => this.covers(alone, scope));
    });
  }

  /**
   * The way on which a scope would come to cover itself if it implied these, whatever it implies now: from the scope back to it.
   * Whether the scopes on the way are active makes no difference, since they may become so again.
   */
  cycle(name: string, implies: readonly string[]): string[] | undefined {
    const reachedFrom = new Map<string, string | null>(implies.map((implied) => [implied, null]));
    // What is added to a Map while it is walked is walked too.
    for (const [current] of reachedFrom) {
      if (covers(new Set([current]), name)) return [name, ...wayTo(current, reachedFrom), ...(current === name ? [] : [name])];
      for (const next of [...this.edges.get(current) ?? [], ...this.implying.get(current) ?? []]) {
        if (!reachedFrom.has(next)) reachedFrom.set(next, current);
      }
    }
    return undefined;
  }

  private closureOf(held: ReadonlySet<string>): Closure {
    const remembered = this.closures.get(held);
    if (remembered !== undefined && remembered.size === held.size) return remembered.closure;
    const closure = new Map<string, string | null>();
    for (const name of held) if (this.isActive(name)) closure.set(name, null);
    for (const [name] of closure) {
      for (const through of this.implying.get(name) ?? []) {
        if (!this.isActive(through)) continue;
        for (const implied of this.edges.get(through)!) if (!closure.has(implied) && this.isActive(implied)) closure.set(implied, through);
      }
    }
    this.closures.set(held, { size: held.size, closure });
    return closure;
  }
}

/** The other names that cover this one by name, shortest first. */
function prefixesOf(name: string): string[] {
  const parts = name.split(':');
  return parts.slice(2).map((_, index) => parts.slice(0, index + 2).join(':'));
}

function wayTo(name: string, reachedFrom: ReadonlyMap<string, string | null>): string[] {
  const way: string[] = [];
  for (let step: string | null | undefined = name; step != null; step = reachedFrom.get(step)) way.unshift(step);
  return way;
}
