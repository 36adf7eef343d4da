/**
 * Scope names (RFC 6749 section 3.3) and what covers what by name alone. `resource:action[:qualifier…]` names are hierarchical:
 * `calendar:read` covers `calendar:read:freebusy`, never the reverse. Where the scopes of an organization are concerned, ask its
 * `ScopeGraph`, which also knows what they imply and which are not active.
 */
const SCOPE_TOKEN = /^[\x21\x23-\x5B\x5D-\x7E]{1,128}$/;

export function isScopeToken(value: string): boolean {
  return SCOPE_TOKEN.test(value);
}

/** Is this a `scope` parameter as RFC 6749 section 3.3 writes it: scope-tokens with single spaces between them? */
export function isScopeParameter(value: string): boolean {
  return value.split(' ').every(isScopeToken);
}

/** Splits a space-separated scope string, dropping repeats, keeping order. */
export function parseScope(scope: string | undefined | null): string[] {
  if (!scope) return [];
  return [...new Set(scope.split(' ').filter((name) => name !== ''))];
}

export function formatScope(scopes: Iterable<string>): string {
  return [...scopes].join(' ');
}

/** The name in `held` that covers `wanted`: itself, or the longest of its prefixes at a colon. */
export function coverOf(held: { has(name: string): boolean }, wanted: string): string | undefined {
  if (held.has(wanted)) return wanted;
  for (let colon = wanted.lastIndexOf(':'); colon > 0; colon = wanted.lastIndexOf(':', colon - 1)) {
    const prefix = wanted.slice(0, colon);
    // A bare resource name ("calendar") is no permission: only resource:action and longer names cover others.
    if (prefix.includes(':') && held.has(prefix)) return prefix;
  }
  return undefined;
}

/** Is `wanted` held by name, or through one of its prefixes at a colon? */
export function covers(held: { has(name: string): boolean }, wanted: string): boolean {
  return coverOf(held, wanted) !== undefined;
}

/** Those of `wanted` that `held` does not cover. */
export function uncovered(held: ReadonlySet<string>, wanted: Iterable<string>): string[] {
  return [...wanted].filter((scope) => !covers(held, scope));
}

/** Those of `wanted` that `held` covers. */
export function narrow(held: ReadonlySet<string>, wanted: Iterable<string>): string[] {
  return [...wanted].filter((scope) => covers(held, scope));
}
