/** What covers what: `ScopeGraph`, or the plain hierarchy of names. */
export interface ScopeOrder {
  covers(held: ReadonlySet<string>, wanted: string): boolean;
}

/** How a scope stands to those that policies name. */
export interface ScopeRelations {
  /** Those that cover it, itself among them. Empty for one that is not active. */
  readonly coveredBy: readonly string[];
  /** Those that cover it or that it covers, and, whether active or not, those above and below it by name. */
  readonly overlaps: readonly string[];
}

/** @param named every scope that a policy names, without wildcards */
export function scopeRelations(order: ScopeOrder, named: Iterable<string>, scope: string): ScopeRelations {
  const held = new Set([scope]);
  const names = new Set([...named, scope]);
  const coveredBy: string[] = [];
  const overlaps: string[] = [];
  for (const name of names) {
    const isCovered = order.covers(new Set([name]), scope);
    if (isCovered) coveredBy.push(name);
    if (isCovered || order.covers(held, name) || areRelatedByName(name, scope)) overlaps.push(name);
  }
  return { coveredBy, overlaps };
}

function areRelatedByName(one: string, other: string): boolean {
  return one === other || isBelow(one, other) || isBelow(other, one);
}

/** A bare resource name ("calendar") is no permission, so nothing is below it. */
function isBelow(name: string, above: string): boolean {
  return above.includes(':') && name.startsWith(`${above}:`);
}
