/** What covers what: the `ScopeGraph` of an organization. */
export interface ScopeOrder {
  covers(held: ReadonlySet<string>, wanted: string): boolean;
  /** The scope, and all that it implies, step by step. */
  reached(scope: string): Iterable<string>;
}

/** How a scope stands to those that policies name. */
export interface ScopeRelations {
  /** One that is not is granted by nobody. */
  readonly isActive: boolean;
  /** Those that cover it, itself among them. Empty for one that is not active. */
  readonly coveredBy: readonly string[];
  /**
   * Those that cover it or that it covers, and, whether active or not, those above and below it by name; and of the beginnings
   * that are named, such as `mail:*`, those of which it covers some part.
   */
  readonly overlaps: readonly string[];
}

/** @param named every scope that a policy names; one that ends with `*` is the beginning of some */
export function scopeRelations(order: ScopeOrder, named: Iterable<string>, scope: string): ScopeRelations {
  const held = new Set([scope]);
  const reached = [scope, ...order.reached(scope)];
  const coveredBy: string[] = [];
  const overlaps: string[] = [];
  for (const name of new Set([...named, scope])) {
    if (name.endsWith('*') && name !== scope) {
      const beginning = name.slice(0, -1);
      if (reached.some((one) => one.startsWith(beginning) || isBelow(beginning, one))) overlaps.push(name);
      continue;
    }
    const isCovered = order.covers(new Set([name]), scope);
    if (isCovered) coveredBy.push(name);
    if (isCovered || order.covers(held, name) || name === scope || isBelow(name, scope) || isBelow(scope, name)) overlaps.push(name);
  }
  return { isActive: order.covers(held, scope), coveredBy, overlaps };
}

/** A bare resource name ("calendar") is no permission, so nothing is below it. */
function isBelow(name: string, above: string): boolean {
  return above.includes(':') && name.startsWith(`${above}:`);
}
