import { covers, narrow } from '../../kernel/scope-set.js';
import type { ClientRecord } from '../clients/clients.service.js';
import type { ResolvedResource } from '../resources/resources.service.js';

type Asker = Pick<ClientRecord, 'scopes' | 'defaultScopes'>;
type Offer = Pick<ResolvedResource, 'scopes'>;

/** Everything this client may ever be given at this resource. */
export function offeredScopes(client: Pick<Asker, 'scopes'>, resource: Offer): string[] {
  return narrow(client.scopes, resource.scopes);
}

/** What a request without `scope` gets (RFC 6749 section 3.3): the client's defaults at this resource, or all it may have. */
export function defaultScopes(client: Asker, resource: Offer): string[] {
  const offered = offeredScopes(client, resource);
  return client.defaultScopes.size > 0 ? offered.filter((scope) => client.defaultScopes.has(scope)) : offered;
}

/** Those that the client may not have there. One is enough to refuse a request: nothing is dropped in silence. */
export function unofferedScopes(client: Pick<Asker, 'scopes'>, resource: Offer, requested: Iterable<string>): string[] {
  return [...requested].filter((scope) => !covers(client.scopes, scope) || !covers(resource.scopes, scope));
}
