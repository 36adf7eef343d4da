import { Injectable } from '@nestjs/common';
import type { Caller } from '../../platform/http/caller.js';
import { invalidToken } from '../../platform/http/access.errors.js';
import { notAnAgent } from '../agents/agents.errors.js';
import { AgentsService } from '../agents/agents.service.js';
import { TokenVerifier } from '../tokens/token-verifier.service.js';
import type { AgentInfoDto } from './verification.dto.js';

/** Who the agent behind a token is, told to whoever holds the token. */
@Injectable()
export class AgentInfo {
  constructor(private readonly verifier: TokenVerifier, private readonly agents: AgentsService) {}

  /**
   * @param authorization the header that the caller was authenticated by
   * @throws DomainError `not_an_agent`; `invalid_token` when it ended this very moment
   */
  async of(caller: Caller, authorization: string): Promise<AgentInfoDto> {
    const [found, agent] = await Promise.all([this.verifier.findLive(authorization.slice(authorization.indexOf(' ') + 1)), this.agents.findCached(caller.clientId)]);
    if (!found) throw invalidToken();
    if (!agent) throw notAnAgent();
    const { claims } = found;
    const { profile } = agent;
    return {
      sub: claims.sub, agent_id: agent.id, client_id: claims.client_id, agent_name: agent.name, agent_type: profile.type, agent_model: profile.model, agent_version: profile.version,
      agent_provider: profile.provider, agent_instance_id: claims['agent_instance_id'] as string | undefined, agent_trust_level: profile.trustLevel, agent_capabilities: [...profile.capabilities],
      agent_context_id: claims['task_id'] as string, tenant_id: claims.tenant_id, token_id: claims.jti, task_id: claims['task_id'] as string, scope: claims.scope ?? '',
      ...toldBy<Partial<AgentInfoDto>>(claims, ['parent_task_id', 'tools', 'act', 'delegation_grant_id', 'delegator_sub', 'delegation_purpose', 'delegation_constraints', 'delegation_chain']),
    };
  }
}

function toldBy<Part>(claims: Readonly<Record<string, unknown>>, names: readonly (keyof Part & string)[]): Part {
  return Object.fromEntries(names.flatMap((name) => (claims[name] === undefined ? [] : [[name, claims[name]]]))) as Part;
}
