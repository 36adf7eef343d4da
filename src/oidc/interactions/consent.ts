import type { ScopeGraph } from '../../kernel/scope-graph.js';
import { parseScope } from '../../kernel/scope-set.js';
import { roleAllows } from '../../modules/organizations/roles.js';
import type { Role } from '../../platform/http/caller.js';

/** What a person has agreed to, as the library's Grant model keeps it. Scopes are space-separated. */
export interface ConsentPayload {
  readonly openid?: { readonly scope?: string };
  readonly resources?: { readonly [identifier: string]: string };
  /** Asked for, and withheld: the person's role does not allow it, or they did not want it. */
  readonly rejected?: { readonly openid?: { readonly scope?: string }; readonly resources?: { readonly [identifier: string]: string } };
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
  const refusedOpenid = before?.rejected?.openid?.scope;
  for (const [identifier, scopes] of Object.entries(missing.missingResourceScopes ?? {})) {
    const allowed = active(scopes).filter((scope) => roleAllows(role, scope));
    const withheld = active(scopes).filter((scope) => !roleAllows(role, scope));
    if (allowed.length > 0) resources[identifier] = union(resources[identifier], allowed);
    if (withheld.length > 0) rejected[identifier] = union(rejected[identifier], withheld);
  }
  return {
    ...(openid !== '' && { openid: { scope: openid } }),
    ...(Object.keys(resources).length > 0 && { resources }),
    ...((refusedOpenid !== undefined || Object.keys(rejected).length > 0) && {
      rejected: { ...(refusedOpenid !== undefined && { openid: { scope: refusedOpenid } }), ...(Object.keys(rejected).length > 0 && { resources: rejected }) },
    }),
  };
}

/**
 * As much of a consent as the person chose. Who they are (`openid`) is no choice: without it there would be no sign-in. What they
 * left out counts as refused, so that the same request does not bring the same question again.
 */
export function chosenConsent(consent: ConsentPayload, chosen: ReadonlySet<string>): ConsentPayload {
  const isChosen = (scope: string) => scope === 'openid' || chosen.has(scope);
  const [openid, refused] = parted(consent.openid?.scope, isChosen);
  const resources: { [identifier: string]: string } = {};
  const rejected: { [identifier: string]: string } = { ...consent.rejected?.resources };
  for (const [identifier, scope] of Object.entries(consent.resources ?? {})) {
    const [kept, left] = parted(scope, isChosen);
    if (kept.length > 0) resources[identifier] = kept.join(' ');
    if (left.length > 0) rejected[identifier] = union(rejected[identifier], left);
  }
  const refusedOpenid = union(consent.rejected?.openid?.scope, refused);
  return {
    ...(openid.length > 0 && { openid: { scope: openid.join(' ') } }),
    ...(Object.keys(resources).length > 0 && { resources }),
    ...((refusedOpenid !== '' || Object.keys(rejected).length > 0) && {
      rejected: { ...(refusedOpenid !== '' && { openid: { scope: refusedOpenid } }), ...(Object.keys(rejected).length > 0 && { resources: rejected }) },
    }),
  };
}

/** Does the second consent leave out anything that the first one gives, at any resource? */
export function isNarrower(before: ConsentPayload | undefined, after: ConsentPayload): boolean {
  const lacks = (had: string | undefined, has: string | undefined) => parseScope(had).some((scope) => !parseScope(has).includes(scope));
  return lacks(before?.openid?.scope, after.openid?.scope)
    || Object.entries(before?.resources ?? {}).some(([identifier, scope]) => lacks(scope, after.resources?.[identifier]));
}

/** Every scope of a consent, each once. */
export function scopesOf(consent: ConsentPayload | undefined): string[] {
  return [...new Set([...parseScope(consent?.openid?.scope), ...Object.values(consent?.resources ?? {}).flatMap((scope) => parseScope(scope))])];
}

function parted(scope: string | undefined, isKept: (scope: string) => boolean): [kept: string[], left: string[]] {
  const scopes = parseScope(scope);
  return [scopes.filter(isKept), scopes.filter((name) => !isKept(name))];
}

function union(scope: string | undefined, more: readonly string[]): string {
  return [...new Set([...parseScope(scope), ...more])].join(' ');
}
