import { bootstrapToken, call, introspect, post } from '../support/api.js';
import { startApplication, type TestApplication } from '../support/application.js';
import { registerAgent } from '../support/clients.js';
import { addPerson, signIn, type TestPerson } from '../support/people.js';
import { ADMIN } from '../support/server.js';

interface Report {
  exists: Record<string, unknown>;
  owner: Record<string, unknown>;
  can: { scopes: string[]; tools: string[]; delegations: { id: string; subject: { kind: string; id: string } }[]; has_more_delegations: boolean };
  why: { kind: string; name: string; is_allowed: boolean; reason: string; policies: string[] }[];
  did: { last_events: { type: string }[]; tokens_by_day: { count: number }[]; refusals_by_day: { count: number }[] };
  stop: { ways: { method: string; path: string; effect: string; body: { target: object } | null; preview: string | null }[]; would_end: Record<string, number> };
}

let server: TestApplication;
let administrator: string;
let operator: string;
let person: TestPerson;
let member: string;

beforeAll(async () => {
  server = await startApplication();
  administrator = (await signIn(server, ADMIN)).accessToken;
  operator = await bootstrapToken(server);
  person = await addPerson(server, administrator, 'member');
  member = (await signIn(server, person)).accessToken;
});
afterAll(() => server.stop());

async function report(id: string, token = operator): Promise<Report> {
  const { status, body } = await call<Report>(server, 'GET', `/api/admin/agents/${id}/report`, { token });
  if (status !== 200) throw new Error(JSON.stringify(body));
  return body;
}

async function issue({ clientId, clientSecret }: { clientId: string; clientSecret: string }, form: Record<string, string> = {}): Promise<string> {
  const { status, body } = await post(server, '/api/oauth/token', { grant_type: 'client_credentials', resource: `${server.issuer}/api`, ...form }, { basic: [clientId, clientSecret] });
  if (status !== 200) throw new Error(JSON.stringify(body));
  return String(body['access_token']);
}

describe('the report on an agent', () => {
  it('answers whether it exists, who owns it, what it can do, why, what it did and how it is stopped', async () => {
    const tool = await call(server, 'POST', '/api/tools', { token: operator, body: { name: 'search_trains' } });
    const agent = await registerAgent(server, { agent_name: 'Trains', scopes: ['agents:read', 'tools:read'], tool_ids: [tool.body['id']], owner_email: person.email });
    const policy = await call(server, 'POST', '/api/policies', {
      token: operator, body: { name: 'no tools for Trains', rule: { effect: 'deny', who: { agents: [agent.clientId] }, what: { scopes: ['tools:read'] } } },
    });
    const grant = await call(server, 'POST', '/api/delegations', { token: member, body: { agent_id: agent.clientId, scopes: ['agents:read'] } });
    await issue(agent, { scope: 'agents:read' });
    await issue(agent, { scope: 'agents:read', delegation_grant_id: String(grant.body['id']) });

    const { exists, owner, can, why, did, stop } = await report(agent.clientId);
    expect(exists).toMatchObject({ agent_id: agent.clientId, agent_name: 'Trains', status: 'active', is_usable: true, live_secrets: 1, suspended_at: null });
    expect(owner).toMatchObject({ user_id: person.id, email: person.email, status: 'active', organization_status: 'active' });
    expect(can).toMatchObject({ scopes: ['agents:read', 'tools:read'], tools: ['search_trains'], has_more_delegations: false });
    expect(can.delegations.map(({ id, subject }) => ({ id, subject }))).toEqual([{ id: grant.body['id'], subject: { kind: 'user', id: person.id } }]);
    expect(why).toEqual([
      { kind: 'scope', name: 'agents:read', is_allowed: true, reason: 'allowed', policies: [expect.stringMatching(/^directory:/)] },
      { kind: 'scope', name: 'tools:read', is_allowed: false, reason: 'denied_by_policy', policies: [policy.body['id']] },
      { kind: 'tool', name: 'search_trains', is_allowed: true, reason: 'allowed', policies: [expect.stringMatching(/^directory:/)] },
    ]);
    expect(did.last_events.map(({ type }) => type)).toEqual(expect.arrayContaining(['agent.registered', 'agent.activated', 'token.issued', 'delegation.created']));
    expect(did.tokens_by_day).toEqual([{ day: expect.any(String), count: 2 }]);
    expect(did.refusals_by_day).toEqual([]);
    expect(stop.would_end).toMatchObject({ tokens: 2 });
    expect(stop.ways.map(({ method, path }) => `${method} ${path}`)).toEqual([
      `POST /api/agents/${agent.clientId}/suspend`, `POST /api/agents/${agent.clientId}/deactivate`, 'POST /api/admin/kill-switches', 'POST /api/admin/kill-switches', `DELETE /api/delegations/${String(grant.body['id'])}`,
    ]);
  });

  it('names ways to stop it that do stop it', async () => {
    const agent = await registerAgent(server, { scopes: ['agents:read'] });
    const token = await issue(agent);
    const [{ method, path } = { method: '', path: '' }] = (await report(agent.clientId)).stop.ways;
    expect((await call(server, method as 'POST', path, { token: operator })).status).toBe(200);
    expect(await introspect(server, token)).toEqual({ active: false });
    const after = await report(agent.clientId);
    expect(after.exists).toMatchObject({ status: 'suspended', is_usable: false });
    expect(after.stop.would_end).toMatchObject({ tokens: 0 });
    expect(after.stop.ways.map(({ path: way }) => way)).toEqual([`/api/agents/${agent.clientId}/deactivate`, '/api/admin/kill-switches', '/api/admin/kill-switches']);
    await call(server, 'POST', `/api/agents/${agent.clientId}/deactivate`, { token: operator });
    expect((await report(agent.clientId)).stop.ways).toEqual([]);
  });

  it.each<[string, string, number]>([['agent', 'suspended', 401], ['issued_before', 'active', 200]])('names the kill switch of kind "%s" with its preview, both of which take what it says to send', async (kind, status, tokenStatus) => {
    const agent = await registerAgent(server, { scopes: ['agents:read'] });
    const token = await issue(agent);
    const { stop: { ways } } = await report(agent.clientId);
    const way = ways.find(({ body }) => (body?.target as { kind?: string } | undefined)?.kind === kind)!;
    const previewed = await call<{ counts: object }>(server, 'POST', way.preview!, { token: operator, body: way.body! });
    expect(previewed).toMatchObject({ status: 200, body: { counts: { tokens: 1 } } });
    expect(await introspect(server, token)).toMatchObject({ active: true });
    expect((await call(server, way.method as 'POST', way.path, { token: operator, body: { ...way.body, reason: 'A test.' } })).status).toBe(200);
    expect(await introspect(server, token)).toEqual({ active: false });
    expect((await report(agent.clientId)).exists).toMatchObject({ status });
    const { clientId, clientSecret } = agent;
    expect((await post(server, '/api/oauth/token', { grant_type: 'client_credentials', resource: `${server.issuer}/api` }, { basic: [clientId, clientSecret] })).status).toBe(tokenStatus);
  });

  it('writes nothing into the log: looking is no decision', async () => {
    const agent = await registerAgent(server, { scopes: ['agents:read'] });
    const size = async () => (await call<{ data: { sequence: number }[] }>(server, 'GET', '/api/admin/audit/logs?limit=1', { token: operator })).body.data[0]!.sequence;
    const before = await size();
    await report(agent.clientId);
    expect(await size()).toBe(before);
  });

  it('is for those who may see both the statistics and the log', async () => {
    const agent = await registerAgent(server, { scopes: ['agents:read'] });
    expect((await call(server, 'GET', `/api/admin/agents/${agent.clientId}/report`, { token: member })).status).toBe(403);
    expect((await call(server, 'GET', `/api/admin/agents/${agent.clientId}/report`, { token: await bootstrapToken(server, 'admin:read') })).status).toBe(403);
    for (const id of ['nobody', '01a21000-0000-7000-8000-000000000000', 'bootstrap']) {
      expect({ id, status: (await call(server, 'GET', `/api/admin/agents/${id}/report`, { token: operator })).status }).toEqual({ id, status: 404 });
    }
  });
});
