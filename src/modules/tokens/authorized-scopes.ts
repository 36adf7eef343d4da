import type { ScopeGraph } from '../../kernel/scope-graph.js';

/** One of those whose authority a token needs: it has no scope that any of them lacks. */
export type Holder = ReadonlySet<string>;

/**
 * The scopes of a token that stands on several authorities at once – its client, its resource, a delegation, a parent token:
 * those that were asked for, if each is covered by all of them; else everything that all of them cover, said as broadly as
 * they say it.
 *
 * @param allows what else has a say, such as a person's role
 */
export function authorizedScopes(
  graph: ScopeGraph, holders: readonly Holder[], requested: readonly string[], allows: (scope: string) => boolean = () => true,
): { readonly scopes: readonly string[] } | { readonly refused: readonly string[] } {
  const isCovered = (scope: string) => allows(scope) && holders.every((held) => graph.covers(held, scope));
  if (requested.length > 0) {
    const refused = requested.filter((scope) => !isCovered(scope));
    return refused.length > 0 ? { refused } : { scopes: [...requested] };
  }
  const common = [...new Set(holders.flatMap((held) => [...held]))].filter(isCovered);
  return { scopes: common.filter((scope) => !common.some((other) => other !== scope && graph.covers(new Set([other]), scope))) };
}
