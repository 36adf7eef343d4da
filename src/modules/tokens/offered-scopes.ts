import type { ScopeGraph } from '../../kernel/scope-graph.js';
import type { ClientRecord } from '../clients/clients.service.js';
import type { ResolvedResource } from '../resources/resources.service.js';

type Asker = Pick<ClientRecord, 'scopes' | 'defaultScopes'>;
type Offer = Pick<ResolvedResource, 'scopes'>;

/** Everything registered that this client may ever be given at this resource. */
export function offeredScopes(graph: ScopeGraph, client: Pick<Asker, 'scopes'>, resource: Offer): string[] {
  return graph.narrow(client.scopes, resource.scopes);
}

/**
 * What a request without `scope` gets (RFC 6749 section 3.3): the client's defaults at this resource, or all it may have. What
 * only a person may grant has to be asked for.
 */
export function defaultScopes(graph: ScopeGraph, client: Asker, resource: Offer): string[] {
  const offered = offeredScopes(graph, client, resource);
  const personal = new Set(graph.requiringApproval(offered));
  return offered.filter((scope) => !personal.has(scope) && (client.defaultScopes.size === 0 || client.defaultScopes.has(scope)));
}

/** Those that the client may not have there. One is enough to refuse a request: nothing is dropped in silence. */
export function unofferedScopes(graph: ScopeGraph, client: Pick<Asker, 'scopes'>, resource: Offer, requested: Iterable<string>): string[] {
  return [...requested].filter((scope) => !graph.covers(client.scopes, scope) || !graph.covers(resource.scopes, scope));
}
