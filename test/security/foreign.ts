import type { Tenant } from './tenant.js';

/**
 * What stands for each parameter of a path, by the path up to it. A route with a parameter that is missing here fails the
 * test: add the id of something that belongs to the organization, and to `makeTenant` if there is nothing of the kind yet.
 */
export const PARAMETERS: Readonly<Record<string, (tenant: Tenant) => string>> = {
  '/api/admin/agents/{id}': ({ agent }) => agent.id,
  '/api/admin/audit/logs/{id}': ({ eventId }) => eventId,
  '/api/admin/audit/task/{id}': ({ tokenId }) => tokenId,
  '/api/admin/audit/task-chain/{id}': ({ tokenId }) => tokenId,
  '/api/admin/tokens/{token_id}': ({ tokenId }) => tokenId,
  '/api/agents/{id}': ({ agent }) => agent.id,
  '/api/agents/{id}/secrets/{secret_id}': ({ agent }) => agent.secretId,
  '/api/agents/{id}/tools/{tool_id}': ({ tool }) => tool.id,
  '/api/clients/{client_id}': ({ client }) => client.id,
  '/api/clients/{client_id}/secrets/{secret_id}': ({ client }) => client.secretId,
  '/api/delegations/principal/{id}': ({ people }) => people.owner.id,
  '/api/delegations/{id}': ({ delegationId }) => delegationId,
  '/api/organizations/{id}': ({ id }) => id,
  '/api/organizations/{id}/members/{user_id}': ({ people }) => people.member.id,
  '/api/policies/{id}': ({ policyId }) => policyId,
  '/api/resources/{id}': ({ resource }) => resource.id,
  '/api/scopes/{id}': ({ scope }) => scope.id,
  // All organizations share the lists, and anybody may read them: nothing in them is anybody's in particular.
  '/api/status-lists/{name}': () => 'none',
  '/api/tasks/{id}': ({ tokenId }) => tokenId,
  '/api/tools/{id}': ({ tool }) => tool.id,
  '/api/usage/reservations/{id}': ({ reservationId }) => reservationId,
  '/api/users/me/consents/{id}': ({ consentId }) => consentId,
  '/api/users/{id}': ({ people }) => people.member.id,
};

/** Routes whose parameter names something of the whole installation: nobody but its administrators gets to it. */
export const OF_THE_INSTALLATION = ['/api/admin/keys/{kid}'];

/** Routes with a parameter that any token gets past, of agents and clients as well: what is behind them belongs to those, or is looked at by scope. */
export const OF_MACHINES_TOO = ['/api/agents/{id}/limits', '/api/agents/{id}/usage', '/api/usage/reservations/{id}', '/api/usage/reservations/{id}/commit', '/api/usage/reservations/{id}/release'];

/** What somebody who means harm would send to a route with a parameter. A route with a body that is missing here fails the test. */
export const HOSTILE_BODIES: Readonly<Record<string, (attacker: Tenant) => object>> = {
  'POST /api/admin/keys/{kid}/revoke': () => ({ reason: 'taken over' }),
  'POST /api/admin/tokens/{token_id}/revoke': () => ({ revoke_children: true }),
  'PUT /api/agents/{id}': () => ({ description: 'taken over', scopes: [], metadata: {} }),
  'PUT /api/agents/{id}/limits': () => ({ requests_per_hour: 1 }),
  'POST /api/agents/{id}/usage': () => ({ requests: 1000 }),
  'POST /api/agents/{id}/secrets': () => ({ label: 'taken over' }),
  'PUT /api/clients/{client_id}': () => ({ client_name: 'taken over', scopes: [] }),
  'POST /api/clients/{client_id}/secrets': () => ({ label: 'taken over' }),
  'POST /api/delegations/{id}/delegate': ({ agent }) => ({ agent_id: agent.id }),
  'PUT /api/organizations/{id}': () => ({ name: 'taken over' }),
  'PUT /api/organizations/{id}/limits': () => ({ requests_per_hour: 1 }),
  'POST /api/organizations/{id}/members': ({ people }) => ({ user_id: people.member.id, role: 'member' }),
  'PUT /api/organizations/{id}/members/{user_id}': () => ({ role: 'member' }),
  'PUT /api/policies/{id}': () => ({ name: 'taken over', rule: { effect: 'deny' } }),
  'POST /api/policies/{id}/restore': () => ({ version: 1 }),
  'PUT /api/resources/{id}': () => ({ name: 'taken over', scopes: [], is_active: false }),
  'PUT /api/scopes/{id}': () => ({ description: 'taken over', is_active: false }),
  'PUT /api/tasks/{id}/limits': () => ({ requests_per_hour: 1 }),
  'PUT /api/tools/{id}': () => ({ description: 'taken over', permissions_required: [], resource: null }),
  'POST /api/usage/reservations/{id}/commit': () => ({ requests: 0 }),
  'PUT /api/users/{id}': () => ({ name: 'taken over', status: 'disabled' }),
  'POST /api/users/{id}/password': () => ({ new_password: 'taken over by somebody 7' }),
};

/** A reference in a body to something of another organization, and how it is met. */
export interface Reference {
  /** A request by the attacker that is fine but for what it refers to; `{…}` in the path stands for something of their own. */
  readonly body: (attacker: Tenant, victim: Tenant) => object;
  readonly status: number;
  readonly code: string;
}

const scopesUnknown = (fields: object): Reference => ({ body: (_attacker, { scope }) => ({ ...fields, scopes: [scope.name] }), status: 400, code: 'unknown_scope' });
const defaultsUnknown = (fields: object): Reference => ({
  body: (_attacker, { scope }) => ({ ...fields, default_scopes: [scope.name] }), status: 400, code: 'invalid_client_metadata',
});
const resourceUnknown = (fields: object): Reference => ({
  body: (_attacker, { resource }) => ({ ...fields, served_resources: [resource.identifier] }), status: 400, code: 'unknown_resource',
});

const foreignToken = (fields: object): Reference => ({ body: (_attacker, { tokens }) => ({ ...fields, token: tokens.agent }), status: 401, code: 'presented_token_invalid' });
const taskOfOthers = (fields: object): Reference => ({
  body: ({ tokens }, { tokenId }) => ({ ...fields, token: tokens.owner, expected_task_id: tokenId }), status: 403, code: 'lineage_mismatch',
});
const ancestorOfOthers = (fields: object, member: 'ancestor_token' | 'ancestor_token_id'): Reference => ({
  body: ({ tokens }, victim) => ({ ...fields, token: tokens.owner, [member]: member === 'ancestor_token' ? victim.tokens.agent : victim.tokenId }), status: 401, code: 'ancestor_token_invalid',
});

/**
 * Members of bodies that refer to something by its id or name. One that is missing here fails the test: say how a reference
 * to somebody else's is met, or why it is none.
 */
export const BODY_REFERENCES: Readonly<Record<string, Reference | string>> = {
  'POST /api/admin/clients/register scopes': scopesUnknown({ client_name: 'Theirs' }),
  'POST /api/admin/clients/register default_scopes': defaultsUnknown({ client_name: 'Theirs', scopes: [] }),
  'POST /api/admin/clients/register served_resources': resourceUnknown({ client_name: 'Theirs' }),
  'POST /api/admin/tokens/introspect token': 'answers that it is inactive: tried on its own',
  'POST /api/agents/activate registration_token': 'a secret that proves itself',
  'POST /api/agents/register scopes': scopesUnknown({ agent_name: 'Theirs' }),
  'POST /api/agents/register default_scopes': defaultsUnknown({ agent_name: 'Theirs', scopes: [] }),
  'POST /api/agents/register tool_ids': { body: (_attacker, { tool }) => ({ agent_name: 'Theirs', scopes: [], tool_ids: [tool.id] }), status: 400, code: 'unknown_tool' },
  'POST /api/agents/register owner_email': 'an address to write to; only a member of the organization becomes the owner: tried on its own',
  'POST /api/agents/register enrolment_token': 'a secret that proves itself; with an access token it is not looked at: tried on its own',
  'POST /api/agents/register organization': 'looked at only where anybody may register; with an access token it is not: tried on its own',
  'PUT /api/agents/{id} scopes': scopesUnknown({}),
  'PUT /api/agents/{id} default_scopes': defaultsUnknown({}),
  'PUT /api/agents/{id} owner_email': 'an address to write to; only a member of the organization becomes the owner: tried on its own',
  'POST /api/agents/token agent_id': { body: (_attacker, { agent }) => ({ agent_id: agent.id }), status: 404, code: 'agent_not_found' },
  'POST /api/agents/token scopes': { body: ({ agent }, { scope }) => ({ agent_id: agent.id, scopes: [scope.name] }), status: 400, code: 'invalid_scope' },
  'POST /api/auth/login api_key': 'a secret that proves itself',
  'POST /api/auth/login organization': 'says where a name and a password belong',
  'POST /api/auth/register scopes': scopesUnknown({ name: 'Theirs' }),
  'POST /api/auth/register enrolment_token': 'a secret that proves itself; with an access token it is not looked at',
  'POST /api/auth/register organization': 'looked at only where anybody may register; with an access token it is not',
  'PUT /api/clients/{client_id} scopes': scopesUnknown({}),
  'PUT /api/clients/{client_id} default_scopes': defaultsUnknown({}),
  'PUT /api/clients/{client_id} served_resources': resourceUnknown({}),
  'POST /api/delegations agent_id': { body: ({ scope }, { agent }) => ({ agent_id: agent.id, scopes: [scope.name] }), status: 400, code: 'delegate_not_found' },
  'POST /api/delegations principal_id': {
    body: ({ agent, scope }, { people }) => ({ agent_id: agent.id, principal_id: people.owner.id, scopes: [scope.name] }), status: 400, code: 'principal_not_found',
  },
  'POST /api/delegations scopes': { body: ({ agent }, { scope }) => ({ agent_id: agent.id, scopes: [scope.name] }), status: 400, code: 'unknown_scope' },
  'POST /api/delegations/{id}/delegate agent_id': 'only the agent that holds the delegation gets so far: tried on its own',
  'POST /api/delegations/{id}/delegate scopes': 'no more than the delegation holds: tried on its own',
  'POST /api/oauth/verify token': foreignToken({}),
  'POST /api/oauth/verify expected_task_id': taskOfOthers({}),
  'POST /api/oauth/verify ancestor_token': ancestorOfOthers({}, 'ancestor_token'),
  'POST /api/oauth/verify ancestor_token_id': ancestorOfOthers({}, 'ancestor_token_id'),
  'POST /api/oauth/verify-tool-access token': foreignToken({ tool: 'anything' }),
  'POST /api/oauth/verify-tool-access expected_task_id': taskOfOthers({ tool: 'anything' }),
  'POST /api/oauth/verify-tool-access ancestor_token': ancestorOfOthers({ tool: 'anything' }, 'ancestor_token'),
  'POST /api/oauth/verify-tool-access ancestor_token_id': ancestorOfOthers({ tool: 'anything' }, 'ancestor_token_id'),
  'POST /api/oauth/check_token_access token': foreignToken({}),
  'POST /api/oauth/check_token_access scopes': { body: ({ tokens }, { scope }) => ({ token: tokens.owner, scopes: [scope.name] }), status: 403, code: 'scope_not_covered' },
  'POST /api/oauth/check_token_access resource': { body: ({ tokens }, { resource }) => ({ token: tokens.owner, resource: resource.identifier }), status: 403, code: 'resource_mismatch' },
  'POST /api/oauth/audit/task task_id': { body: (_attacker, { tokenId }) => ({ task_id: tokenId }), status: 404, code: 'task_not_found' },
  'POST /api/organizations owner_user_id': {
    body: (_attacker, { people }) => ({ name: 'Theirs', owner_user_id: people.owner.id }), status: 400, code: 'owner_user_not_found',
  },
  'POST /api/organizations/{id}/members user_id': 'makes somebody who has an account a member, by decision: there are no invitations',
  'POST /api/organizations/{id}/members email': 'makes somebody who has an account a member, by decision: there are no invitations',
  'POST /api/policies/check resource': 'what a question is about; what the organization does not have decides like a name that nobody knows',
  'POST /api/resources scopes': scopesUnknown({ identifier: 'https://theirs.example', name: 'Theirs' }),
  'PUT /api/resources/{id} scopes': scopesUnknown({}),
  'POST /api/scopes implies': { body: (_attacker, { scope }) => ({ name: 'theirs:read', implies: [scope.name] }), status: 400, code: 'unknown_scope' },
  'PUT /api/scopes/{id} implies': { body: (_attacker, { scope }) => ({ implies: [scope.name] }), status: 400, code: 'unknown_scope' },
  'POST /api/scopes/expand scopes': 'names alone, of which those of others are unknown: tried on its own',
  'POST /api/setup email': 'the first person of an installation',
  'POST /api/tools permissions_required': { body: (_attacker, { scope }) => ({ name: 'theirs', permissions_required: [scope.name] }), status: 400, code: 'unknown_scope' },
  'POST /api/tools resource': { body: (_attacker, { resource }) => ({ name: 'theirs', resource: resource.identifier }), status: 400, code: 'unknown_resource' },
  'PUT /api/tools/{id} permissions_required': { body: (_attacker, { scope }) => ({ permissions_required: [scope.name] }), status: 400, code: 'unknown_scope' },
  'PUT /api/tools/{id} resource': { body: (_attacker, { resource }) => ({ resource: resource.identifier }), status: 400, code: 'unknown_resource' },
  'POST /api/usage/reservations token': foreignToken({}),
  'POST /api/users email': 'makes somebody a member, by decision: there are no invitations',
};

/** Which members of a body look like references. */
export const LOOKS_LIKE_REFERENCE = /(^|_)(ids?|scopes|implies|permissions_required|resource|resources|token|api_key|email|organization|owner|client|agent|user)$/;
