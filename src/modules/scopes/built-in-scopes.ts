import { covers } from '../../kernel/scope-set.js';
import { API_SCOPES } from '../organizations/roles.js';

/** Scopes of the demo API. */
export const DEMO_SCOPES = {
  'weather:read': 'Read the weather of the demo API.',
  'stocks:read': 'Read the stock prices of the demo API.',
} as const satisfies Record<string, string>;

/** OpenID Connect Core sections 3.1.2.1, 5.4 and 11. The protocol gives them their meaning, so they have no row. */
export const OIDC_SCOPES: readonly string[] = ['openid', 'profile', 'email', 'offline_access'];

export interface BuiltInScope {
  readonly name: string;
  readonly description: string;
  readonly category: string;
  readonly isSensitive: boolean;
}

/** The scopes that come with the server. */
export function builtInScopes(hasDemoApi: boolean): BuiltInScope[] {
  const api = Object.entries(API_SCOPES).map(([name, description]) =>
    ({ name, description, category: 'administration', isSensitive: !name.endsWith(':read') || name === 'audit:read' }));
  const demo = Object.entries(DEMO_SCOPES).map(([name, description]) => ({ name, description, category: 'demo', isSensitive: false }));
  return hasDemoApi ? [...api, ...demo] : api;
}

/** Is this a scope of the server's own API, or a part of one? */
export function isApiScope(name: string): boolean {
  return covers(API_SCOPE_NAMES, name);
}

const API_SCOPE_NAMES: ReadonlySet<string> = new Set(Object.keys(API_SCOPES));
