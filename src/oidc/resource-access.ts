import { errors } from 'oidc-provider';
import type { OrganizationId } from '../kernel/ids.js';
import type { ScopeGraph } from '../kernel/scope-graph.js';
import type { ClientRecord } from '../modules/clients/clients.service.js';
import type { ResolvedResource, ResourcesService } from '../modules/resources/resources.service.js';
import { defaultScopes, unofferedScopes } from '../modules/tokens/offered-scopes.js';

/** Scopes of OpenID Connect Core section 5.4 and 11. They say what a client may learn or keep, not what it may do. */
export const OIDC_SCOPES = ['openid', 'profile', 'email', 'offline_access'] as const;
const OIDC = new Set<string>(OIDC_SCOPES);

/** Clients of the installation itself belong to no organization: they know the built-in resource alone. */
const NO_ORGANIZATION = '00000000-0000-0000-0000-000000000000' as OrganizationId;

/** @throws InvalidTarget (RFC 8707 section 2) */
export async function resolveResource(resources: ResourcesService, client: ClientRecord, identifier: string): Promise<ResolvedResource> {
  const organizationId = client.organizationId ?? NO_ORGANIZATION;
  const resource = resources.peek(identifier, organizationId) ?? await resources.resolve(identifier, organizationId);
  if (!resource) throw new errors.InvalidTarget('the resource is unknown to this client');
  return resource;
}

/**
 * The scopes of one request: those asked for, or the client's defaults when it asked for none.
 *
 * @param requested the `scope` parameter, split
 * @throws InvalidScope when one is not offered: nothing is dropped in silence
 */
export function grantedScopes(graph: ScopeGraph, client: ClientRecord, resource: ResolvedResource, requested: readonly string[]): string[] {
  if (requested.length === 0) return defaultScopes(graph, client, resource);
  const beyond = unofferedScopes(graph, client, resource, requested);
  if (beyond.length > 0) throw new errors.InvalidScope('the client may not have all of these scopes at this resource', beyond.join(' '));
  return [...requested];
}

/**
 * What nobody but a person may grant, no client gets for itself.
 *
 * @throws InvalidScope
 */
export function assertImpersonal(graph: ScopeGraph, scopes: readonly string[]): void {
  const personal = graph.requiringApproval(scopes);
  if (personal.length > 0) throw new errors.InvalidScope('only a person may grant these scopes', personal.join(' '));
}

export function withoutOidcScopes(scopes: Iterable<string>): string[] {
  return [...scopes].filter((scope) => !OIDC.has(scope));
}

/** Those OIDC scopes of a request that the client is not registered for. */
export function refusedOidcScopes(client: ClientRecord, requested: Iterable<string>): string[] {
  return [...requested].filter((scope) => OIDC.has(scope) && !client.scopes.has(scope));
}
