import { Injectable } from '@nestjs/common';
import type { Caller } from '../../platform/http/caller.js';
import { AgentDirectory } from '../agents/agent-directory.service.js';
import { agentNotFound } from '../agents/agents.errors.js';
import { ClientsService } from '../clients/clients.service.js';
import { ScopeCeiling } from '../clients/scope-ceiling.service.js';
import { actedBy } from '../delegation/delegation-chain.js';
import { ClientTokens } from './client-tokens.service.js';
import type { IssuedToken } from './token-issuer.service.js';
import { agentNotActive, obtainedByAnother } from './tokens.errors.js';

/**
 * Whoever manages an agent gets a token for it, e.g. an administrator's program that starts agents:
 * 1. the agent is one that the caller manages: of their organization, and for members one of their own;
 * 2. the scopes are no more than the agent has, and no more than the caller may hand out;
 * 3. the token's `act` says who got it (RFC 8693 section 4.1). Nothing further is got with such a token, or two agents that
 *    manage each other could go on for ever.
 */
@Injectable()
export class AgentTokens {
  constructor(
    private readonly agents: AgentDirectory,
    private readonly clients: ClientsService,
    private readonly ceiling: ScopeCeiling,
    private readonly tokens: ClientTokens,
  ) {}

  /**
   * @param requested scopes; the agent's defaults, as far as the caller may hand them out, when there are none
   * @throws DomainError `obtained_by_another`, `agent_not_found`, `agent_not_active`, `invalid_scope`, `scopes_not_held`, and as `ClientTokens.issue`
   */
  async issueFor(caller: Caller, agentId: string, requested: readonly string[] = []): Promise<IssuedToken> {
    if (caller.act !== undefined) throw obtainedByAnother();
    const { agent } = await this.agents.get(caller, agentId);
    if (agent.status !== 'active') throw agentNotActive(agent.status);
    const client = await this.clients.findCached(agent.clientId);
    if (!client) throw agentNotFound();
    const ceiling = await this.ceiling.of(caller);
    const scopes = await this.tokens.scopesFor(client, requested);
    const given = requested.length > 0 ? scopes : ceiling.within(scopes);
    ceiling.assertCovers(given.length > 0 ? given : scopes);
    return this.tokens.issue(client, { grantType: 'agent_token', scopes: given, areScopesRequested: requested.length > 0, act: actedBy(caller.subject) });
  }
}
