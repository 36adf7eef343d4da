import { errors, type Client, type KoaContextWithOIDC } from 'oidc-provider';
import { isId } from '../kernel/ids.js';
import type { AgentId } from '../kernel/ids.js';
import type { TokenLineage } from '../modules/tokens/token-lineage.service.js';

/**
 * `requested_actor` and `actor_token` of the authorization code flow (draft-oauth-ai-agents-on-behalf-of-user-02):
 * 1. The client asks for the consent that a certain agent may act for the person; the page names that agent.
 * 2. With the code it sends a token of the agent. The access token then says that the agent acts (`act`, RFC 8693 section 4.1).
 * 3. Without one the token is the client's own, and only says who may act with it (`may_act`, section 4.4): the agent itself
 *    exchanges it, with its actor token.
 */
export function checkRequestedActor(_ctx: KoaContextWithOIDC, value: string | undefined, _client: Client): void {
  if (value !== undefined && !isId(value)) throw new errors.InvalidRequest('requested_actor must be the client_id of an agent');
}

/** Is this a live token of that agent, got in its own right? */
export async function provesActor(lineage: TokenLineage, actorToken: string, actorId: AgentId, organizationId: string): Promise<boolean> {
  const found = await lineage.present(actorToken, organizationId);
  return found !== undefined && found.claims.act === undefined && found.claims.sub === actorId && found.claims.client_id === actorId;
}
