import { decodeJwt } from 'jose';
import { DataSource } from 'typeorm';
import { now, useClock } from '../../src/kernel/clock.js';
import { bootstrapToken, call, post } from '../support/api.js';
import { startApplication, type TestApplication } from '../support/application.js';
import { registerAgent, registerClient } from '../support/clients.js';
import { auditTrail } from '../support/directory.js';
import { addPerson, signIn } from '../support/people.js';
import { ADMIN } from '../support/server.js';

const API = 'https://trips.example/api';
const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const HOUR = 3_600_000;

interface Machine { id: string; basic: [string, string]; token: string }
type Body = Record<string, unknown> & { code?: string; reasons?: string[]; exhausted?: { subject: { kind: string; id: string }; limit: string; resets_at: string | null }[] };
interface Counter { limit: string; unit: string; period: string; bound: number; used: number; reserved: number; remaining: number; resets_at: string | null }

let server: TestApplication;
let admin: string;
let organizationId: string;
let gateway: Machine;
let stranger: Machine;
let restoreClock: (() => void) | undefined;

beforeAll(async () => {
  // Long enough for tests that move the clock on.
  server = await startApplication({ LEGATE_ACCESS_TOKEN_TTL: String(3 * 24 * 3600) });
  admin = (await signIn(server, ADMIN)).accessToken;
  organizationId = String(decodeJwt(admin)['tenant_id']);
  for (const name of ['trips:read', 'trips:book']) await made('/api/scopes', { name, description: name });
  await made('/api/resources', { identifier: API, name: 'Trips', scopes: ['trips:read', 'trips:book'] });
  for (const body of [{ name: 'find_trip', cost_usd: '0.25' }, { name: 'book_trip', cost_usd: 1 }, { name: 'free_tool' }]) await made('/api/tools', { ...body, resource: API, permissions_required: ['trips:read'] });
  await made('/api/policies', { name: 'agents read and write', rule: { effect: 'allow', who: { agents: ['*'] }, what: { actions: ['read', 'write'], resources: [{ type: 'document' }] } } });
  gateway = await machineOf(await registerClient(server, { grant_types: ['client_credentials'], scopes: ['agents:read'], served_resources: [API] }) as { clientId: string; clientSecret: string });
  stranger = await machineOf(await registerClient(server, { grant_types: ['client_credentials'], scopes: ['agents:read'] }) as { clientId: string; clientSecret: string });
});
afterAll(() => server.stop());
afterEach(async () => {
  restoreClock?.();
  restoreClock = undefined;
  await call(server, 'PUT', `/api/organizations/${organizationId}/limits`, { token: admin, body: {} });
});

async function made(path: string, body: object): Promise<Record<string, unknown>> {
  const answer = await call(server, 'POST', path, { token: admin, body });
  if (answer.status !== 201) throw new Error(`${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
  return answer.body;
}

async function machineOf({ clientId, clientSecret }: { clientId: string; clientSecret: string }): Promise<Machine> {
  const basic: [string, string] = [clientId, clientSecret];
  const { body } = await post(server, '/api/oauth/token', { grant_type: 'client_credentials' }, { basic });
  return { id: clientId, basic, token: String(body['access_token']) };
}

/** An agent with every tool. */
async function newAgent(scopes: string[] = []): Promise<Machine> {
  const registered = await registerAgent(server, { scopes: ['trips:read', 'trips:book', 'tasks:read', 'tasks:write', 'agents:read', 'delegations:write', 'delegations:read', ...scopes] });
  const { data } = (await call<{ data: { id: string }[] }>(server, 'GET', '/api/tools', { token: admin })).body;
  for (const { id } of data) await call(server, 'POST', `/api/agents/${registered.clientId}/tools/${id}`, { token: admin });
  return machineOf(registered);
}

/** `isPlain`: on the way that machines go all day, which answers without the protocol library. */
const ask = ({ basic }: Machine, form: Record<string, string> = {}, { isPlain = true } = {}) =>
  post(server, '/api/oauth/token', { grant_type: 'client_credentials', resource: API, ...form }, { basic, headers: isPlain ? { accept: 'application/json' } : {} });

async function tokenOf(agent: Machine, form: Record<string, string> = {}): Promise<string> {
  const { status, body } = await ask(agent, form);
  if (status !== 200) throw new Error(JSON.stringify(body));
  return String(body['access_token']);
}

const limit = (path: string, body: object, token = admin) => call<Body>(server, 'PUT', `/api/${path}/limits`, { token, body });
const limitAgent = ({ id }: Machine, body: object) => limit(`agents/${id}`, body);
const counters = async (path: string, token = admin) => (await call<{ counters: Counter[] }>(server, 'GET', `/api/${path}/limits`, { token })).body.counters;
const checkTool = (by: Machine, token: string, tool: string, more: object = {}, headers: Record<string, string> = {}) =>
  call<Body & { reservation: { id: string } | null; cost_usd: string }>(server, 'POST', '/api/oauth/verify-tool-access', { token: by.token, body: { token, tool, ...more }, headers });
const reserve = (by: Machine, body: object, headers: Record<string, string> = {}) => call<Body>(server, 'POST', '/api/usage/reservations', { token: by.token, body, headers });
const settle = (by: Machine, id: unknown, how: 'commit' | 'release', body?: object) =>
  call<Body>(server, 'POST', `/api/usage/reservations/${String(id)}/${how}`, { token: by.token, ...(how === 'commit' && { body: body ?? {} }) });

async function events(type: string): Promise<Record<string, unknown>[]> {
  return (await auditTrail(server.inside(DataSource))).filter((event) => event['type'] === type);
}

function freezeClock(): { add(milliseconds: number): void } {
  // Far from the end of an hour, so that no test runs over it.
  let at = Math.ceil(now() / HOUR) * HOUR + 60_000;
  restoreClock = useClock({ now: () => at });
  return { add: (milliseconds) => { at += milliseconds; } };
}

describe('the limits of an agent', () => {
  it('are set and shown with what is taken of them, money kept to the last millionth, and are on record', async () => {
    const agent = await newAgent();
    expect((await call(server, 'GET', `/api/agents/${agent.id}/limits`, { token: admin })).body).toEqual({
      subject: { kind: 'agent', id: agent.id }, requests_per_hour: null, cost_budget_usd: null, cost_period: null, allowed_actions: null, counters: [],
    });
    for (const [sent, shown] of [['0.1', '0.1'], [0.1, '0.1'], ['12.000001', '12.000001'], [1_000_000, '1000000']] as const) {
      expect((await limitAgent(agent, { cost_budget_usd: sent })).body).toMatchObject({ cost_budget_usd: shown, cost_period: 'month', requests_per_hour: null });
    }
    const { status, body } = await limitAgent(agent, { requests_per_hour: 5, cost_budget_usd: '2.50', cost_period: 'day', allowed_actions: ['find_trip'] });
    expect({ status, body }).toMatchObject({ status: 200, body: { requests_per_hour: 5, cost_budget_usd: '2.5', cost_period: 'day', allowed_actions: ['find_trip'] } });
    expect(await counters(`agents/${agent.id}`, agent.token)).toMatchObject([
      { limit: 'requests_per_hour', unit: 'requests', period: 'hour', bound: 5, used: 0, reserved: 0, remaining: 5 },
      { limit: 'cost_budget_usd', unit: 'micro_usd', period: 'day', bound: 2_500_000, used: 0, reserved: 0, remaining: 2_500_000 },
    ]);
    expect((await events('limits.changed')).at(-1)).toMatchObject({
      outcome: 'success', target: { kind: 'agent', id: agent.id },
      details: { requests_per_hour: 5, cost_budget_usd: '2.5', cost_period: 'day', allowed_actions: ['find_trip'], former: { requests_per_hour: null, cost_budget_usd: '1000000', cost_period: 'month' } },
    });
    expect((await limitAgent(agent, {})).body).toMatchObject({ requests_per_hour: null, cost_budget_usd: null, allowed_actions: null });
  });

  it.each<[string, object, string]>([
    ['a bound that nobody meters', { requests_per_minute: 5 }, 'invalid_request'], ['another one', { max_tokens: 1000, requests_per_hour: 5 }, 'invalid_request'], ['no request at all', { requests_per_hour: 0 }, 'invalid_request'],
    ['half a request', { requests_per_hour: 1.5 }, 'invalid_request'], ['no money', { cost_budget_usd: 0 }, 'invalid_request'], ['seven decimals', { cost_budget_usd: '0.0000001' }, 'invalid_request'],
    ['money in words', { cost_budget_usd: '1e3' }, 'invalid_request'], ['a budget for a week', { cost_budget_usd: 1, cost_period: 'week' }, 'invalid_request'],
    ['a period without a budget', { cost_period: 'day' }, 'period_without_budget'], ['actions that are no names', { allowed_actions: [''] }, 'invalid_request'],
  ])('are refused when they name %s', async (_what, body, code) => {
    const agent = await newAgent();
    const answer = await limitAgent(agent, body);
    expect({ status: answer.status, code: answer.body.code }).toEqual({ status: 400, code });
    expect(await counters(`agents/${agent.id}`)).toEqual([]);
  });

  it('may be narrowed by the agent and its owner, and widened by neither', async () => {
    const person = await addPerson(server, admin, 'member');
    const member = (await signIn(server, person)).accessToken;
    const agent = await newAgent(['agents:write']);
    await call(server, 'PUT', `/api/agents/${agent.id}`, { token: admin, body: { owner_email: person.email } });
    const path = `agents/${agent.id}`;
    expect((await limit(path, { requests_per_hour: 100 })).status).toBe(200);
    for (const [index, token] of [member, agent.token].entries()) {
      expect((await limit(path, { requests_per_hour: 90 - index }, token)).status).toBe(200);
      for (const wider of [{ requests_per_hour: 91 }, {}, { cost_budget_usd: 1 }]) expect({ wider, body: (await limit(path, wider, token)).body }).toMatchObject({ wider, body: { status: 403, code: 'limits_not_yours' } });
    }
    expect(await counters(path)).toMatchObject([{ bound: 89 }]);
    expect((await limit(path, { requests_per_hour: 1000 }, await bootstrapToken(server))).status).toBe(200);
    // And by nobody who does not manage it.
    expect((await limit(path, { requests_per_hour: 1 }, gateway.token)).body.code).toBe('insufficient_scope');
    const other = (await signIn(server, await addPerson(server, admin, 'member'))).accessToken;
    expect((await limit(path, { requests_per_hour: 1 }, other)).body.code).toBe('agent_not_found');
    expect((await call(server, 'GET', `/api/${path}/limits`, { token: other })).status).toBe(404);
  });

  it('are in its tokens, and narrow their tools', async () => {
    const agent = await newAgent();
    expect(decodeJwt(await tokenOf(agent))).not.toHaveProperty('agent_limits');
    await limitAgent(agent, { requests_per_hour: 5, cost_budget_usd: '0.75', allowed_actions: ['find_trip'] });
    const claims = decodeJwt(await tokenOf(agent));
    expect(claims).toMatchObject({ agent_limits: { requests_per_hour: 5, cost_budget_usd: '0.75', cost_period: 'month', allowed_actions: ['find_trip'] }, tools: ['find_trip'] });
    expect((await ask(agent, { required_tools: 'book_trip' })).body).toMatchObject({ error: 'access_denied' });
    await limitAgent(agent, { allowed_actions: ['invoke'] });
    expect(decodeJwt(await tokenOf(agent))['tools']).toEqual(['book_trip', 'find_trip', 'free_tool']);
  });
});

describe('issuance', () => {
  it.each<[string, object, object]>([
    ['requests', { requests_per_hour: 2 }, { requests: 2 }], ['a budget', { cost_budget_usd: '0.5' }, { requests: 0, cost_usd: '0.50' }],
  ])('gives no token to an agent that has used up its %s, on either way through the server, and says so on record', async (_what, bounds, use) => {
    const clock = freezeClock();
    const agent = await newAgent();
    await limitAgent(agent, { ...bounds, ...('cost_budget_usd' in bounds && { cost_period: 'day' }) });
    const token = await tokenOf(agent);
    expect((await reserve(gateway, { token, ...use })).status).toBe(201);
    for (const isPlain of [true, false]) {
      const { status, body } = await ask(agent, {}, { isPlain });
      expect({ status, body }).toEqual({ status: 400, body: { error: 'access_denied', error_description: expect.stringMatching(/^Nothing is left of (requests_per_hour of the agent for this hour|cost_budget_usd of the agent for this day), which ends at /) as string } });
    }
    const refused = (await events('token.refused')).filter((event) => JSON.stringify(event).includes(agent.id));
    expect(refused).toHaveLength(2);
    expect(refused[0]).toMatchObject({ outcome: 'refused', reason: 'access_denied', details: { description: expect.stringContaining('Nothing is left of') as string } });
    clock.add('cost_budget_usd' in bounds ? 24 * HOUR : HOUR);
    expect((await ask(agent)).status).toBe(200);
  });

  it('looks at the organization, at delegations and at tasks as well, and at who delegated', async () => {
    const [first, second] = [await newAgent(), await newAgent()];
    const delegation = String((await call(server, 'POST', '/api/delegations', { token: first.token, body: { agent_id: second.id, scopes: ['trips:read'], constraints: { requests_per_hour: 1 } } })).body['id']);
    const token = await tokenOf(second, { delegation_grant_id: delegation });
    expect((await reserve(gateway, { token })).status).toBe(201);
    expect((await ask(second, { delegation_grant_id: delegation })).body['error_description']).toContain('requests_per_hour of the delegation');
    expect((await ask(second)).status).toBe(200);

    const task = String((await ask(first)).body['task_id']);
    await limit(`tasks/${task}`, { cost_budget_usd: '0.25' });
    expect((await checkTool(gateway, await tokenOf(first, { task_id: task }), 'find_trip')).status).toBe(200);
    expect((await ask(first, { task_id: task })).body['error_description']).toBe('Nothing is left of cost_budget_usd of the task for as long as it lasts.');
    expect((await ask(first, { parent_task_id: task })).body['error']).toBe('access_denied');
    expect((await ask(first)).status).toBe(200);

    const own = await tokenOf(first);
    const again = String((await call(server, 'POST', '/api/delegations', { token: first.token, body: { agent_id: second.id, scopes: ['trips:read'] } })).body['id']);
    const exchange = () => post(server, '/api/oauth/token', {
      grant_type: EXCHANGE, subject_token: own, subject_token_type: 'urn:ietf:params:oauth:token-type:access_token', delegation_grant_id: again,
    }, { basic: second.basic, headers: { accept: 'application/json' } });
    expect((await exchange()).status).toBe(200);
    await limitAgent(first, { requests_per_hour: 1 });
    expect((await reserve(gateway, { token: own })).status).toBe(201);
    expect((await exchange()).body).toMatchObject({ error: 'access_denied' });
    expect((await ask(second, { delegation_grant_id: again })).body).toMatchObject({ error: 'access_denied' });

    await limit(`organizations/${organizationId}`, { requests_per_hour: 1 });
    expect((await reserve(gateway, { token: await tokenOf(second) })).status).toBe(201);
    expect((await ask(second)).body['error_description']).toContain('requests_per_hour of the organization');
  });
});

describe('issuance below other tokens', () => {
  it('gives a child agent no token by exchange, nor below a parent token, when the budget of an agent above it in the chain is spent', async () => {
    const [top, middle, child] = [await newAgent(), await newAgent(), await newAgent()];
    const delegate = async (from: Machine, to: Machine) => String((await call(server, 'POST', '/api/delegations', { token: from.token, body: { agent_id: to.id, scopes: ['trips:read'] } })).body['id']);
    await delegate(top, middle);
    const delegation = await delegate(middle, child);
    // A token of its own that descends from the one of the top: nothing that it says names that one's agent.
    const root = await tokenOf(top);
    const below = await tokenOf(middle, { parent_token: root });
    const exchange = (isPlain: boolean) => post(server, '/api/oauth/token', {
      grant_type: EXCHANGE, subject_token: below, subject_token_type: 'urn:ietf:params:oauth:token-type:access_token', delegation_grant_id: delegation,
    }, { basic: child.basic, headers: isPlain ? { accept: 'application/json' } : {} });
    const { status, body } = await exchange(true);
    expect(status).toBe(200);
    await limitAgent(top, { cost_budget_usd: '0.25', cost_period: 'lifetime' });
    // What is used below counts for the top, and so does it when a token is asked for.
    expect((await checkTool(gateway, String(body['access_token']), 'find_trip')).status).toBe(200);
    expect(await counters(`agents/${top.id}`)).toMatchObject([{ used: 250_000, remaining: 0 }]);
    const refused = { status: 400, body: { error: 'access_denied', error_description: 'Nothing is left of cost_budget_usd of the agent for as long as it lasts.' } };
    for (const isPlain of [true, false]) {
      const answer = await exchange(isPlain);
      expect({ status: answer.status, body: answer.body }).toEqual(refused);
      const again = await ask(middle, { parent_token: root }, { isPlain });
      expect({ status: again.status, body: again.body }).toEqual(refused);
    }
    // Neither agent has used up anything of its own.
    for (const agent of [middle, child]) expect((await ask(agent)).status).toBe(200);
  });
});

describe('the check of a call', () => {
  it('uses up one request and the cost of the tool, once for each idempotency key, until too little is left', async () => {
    const agent = await newAgent();
    await limitAgent(agent, { cost_budget_usd: '1.30' });
    const token = await tokenOf(agent);
    const twice = [await checkTool(gateway, token, 'book_trip', {}, { 'idempotency-key': 'k-1' }), await checkTool(gateway, token, 'book_trip', {}, { 'idempotency-key': 'k-1' })];
    expect(twice.map(({ status, body }) => ({ status, cost: body.cost_usd, reservation: body.reservation }))).toEqual([1, 2].map(() => ({ status: 200, cost: '1', reservation: null })));
    expect((await checkTool(gateway, token, 'find_trip', {}, { 'idempotency-key': 'k-1' })).body).toMatchObject({ status: 409, code: 'idempotency_key_reused' });
    expect((await checkTool(gateway, token, 'find_trip', {}, { 'idempotency-key': 'with spaces' })).body).toMatchObject({ status: 400, code: 'invalid_idempotency_key' });
    expect((await checkTool(gateway, token, 'find_trip')).status).toBe(200);
    const { status, body } = await checkTool(gateway, token, 'find_trip');
    expect({ status, body }).toMatchObject({ status: 403, body: { code: 'limit_exhausted', reasons: ['limit_exhausted'], exhausted: [{ subject: { kind: 'agent', id: agent.id }, limit: 'cost_budget_usd' }] } });
    // What costs nothing is still right.
    expect((await checkTool(gateway, token, 'free_tool')).status).toBe(200);
    expect(await counters(`agents/${agent.id}`)).toMatchObject([{ used: 1_250_000, reserved: 0, remaining: 50_000 }]);
    const checked = (await events('tool.checked')).filter((event) => (event['details'] as Body)['client_id'] === agent.id);
    expect(checked.map(({ outcome, reason }) => reason ?? outcome)).toEqual(['success', 'success', 'success', 'limit_exhausted', 'success']);
    expect(checked[0]).toMatchObject({ details: { cost_micros: 1_000_000 } });
  });

  it('only reserves on demand, to be committed with what it cost in the end', async () => {
    const agent = await newAgent();
    await limitAgent(agent, { requests_per_hour: 10, cost_budget_usd: 2 });
    const token = await tokenOf(agent);
    const { body } = await checkTool(gateway, token, 'book_trip', { reserve: true });
    expect(await counters(`agents/${agent.id}`)).toMatchObject([{ used: 0, reserved: 1 }, { used: 0, reserved: 1_000_000 }]);
    expect((await settle(gateway, body.reservation!.id, 'commit', { cost_usd: '0.40' })).body).toMatchObject({ status: 'committed', committed: { requests: 1, cost_micros: 400_000, cost_usd: '0.4' } });
    expect(await counters(`agents/${agent.id}`)).toMatchObject([{ used: 1, reserved: 0 }, { used: 400_000, reserved: 0 }]);
  });

  it('counts against everybody above an exchanged token, and refuses what one of them does not allow', async () => {
    const [first, second] = [await newAgent(), await newAgent()];
    const delegation = String((await call(server, 'POST', '/api/delegations', {
      token: first.token, body: { agent_id: second.id, scopes: ['trips:read'], constraints: { cost_budget_usd: '5', requests_per_hour: 50, allowed_actions: ['find_trip', 'free_tool'] } },
    })).body['id']);
    for (const agent of [first, second]) await limitAgent(agent, { requests_per_hour: 20 });
    await limit(`organizations/${organizationId}`, { requests_per_hour: 1000, cost_budget_usd: 100, cost_period: 'day' });
    const begun = (await ask(first)).body;
    await limit(`tasks/${String(begun['task_id'])}`, { cost_budget_usd: 3 });
    const { status, body } = await post(server, '/api/oauth/token', {
      grant_type: EXCHANGE, subject_token: String(begun['access_token']), subject_token_type: 'urn:ietf:params:oauth:token-type:access_token', delegation_grant_id: delegation,
    }, { basic: second.basic });
    expect(status).toBe(200);
    const exchanged = String(body['access_token']);
    expect(decodeJwt(exchanged)).toMatchObject({ tools: ['find_trip', 'free_tool'], delegation_constraints: { requests_per_hour: 50, cost_budget_usd: '5', allowed_actions: ['find_trip', 'free_tool'] } });
    expect((await checkTool(gateway, exchanged, 'find_trip')).status).toBe(200);
    for (const path of [`agents/${first.id}`, `agents/${second.id}`]) expect({ path, counters: await counters(path) }).toMatchObject({ path, counters: [{ used: 1 }] });
    for (const path of [`organizations/${organizationId}`, `delegations/${delegation}`]) expect({ path, counters: await counters(path) }).toMatchObject({ path, counters: [{ used: 1 }, { used: 250_000 }] });
    expect(await counters(`tasks/${String(begun['task_id'])}`)).toMatchObject([{ used: 250_000 }]);
    await limit(`tasks/${String(begun['task_id'])}`, { allowed_actions: ['free_tool'] });
    expect((await checkTool(gateway, exchanged, 'find_trip')).body).toMatchObject({ status: 403, code: 'action_not_allowed', reasons: ['action_not_allowed'] });
    expect((await checkTool(gateway, exchanged, 'free_tool')).status).toBe(200);
  });
});

describe('an evaluation', () => {
  it('denies what limits do not allow, or have nothing left for, and uses nothing up', async () => {
    const agent = await newAgent();
    const evaluator = await bootstrapToken(server, 'decisions:evaluate');
    const evaluate = async (action: string, resource: object, context?: object) => {
      const { body } = await call<{ decision: boolean; context: { reason: string } }>(server, 'POST', '/access/v1/evaluation', {
        token: evaluator, body: { subject: { type: 'agent', id: agent.id }, action: { name: action }, resource, context },
      });
      return [body.decision, body.context.reason];
    };
    const [document, find, free] = [{ type: 'document', id: 'd1' }, { type: 'tool', id: 'find_trip' }, { type: 'tool', id: 'free_tool' }];
    expect(await evaluate('read', document)).toEqual([true, 'allowed']);
    await limitAgent(agent, { allowed_actions: ['read', 'find_trip', 'free_tool'], cost_budget_usd: '0.30' });
    expect(await evaluate('read', document)).toEqual([true, 'allowed']);
    expect(await evaluate('write', document)).toEqual([false, 'action_not_allowed']);
    for (let time = 0; time < 3; time += 1) expect(await evaluate('invoke', find)).toEqual([true, 'allowed']);
    expect((await reserve(agent, { cost_usd: '0.10' })).status).toBe(201);
    expect(await evaluate('invoke', find)).toEqual([false, 'limit_exhausted']);
    expect(await evaluate('read', document)).toEqual([true, 'allowed']);
    expect((await reserve(agent, { cost_usd: '0.20' })).status).toBe(201);
    expect(await evaluate('read', document)).toEqual([false, 'limit_exhausted']);
    expect(await evaluate('invoke', free)).toEqual([true, 'allowed']);
    const many = await call<{ evaluations: { decision: boolean; context: { reason: string } }[] }>(server, 'POST', '/access/v1/evaluations', {
      token: evaluator, body: { subject: { type: 'agent', id: agent.id }, evaluations: [{ action: { name: 'read' }, resource: document }, { action: { name: 'invoke' }, resource: free }] },
    });
    expect(many.body.evaluations.map(({ decision, context }) => [decision, context.reason])).toEqual([[false, 'limit_exhausted'], [true, 'allowed']]);
    expect((await events('decision.made')).at(-2)).toMatchObject({ outcome: 'refused', reason: 'limit_exhausted' });
  });
});

describe('a reservation', () => {
  it('is made with the token of the agent by whom it is for, or by the agent; only its maker sees and settles it', async () => {
    const agent = await newAgent();
    await limitAgent(agent, { requests_per_hour: 10 });
    const token = await tokenOf(agent);
    const made = await reserve(gateway, { token, requests: 3, expires_in: 60 });
    expect(made).toMatchObject({ status: 201, body: { status: 'reserved', agent_id: agent.id, token_id: decodeJwt(token).jti, reserved: { requests: 3, cost_micros: 0, cost_usd: '0' }, committed: null } });
    expect(made.headers.get('location')).toBe(`/api/usage/reservations/${String(made.body['id'])}`);
    expect((await call(server, 'GET', made.headers.get('location')!, { token: gateway.token })).body).toEqual(made.body);
    expect((await reserve(stranger, { token })).body).toMatchObject({ status: 401, code: 'presented_token_invalid' });
    expect((await reserve(gateway, {})).body).toMatchObject({ status: 403, code: 'usage_not_yours' });
    expect((await reserve(agent, { requests: 0 })).body).toMatchObject({ status: 400, code: 'nothing_used' });
    for (const other of [stranger, agent]) {
      expect((await call(server, 'GET', made.headers.get('location')!, { token: other.token })).status).toBe(404);
      for (const how of ['commit', 'release'] as const) expect((await settle(other, made.body['id'], how)).body).toMatchObject({ status: 404, code: 'reservation_not_found' });
    }
    const own = await reserve(agent, { requests: 2 });
    expect((await settle(agent, own.body['id'], 'release')).body).toMatchObject({ status: 'released' });
    expect((await settle(agent, own.body['id'], 'release')).body).toMatchObject({ status: 'released' });
    expect((await settle(agent, own.body['id'], 'commit')).body).toMatchObject({ status: 409, code: 'reservation_over' });
    // The end of the token is no end of what was reserved with it.
    await post(server, '/api/oauth/revoke', { token }, { basic: agent.basic });
    expect((await settle(gateway, made.body['id'], 'commit', { requests: 2 })).status).toBe(200);
    expect(await counters(`agents/${agent.id}`)).toMatchObject([{ used: 2, reserved: 0 }]);
  });

  it('that is repeated with its key gets the same answer and takes once; with another body it is refused', async () => {
    const agent = await newAgent();
    await limitAgent(agent, { requests_per_hour: 10 });
    const key = { 'idempotency-key': '"8e03978e-40d5-43dd-bc93-6894a57f9324"' };
    const answers = await Promise.all(Array.from({ length: 10 }, () => reserve(agent, { requests: 2 }, key)));
    expect(new Set(answers.map(({ status, body }) => `${status} ${JSON.stringify(body)}`)).size).toBe(1);
    expect((await reserve(agent, { requests: 3 }, key)).body).toMatchObject({ status: 409, code: 'idempotency_key_reused' });
    expect(await counters(`agents/${agent.id}`)).toMatchObject([{ reserved: 2 }]);
  });

  it('that nobody settles is released by itself, and can then not be committed', async () => {
    const clock = freezeClock();
    const agent = await newAgent();
    await limitAgent(agent, { requests_per_hour: 3 });
    const { body } = await reserve(agent, { requests: 3, expires_in: 30 });
    expect((await reserve(agent, {})).body).toMatchObject({ code: 'limit_exhausted' });
    clock.add(31_000);
    expect((await settle(agent, body['id'], 'commit')).body).toMatchObject({ status: 409, code: 'reservation_over' });
    await vi.waitFor(async () => expect(await counters(`agents/${agent.id}`)).toMatchObject([{ reserved: 0, used: 0 }]), { timeout: 60_000, interval: 200 });
    expect((await call(server, 'GET', `/api/usage/reservations/${String(body['id'])}`, { token: agent.token })).body).toMatchObject({ status: 'expired' });
    expect((await reserve(agent, { requests: 3 })).status).toBe(201);
  }, 90_000);
});

describe('usage', () => {
  it('is reported by the agent or by who manages it, within its limits, on record, and shown over time', async () => {
    const clock = freezeClock();
    const agent = await newAgent();
    const path = `/api/agents/${agent.id}/usage`;
    const report = (token: string, body: object, headers: Record<string, string> = {}) => call<Body>(server, 'POST', path, { token, body, headers });
    await limitAgent(agent, { cost_budget_usd: 1, cost_period: 'lifetime', allowed_actions: ['compute'] });
    const begun = now();
    expect((await report(agent.token, { requests: 2, cost_usd: '0.5', action: 'compute' })).body).toEqual({ agent_id: agent.id, requests: 2, cost_micros: 500_000, cost_usd: '0.5' });
    expect((await events('usage.reported')).at(-1)).toMatchObject({ target: { kind: 'agent', id: agent.id }, details: { requests: 2, cost_micros: 500_000, action: 'compute' } });
    expect((await report(agent.token, { action: 'paint' })).body).toMatchObject({ status: 403, code: 'action_not_allowed' });
    clock.add(2 * HOUR);
    const key = { 'idempotency-key': 'report-1' };
    const fresh = (await signIn(server, ADMIN)).accessToken;
    for (let time = 0; time < 2; time += 1) expect((await report(fresh, { cost_usd: 0.25 }, key)).status).toBe(200);
    expect((await report(fresh, { cost_usd: 0.3 }, key)).body).toMatchObject({ code: 'idempotency_key_reused' });
    expect((await report(fresh, { cost_usd: 0.3 })).body).toMatchObject({ status: 403, code: 'limit_exhausted' });
    const { body } = await call<{ buckets: { start: string; requests: number; cost_micros: number; cost_usd: string }[]; total: object; counters: Counter[] }>(server, 'GET', `${path}?from=${new Date(begun - HOUR).toISOString()}`, { token: fresh });
    expect(body.buckets.map(({ requests, cost_micros }) => [requests, cost_micros])).toEqual([[0, 0], [2, 500_000], [0, 0], [1, 250_000]]);
    expect(body).toMatchObject({ total: { requests: 3, cost_usd: '0.75' }, counters: [{ used: 750_000, remaining: 250_000 }] });
    const days = await call<{ buckets: object[] }>(server, 'GET', `${path}?bucket=day`, { token: fresh });
    expect(days.body).toMatchObject({ bucket: 'day', total: { requests: 3 } });
    expect(days.body.buckets).toHaveLength(30);
    for (const wrong of ['from=2020-01-01T00:00:00Z', 'from=2030-01-01T00:00:00Z&to=2029-01-01T00:00:00Z', 'bucket=minute', 'from=yesterday']) {
      expect({ wrong, status: (await call(server, 'GET', `${path}?${wrong}`, { token: fresh })).status }).toEqual({ wrong, status: 400 });
    }
  });

  it('is not for those who neither are the agent nor manage it', async () => {
    const [agent, other] = [await newAgent(), await newAgent()];
    const path = `/api/agents/${agent.id}/usage`;
    for (const by of [gateway, other]) expect((await call<Body>(server, 'POST', path, { token: by.token, body: {} })).body).toMatchObject({ status: 403, code: 'insufficient_scope' });
    const member = (await signIn(server, await addPerson(server, admin, 'member'))).accessToken;
    expect((await call(server, 'POST', path, { token: member, body: {} })).status).toBe(404);
    expect((await call(server, 'GET', path, { token: member })).status).toBe(404);
    // Somebody who got a token for the agent is not the agent.
    const lent = String((await call(server, 'POST', '/api/agents/token', { token: admin, body: { agent_id: agent.id, scopes: ['tasks:read'] } })).body['access_token']);
    expect((await call<Body>(server, 'POST', path, { token: lent, body: {} })).body).toMatchObject({ code: 'insufficient_scope' });
  });
});

describe('the constraints of a delegation', () => {
  it('name what is metered and nothing else, and are narrowed on the way down', async () => {
    const [first, second, third] = [await newAgent(), await newAgent(), await newAgent()];
    const delegate = (token: string, path: string, agent: Machine, constraints: object) =>
      call<Body>(server, 'POST', path, { token, body: { agent_id: agent.id, constraints, ...(path === '/api/delegations' && { scopes: ['trips:read'], max_depth: 1 }) } });
    for (const constraints of [{ max_calls: 5 }, { cost_budget_usd: 0 }, { requests_per_hour: -1 }, { cost_period: 'day', cost_budget_usd: 1 }]) {
      expect((await delegate(first.token, '/api/delegations', second, constraints)).status).toBe(400);
    }
    const given = { requests_per_hour: 10, cost_budget_usd: '2.5', allowed_actions: ['find_trip', 'read'] };
    const { body } = await delegate(first.token, '/api/delegations', second, given);
    expect(body).toMatchObject({ constraints: given });
    const below = `/api/delegations/${String(body['id'])}/delegate`;
    expect((await delegate(second.token, below, third, { cost_budget_usd: '2.500001', requests_per_hour: 11, allowed_actions: ['write'] })).body).toMatchObject({
      status: 403, code: 'delegation_widens', widenings: [{ member: 'requests_per_hour', beyond: ['11'] }, { member: 'cost_budget_usd', beyond: ['2.500001'] }, { member: 'allowed_actions', beyond: ['write'] }],
    });
    expect((await delegate(second.token, below, third, { cost_budget_usd: 1 })).body).toMatchObject({ constraints: { requests_per_hour: 10, cost_budget_usd: '1', allowed_actions: ['find_trip', 'read'] } });
    expect((await call(server, 'GET', `/api/delegations/${String(body['id'])}/limits`, { token: second.token })).body).toMatchObject({ subject: { kind: 'delegation' }, ...given, cost_period: 'lifetime' });
  });
});

describe('a threshold', () => {
  it('is told once in a window, to the log and to the metrics', async () => {
    const agent = await newAgent();
    await limitAgent(agent, { requests_per_hour: 10 });
    for (let time = 0; time < 9; time += 1) expect((await reserve(agent, {})).status).toBe(201);
    const told = (await events('limit.threshold_reached')).filter(({ target }) => (target as { id: string }).id === agent.id);
    expect(told.map(({ details }) => details)).toMatchObject([{ limit: 'requests_per_hour', threshold: 50, taken: 5, bound: 10, period: 'hour' }, { threshold: 80, taken: 8 }]);
    const metrics = await (await fetch(`${server.issuer}/metrics`)).text();
    expect(metrics).toMatch(/legate_limit_thresholds_total\{subject="agent",meter="requests",percent="80"\} [1-9]/);
    expect(metrics).toMatch(/legate_usage_total\{outcome="reserved"\} [1-9]/);
  });
});
