/**
 * The only file that opens `oidc-provider/lib/*`. Those paths are outside its semantic versioning, so the version is pinned
 * and `provider-internals.spec.ts` checks that every name is still there and of the kind we take it for.
 */
import type { errors as publicErrors, KoaContextWithOIDC, Provider } from 'oidc-provider';
// @ts-expect-error the library ships no types for its own grant handlers
import * as authorizationCode from 'oidc-provider/lib/actions/grants/authorization_code.js';
// @ts-expect-error as above
import * as refreshToken from 'oidc-provider/lib/actions/grants/refresh_token.js';
import * as grantHelpers from 'oidc-provider/lib/helpers/grants.js';
// @ts-expect-error as above
import internalsOf from 'oidc-provider/lib/helpers/weak_cache.js';

export { grantHelpers };
export type WireError = publicErrors.OIDCProviderError;

/** One grant of the library: its type, its parameters beside `grant_type`, and what runs. */
export interface LibraryGrant {
  readonly grantType: string;
  readonly parameters: ReadonlySet<string>;
  readonly handler: (provider: Provider, helpers: object, ctx: KoaContextWithOIDC) => Promise<void>;
}

export const libraryGrants: { readonly authorizationCode: LibraryGrant; readonly refreshToken: LibraryGrant } = {
  authorizationCode: authorizationCode as LibraryGrant,
  refreshToken: refreshToken as LibraryGrant,
};

/** Runs a grant of the library the way the library does: its helpers come bound to the provider. */
export function runLibraryGrant(grant: LibraryGrant, provider: Provider, ctx: KoaContextWithOIDC): Promise<void> {
  let bound = boundHelpers.get(provider);
  if (!bound) {
    bound = Object.fromEntries(Object.entries(grantHelpers).map(([name, helper]) => [name, (helper as (...args: unknown[]) => unknown).bind(undefined, provider)]));
    boundHelpers.set(provider, bound);
  }
  return grant.handler(provider, bound, ctx);
}

const boundHelpers = new WeakMap<Provider, object>();

/** How an authorization response gets to the client. */
export type ResponseMode = (ctx: KoaContextWithOIDC, redirectUri: string, payload: Readonly<Record<string, unknown>>) => void | Promise<void>;

/** Puts a response mode in the place of the library's: of two with one name, `registerResponseMode` keeps the first. */
export function replaceResponseMode(provider: Provider, name: string, mode: ResponseMode): void {
  responseModesOf(provider).delete(name);
  provider.registerResponseMode(name, mode as Parameters<Provider['registerResponseMode']>[1]);
}

export function responseModesOf(provider: Provider): Map<string, unknown> {
  return (internalsOf as (of: Provider) => { responseModes: Map<string, unknown> })(provider).responseModes;
}
