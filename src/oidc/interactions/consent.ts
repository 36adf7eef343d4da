import type { ScopeGraph } from '../../kernel/scope-graph.js';
import { parseScope } from '../../kernel/scope-set.js';
import { roleAllows } from '../../modules/organizations/roles.js';
import type { Role } from '../../platform/http/caller.js';

/** What a person has agreed to, as the library's Grant model keeps it. Scopes are space-separated. */
export interface ConsentPayload {
  readonly openid?: { readonly scope?: string };
  readonly resources?: { readonly [identifier: string]: string };
  /** Asked for, and withheld: the person's role does not allow it. */
  readonly rejected?: { readonly resources?: { readonly [identifier: string]: string } };
}

/** What the library's consent prompt found missing. */
export interface MissingConsent {
  readonly missingOIDCScope?: readonly string[];
  readonly missingResourceScopes?: { readonly [identifier: string]: readonly string[] };
}

/**
 * What stands after a person agrees: what stood before and everything that was missing, but for scopes that are not active, and
 * for those that their role does not allow – nobody hands out what they do not hold.
 */
export function agreedConsent(before: ConsentPayload | undefined, missing: MissingConsent, role: Role, graph: ScopeGraph): ConsentPayload {
  const openid = union(before?.openid?.scope, missing.missingOIDCScope ?? []);
  const active = (scopes: readonly string[]) => scopes.filter((scope) => graph.isActive(scope));
  const standing = Object.entries(before?.resources ?? {}).map(([identifier, scope]): [string, string] => [identifier, active(parseScope(scope)).join(' ')]);
  const resources: { [identifier: string]: string } = Object.fromEntries(standing.filter(([, scope]) => scope !== ''));
  const rejected: { [identifier: string]: string } = { ...before?.rejected?.resources };
  for (const [identifier, scopes] of Object.entries(missing.missingResourceScopes ?? {})) {
    const allowed = active(scopes).filter((scope) => roleAllows(role, scope));
    const withheld = active(scopes).filter((scope) => !roleAllows(role, scope));
    if (allowed.length > 0) resources[identifier] = union(resources[identifier], allowed);
    if (withheld.length > 0) rejected[identifier] = union(rejected[identifier], withheld);
  }
  return {
    ...(openid !== '' && { openid: { scope: openid } }),
    ...(Object.keys(resources).length > 0 && { resources }),
    ...(Object.keys(rejected).length > 0 && { rejected: { resources: rejected } }),
  };
}

/** Every scope of a consent, each once. */
export function scopesOf(consent: ConsentPayload | undefined): string[] {
  return [...new Set([...parseScope(consent?.openid?.scope), ...Object.values(consent?.resources ?? {}).flatMap((scope) => parseScope(scope))])];
}

function union(scope: string | undefined, more: readonly string[]): string {
  return [...new Set([...parseScope(scope), ...more])].join(' ');
}
