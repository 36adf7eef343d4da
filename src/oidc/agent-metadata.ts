import { AGENT_TYPES } from '../modules/agents/agent.entity.js';

/** What discovery says of agents (OIDC-A 1.0 section 4.1), beside what every OpenID provider says. */
export const AGENT_METADATA = {
  agent_types_supported: [...AGENT_TYPES],
  agent_claims_supported: [
    'agent', 'agent_type', 'agent_model', 'agent_version', 'agent_provider', 'agent_instance_id', 'agent_trust_level', 'agent_capabilities', 'agent_context_id',
    'delegator_sub', 'delegation_purpose', 'delegation_constraints', 'delegation_chain', 'delegation_grant_id', 'act', 'may_act', 'task_id', 'parent_task_id', 'parent_token_id', 'tools',
  ],
  /** The three ways in which an agent comes to act for somebody. */
  delegation_methods_supported: ['authorization_code', 'urn:ietf:params:oauth:grant-type:token-exchange', 'client_credentials'],
};
