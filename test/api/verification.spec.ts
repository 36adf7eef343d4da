import { decodeJwt } from 'jose';
import { DataSource } from 'typeorm';
import { call, post } from '../support/api.js';
import { startApplication, type TestApplication } from '../support/application.js';
import { registerAgent, registerClient } from '../support/clients.js';
import { auditTrail } from '../support/directory.js';
import { addPerson, signIn, type TestPerson } from '../support/people.js';
import { ADMIN } from '../support/server.js';
import { epochSeconds } from '../../src/kernel/clock.js';
import { TokenIssuer, type NewToken } from '../../src/modules/tokens/token-issuer.service.js';

const API = 'https://trips.example/api';
const OTHER_API = 'https://rail.example/api';

interface Agent { id: string; basic: [string, string]; token: string }
interface Token { value: string; id: string; taskId: string }
type Body = Record<string, unknown> & { code?: string; reasons?: string[] };

let server: TestApplication;
let admin: string;
let person: TestPerson;
let member: string;
let agents: Agent[];
/** Serves the API, and so may ask about its tokens. */
let resourceServer: Agent;
let stranger: Agent;
let organizationId: string;

beforeAll(async () => {
  server = await startApplication();
  admin = (await signIn(server, ADMIN)).accessToken;
  organizationId = String(decodeJwt(admin)['tenant_id']);
  for (const name of ['trips:read', 'trips:book']) await call(server, 'POST', '/api/scopes', { token: admin, body: { name, description: name } });
  for (const identifier of [API, OTHER_API]) await call(server, 'POST', '/api/resources', { token: admin, body: { identifier, name: 'An API', scopes: ['trips:read', 'trips:book'] } });
  for (const body of [
    { name: 'find_trip', permissions_required: ['trips:read'], resource: API, input_schema: { type: 'object', properties: { to: { type: 'string' } }, required: ['to'], additionalProperties: false } },
    { name: 'book_trip', permissions_required: ['trips:book'], resource: API }, { name: 'find_train', permissions_required: ['trips:read'], resource: OTHER_API },
    { name: 'unassigned', permissions_required: ['trips:read'] },
  ]) {
    const made = await call(server, 'POST', '/api/tools', { token: admin, body: { description: 'A tool.', ...body } });
    if (made.status !== 201) throw new Error(JSON.stringify(made.body));
  }
  person = await addPerson(server, admin, 'member');
  member = (await signIn(server, person)).accessToken;
  agents = await Promise.all([0, 1].map(async () => {
    const { clientId, clientSecret } = await registerAgent(server, { scopes: ['trips:read', 'trips:book', 'tasks:read', 'delegations:write'] });
    const tools = (await call<{ data: { id: string; name: string }[] }>(server, 'GET', '/api/tools', { token: admin })).body.data;
    for (const { id, name } of tools) if (name !== 'unassigned') await call(server, 'POST', `/api/agents/${clientId}/tools/${id}`, { token: admin });
    return machine(clientId, clientSecret);
  }));
  const serving = await registerClient(server, { grant_types: ['client_credentials'], scopes: ['agents:read'], served_resources: [API] });
  resourceServer = await machine(serving.clientId, serving.clientSecret!);
  const other = await registerClient(server, { grant_types: ['client_credentials'], scopes: ['agents:read'] });
  stranger = await machine(other.clientId, other.clientSecret!);
});
afterAll(() => server.stop());

async function machine(id: string, secret: string): Promise<Agent> {
  const { body } = await post(server, '/api/oauth/token', { grant_type: 'client_credentials' }, { basic: [id, secret] });
  return { id, basic: [id, secret], token: String(body['access_token']) };
}

async function get(by: Agent, form: Record<string, string> = {}): Promise<Token> {
  const { status, body } = await post(server, '/api/oauth/token', { grant_type: 'client_credentials', resource: API, ...form }, { basic: by.basic });
  if (status !== 200) throw new Error(JSON.stringify(body));
  return { value: String(body['access_token']), id: String(body['token_id']), taskId: String(body['task_id']) };
}

/** A token of an agent that names exactly these tools. */
async function withTools(by: Agent, tools: string[] | undefined, scopes = ['trips:read'], more: Partial<NewToken> = {}): Promise<Token> {
  const issuedAt = epochSeconds();
  const { value, tokenId, taskId } = await server.inside(TokenIssuer).issue({
    grantType: 'client_credentials', decision: { id: 'd', policies: [] }, clientId: by.id, organizationId, subject: { kind: 'agent', id: by.id }, scopes, tools, issuedAt, expiresAt: issuedAt + 300, ...more,
  }, { identifier: API, tokenFormat: 'jwt', signingAlgorithm: 'ES256' });
  return { value, id: tokenId, taskId };
}

const revoke = (token: Token, by: Agent) => post(server, '/api/oauth/revoke', { token: token.value }, { basic: by.basic });
const verify = (by: string, body: object) => call<Body>(server, 'POST', '/api/oauth/verify', { token: by, body });
const verifyTool = (by: string, body: object) => call<Body>(server, 'POST', '/api/oauth/verify-tool-access', { token: by, body });
const checkAccess = (by: string, body: object) => call<Body>(server, 'POST', '/api/oauth/check_token_access', { token: by, body });
const verdict = ({ status, body }: { status: number; body: Body }) => (status === 200 ? [status] : [status, body.code, body.reasons]);

describe('verifying a token', () => {
  it('says what it is to the resource server that it is for, to its own client and to whoever sees tokens', async () => {
    const token = await get(agents[0]!, { scope: 'trips:read' });
    for (const by of [resourceServer.token, agents[0]!.token, admin]) {
      expect((await verify(by, { token: token.value })).body).toMatchObject({
        valid: true, token_id: token.id, task_id: token.taskId, client_id: agents[0]!.id, subject: { kind: 'agent', id: agents[0]!.id }, audience: API, scopes: ['trips:read'], parent_token_id: null, act: null,
      });
    }
    expect((await verify(token.value, { token: token.value })).status).toBe(401);
    expect(verdict(await verify(agents[0]!.token, { token: agents[0]!.token }))).toEqual([200]);
  });

  it('tells others nothing of it, not even that it exists', async () => {
    const token = await get(agents[0]!);
    for (const by of [stranger.token, agents[1]!.token, member]) expect(verdict(await verify(by, { token: token.value }))).toEqual([401, 'presented_token_invalid', ['token_unknown']]);
    expect(verdict(await verify(resourceServer.token, { token: 'nonsense' }))).toEqual([401, 'presented_token_invalid', ['token_unknown']]);
    expect((await call(server, 'POST', '/api/oauth/verify', { body: { token: token.value } })).status).toBe(401);
  });

  it('says why one that is over is not valid', async () => {
    const [revoked, child] = [await get(agents[0]!), await get(agents[0]!)];
    const below = await get(agents[0]!, { parent_token: child.value });
    await revoke(revoked, agents[0]!);
    await revoke(child, agents[0]!);
    expect(verdict(await verify(resourceServer.token, { token: revoked.value }))).toEqual([401, 'presented_token_invalid', ['token_revoked']]);
    expect(verdict(await verify(resourceServer.token, { token: below.value }))).toEqual([401, 'presented_token_invalid', ['ancestor_inactive']]);
    const cancelled = await get(agents[0]!);
    await call(server, 'POST', `/api/tasks/${cancelled.taskId}/cancel`, { token: admin });
    expect(verdict(await verify(resourceServer.token, { token: cancelled.value }))).toEqual([401, 'presented_token_invalid', ['task_cancelled']]);
  });

  it('holds it against the task and the ancestor that are expected', async () => {
    const root = await get(agents[0]!, { task_description: 'A trip.' });
    const below = await get(agents[0]!, { parent_token: root.value, task_description: 'A train.' });
    const beside = await get(agents[0]!);
    const ask = async (expected: object) => verdict(await verify(resourceServer.token, { token: below.value, ...expected }));
    for (const fits of [{ expected_task_id: below.taskId }, { expected_task_id: root.taskId }, { ancestor_token: root.value }, { ancestor_token_id: root.id, ancestor_token: root.value }]) expect(await ask(fits)).toEqual([200]);
    expect(await ask({ expected_task_id: beside.taskId })).toEqual([403, 'lineage_mismatch', ['task_mismatch']]);
    expect(await ask({ ancestor_token: beside.value })).toEqual([403, 'lineage_mismatch', ['ancestor_mismatch']]);
    expect(await ask({ ancestor_token_id: below.id, expected_task_id: beside.taskId })).toEqual([403, 'lineage_mismatch', ['ancestor_mismatch', 'task_mismatch']]);
    expect(verdict(await verify(resourceServer.token, { token: root.value, expected_task_id: below.taskId }))).toEqual([403, 'lineage_mismatch', ['task_mismatch']]);
    await revoke(beside, agents[0]!);
    expect(await ask({ ancestor_token: beside.value })).toEqual([401, 'ancestor_token_invalid', ['token_revoked']]);
    expect(await ask({ ancestor_token_id: '00000000-0000-7000-8000-000000000000' })).toEqual([401, 'ancestor_token_invalid', ['token_unknown']]);
    expect(await ask({ ancestor_token: 'nonsense' })).toEqual([401, 'ancestor_token_invalid', ['token_unknown']]);
    expect((await verify(resourceServer.token, { token: below.value, expected_task_id: 'nonsense' })).status).toBe(400);
  });

  it('puts a refusal on record', async () => {
    const token = await get(agents[0]!);
    await verify(stranger.token, { token: token.value });
    const events = await auditTrail(server.inside(DataSource));
    expect(events.filter(({ type, reason }) => type === 'access.refused' && reason === 'presented_token_invalid').at(-1)).toMatchObject({ actor: { id: stranger.id } });
  });
});

describe('checking what a token gives access to', () => {
  it('says whether it covers the scopes at the resource', async () => {
    const token = await get(agents[0]!, { scope: 'trips:read' });
    const ask = async (body: object) => verdict(await checkAccess(resourceServer.token, { token: token.value, ...body }));
    expect(await ask({})).toEqual([200]);
    expect(await ask({ scopes: ['trips:read', 'trips:read:train'], resource: API })).toEqual([200]);
    expect(await ask({ scopes: ['trips:read', 'trips:book'] })).toEqual([403, 'scope_not_covered', ['scope_not_covered']]);
    expect(await ask({ resource: OTHER_API })).toEqual([403, 'resource_mismatch', ['resource_mismatch']]);
    await revoke(token, agents[0]!);
    expect(await ask({})).toEqual([401, 'presented_token_invalid', ['token_revoked']]);
  });
});

describe('verifying a call of a tool', () => {
  const checks = async () => (await auditTrail(server.inside(DataSource))).filter(({ type }) => type === 'tool.checked');

  it('allows it when the token names the tool, covers what it requires, and the policies agree, and records the decision', async () => {
    const token = await withTools(agents[0]!, ['find_trip']);
    const { status, body } = await verifyTool(resourceServer.token, { token: token.value, tool: 'find_trip', arguments: { to: 'Lisbon' }, expected_task_id: token.taskId });
    expect(status).toBe(200);
    expect(body).toMatchObject({ allowed: true, token_id: token.id, task_id: token.taskId, client_id: agents[0]!.id, tool: { name: 'find_trip' }, decision: { policies: ['directory:agents-have-what-is-assigned'] } });
    const [event] = (await checks()).slice(-1);
    expect(event).toMatchObject({
      outcome: 'success', actor: { id: resourceServer.id }, subject: agents[0]!.id, target: { kind: 'tool', id: 'find_trip' }, task_id: token.taskId,
      details: { checked_token_id: token.id, client_id: agents[0]!.id, decision: body['decision'] },
    });
    expect(JSON.stringify(event)).not.toContain('Lisbon');
  });

  it('follows policies on why the agent was started, as it said when it got the token', async () => {
    const launched = (reason: string | undefined) => withTools(agents[0]!, ['unassigned'], ['trips:read'], { launchReason: reason });
    const rule = { effect: 'allow', who: { agents: ['*'] }, what: { actions: ['invoke'], tools: ['unassigned'] }, when: { attribute: 'context.launch_reason', equals: 'user_interactive' } };
    const { body: policy } = await call(server, 'POST', '/api/policies', { token: admin, body: { name: 'Only for people who wait', rule } });
    for (const [reason, expected] of [['user_interactive', [200]], ['system_job', [403, 'policy_denied', ['not_allowed']]], [undefined, [403, 'policy_denied', ['not_allowed']]]] as const) {
      expect(verdict(await verifyTool(resourceServer.token, { token: (await launched(reason)).value, tool: 'unassigned' }))).toEqual(expected);
    }
    await call(server, 'DELETE', `/api/policies/${String(policy['id'])}`, { token: admin });
  });

  it('denies the calls of jobs where a policy says so, with the token that the token endpoint gave', async () => {
    const rule = { effect: 'deny', who: { agents: ['*'] }, what: { actions: ['invoke'] }, when: { attribute: 'context.launch_reason', equals: 'system_job' } };
    const { body: policy } = await call(server, 'POST', '/api/policies', { token: admin, body: { name: 'No jobs', rule } });
    const check = async (reason: string) => verdict(await verifyTool(resourceServer.token, { token: (await get(agents[0]!, { launch_reason: reason })).value, tool: 'find_trip' }));
    expect(await check('user_interactive')).toEqual([200]);
    expect(await check('system_job')).toEqual([403, 'policy_denied', ['denied_by_policy']]);
    await call(server, 'DELETE', `/api/policies/${String(policy['id'])}`, { token: admin });
  });

  it.each<[string, () => Promise<[Token, object]>, unknown[]]>([
    ['of a tool that nobody knows', async () => [await withTools(agents[0]!, ['nothing']), { tool: 'nothing' }], [403, 'tool_not_allowed', ['tool_unknown']]],
    ['of a tool that the token does not name', async () => [await withTools(agents[0]!, ['find_trip']), { tool: 'book_trip' }], [403, 'tool_not_allowed', ['tool_not_in_token']]],
    ['with a token that names none', async () => [await withTools(agents[0]!, undefined), { tool: 'find_trip' }], [403, 'tool_not_allowed', ['tool_not_in_token']]],
    ['of a tool of another resource', async () => [await withTools(agents[0]!, ['find_train']), { tool: 'find_train' }], [403, 'resource_mismatch', ['resource_mismatch']]],
    ['that requires more than the token covers', async () => [await withTools(agents[0]!, ['book_trip']), { tool: 'book_trip' }], [403, 'scope_not_covered', ['scope_not_covered']]],
    ['with arguments that the tool does not take', async () => [await withTools(agents[0]!, ['find_trip']), { tool: 'find_trip', arguments: { from: 'Porto' } }], [403, 'tool_arguments_invalid', ['arguments_invalid']]],
    ['that no policy allows', async () => [await withTools(agents[0]!, ['unassigned']), { tool: 'unassigned' }], [403, 'policy_denied', ['not_allowed']]],
    ['in another task than expected', async () => [await withTools(agents[0]!, ['find_trip']), { tool: 'find_trip', expected_task_id: (await get(agents[0]!)).taskId }], [403, 'lineage_mismatch', ['task_mismatch']]],
    ['with a token that is over', async () => {
      const token = await withTools(agents[0]!, ['find_trip']);
      await revoke(token, agents[0]!);
      return [token, { tool: 'find_trip' }];
    }, [401, 'presented_token_invalid', ['token_revoked']]],
  ])('refuses one %s, on record', async (_name, prepare, expected) => {
    const [token, body] = await prepare();
    const before = (await checks()).length;
    expect(verdict(await verifyTool(resourceServer.token, { token: token.value, ...body }))).toEqual(expected);
    const made = (await checks()).slice(before);
    expect(made).toEqual([expect.objectContaining({ outcome: 'refused', reason: expected[1], details: expect.objectContaining({ reasons: expected[2] }) as object })]);
    expect((await auditTrail(server.inside(DataSource))).at(-1)).toMatchObject({ type: 'tool.checked' });
  });
});

describe('what an agent asks of itself', () => {
  it('is told: who it is, for whom it acts and by whose delegation', async () => {
    expect((await call(server, 'GET', '/api/oauth/agentinfo', { token: agents[0]!.token })).body).toMatchObject({
      sub: agents[0]!.id, agent_id: agents[0]!.id, agent_type: expect.any(String), agent_trust_level: expect.any(String), tenant_id: organizationId, token_id: decodeJwt(agents[0]!.token).jti,
    });
    const grant = (await call(server, 'POST', '/api/delegations', { token: member, body: { agent_id: agents[0]!.id, scopes: ['tasks:read'], purpose: 'Look.' } })).body['id'] as string;
    const { body } = await post(server, '/api/oauth/token', { grant_type: 'client_credentials', delegation_grant_id: grant }, { basic: agents[0]!.basic });
    const info = (await call(server, 'GET', '/api/oauth/agentinfo', { token: String(body['access_token']) })).body;
    expect(info).toMatchObject({ sub: person.id, agent_id: agents[0]!.id, act: { sub: agents[0]!.id }, delegator_sub: person.id, delegation_grant_id: grant, delegation_purpose: 'Look.' });
    expect(info['delegation_chain']).toHaveLength(1);
    expect((await call<Body>(server, 'GET', '/api/oauth/agentinfo', { token: admin })).body.code).toBe('not_an_agent');
  });

  it('includes what is on record of its tasks, and of nobody else\'s', async () => {
    const token = await get(agents[0]!);
    await get(agents[0]!, { task_id: token.taskId });
    await revoke(token, agents[0]!);
    const ask = (by: string, body: object) => call<{ data: Record<string, unknown>[]; next_cursor: string | null; code?: string }>(server, 'POST', '/api/oauth/audit/task', { token: by, body });
    const whole = (await ask(agents[0]!.token, { task_id: token.taskId })).body;
    expect(whole.data.map(({ type }) => type)).toEqual(['token.issued', 'token.issued', 'token.revoked']);
    expect(whole.data[0]).toMatchObject({ task_id: token.taskId, token_id: token.id, actor: { kind: 'agent', id: agents[0]!.id } });
    expect(whole.data.every((event) => !('source' in event))).toBe(true);
    const first = (await ask(admin, { task_id: token.taskId, limit: 2 })).body;
    expect(first.data).toEqual(whole.data.slice(0, 2));
    expect((await ask(admin, { task_id: token.taskId, limit: 2, cursor: first.next_cursor })).body).toEqual({ data: whole.data.slice(2), next_cursor: null });
    for (const by of [agents[1]!.token, member]) expect((await ask(by, { task_id: token.taskId })).body.code).toBe('task_not_found');
    expect((await ask(admin, { task_id: token.taskId, cursor: 'nonsense' })).body.code).toBe('invalid_cursor');
  });
});
