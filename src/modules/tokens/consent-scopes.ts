import type { JsonValue } from '../../kernel/canonical-json.js';
import { parseScope } from '../../kernel/scope-set.js';

/** The scopes that a person agreed to at one resource. */
export interface ConsentedScopes {
  /** Identifier (RFC 8707); null for OpenID Connect's own scopes. */
  readonly resource: string | null;
  readonly scopes: string[];
}

/** What the stored form of a consent says: `{openid: {scope}, resources: {<identifier>: <scope>}}`, scopes space-separated. */
export function consentedScopes(payload: { readonly [key: string]: JsonValue | undefined }): ConsentedScopes[] {
  const openid = parseScope(textIn(payload['openid'], 'scope'));
  const resources = Object.keys(objectIn(payload['resources']));
  return [
    ...(openid.length > 0 ? [{ resource: null, scopes: openid }] : []),
    // This server's own API takes OpenID Connect's scopes too; they are said once.
    ...resources.map((resource) => ({ resource, scopes: parseScope(textIn(payload['resources'], resource)).filter((scope) => !openid.includes(scope)) })),
  ];
}

function textIn(value: JsonValue | undefined, member: string): string {
  const text = objectIn(value)[member];
  return typeof text === 'string' ? text : '';
}

function objectIn(value: JsonValue | undefined): { readonly [key: string]: JsonValue | undefined } {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value as { readonly [key: string]: JsonValue | undefined } : {};
}
