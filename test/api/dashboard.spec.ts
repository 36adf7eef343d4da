import { decodeJwt } from 'jose';
import { bootstrapToken, call, post } from '../support/api.js';
import { startApplication, type TestApplication } from '../support/application.js';
import { registerAgent } from '../support/clients.js';
import { untilLogIsRead } from '../support/log-index.js';
import { addPerson, signIn } from '../support/people.js';
import { ADMIN } from '../support/server.js';

interface Series { total: number; over_time: { time: string; counts: Record<string, number> }[] }
interface AgentCount { agent_id: string; agent_name: string | null; count: number }
interface Budget {
  subject: { kind: string; id: string }; organization_id: string; agent_id: string | null; agent_name: string | null; unit: string; period: string; resets_at: string | null;
  bound: number; used: number; reserved: number; remaining: number; share: number; threshold: number | null;
}
interface Dashboard {
  from: string; step: string; agents: Record<string, number>; clients: Record<string, number>; people: Record<string, number>; active_delegations: number;
  tokens: Series; refusals: Series & { by_reason: { reason: string; count: number }[] }; top_agents: AgentCount[]; refused_agents: AgentCount[];
  budgets: Budget[]; signing_keys: { kid: string; state: string }[]; audit_log: { written: number; signed: number };
}

let server: TestApplication;
let administrator: string;
let operator: string;

beforeAll(async () => {
  server = await startApplication();
  administrator = (await signIn(server, ADMIN)).accessToken;
  operator = await bootstrapToken(server);
});
afterAll(() => server.stop());

async function dashboard(query = '', token = operator): Promise<Dashboard> {
  const { status, body } = await call<Dashboard>(server, 'GET', `/api/admin/dashboard${query}`, { token });
  if (status !== 200) throw new Error(JSON.stringify(body));
  return body;
}

const issue = (agent: { clientId: string; clientSecret: string }, form: Record<string, string> = {}) =>
  post(server, '/api/oauth/token', { grant_type: 'client_credentials', resource: `${server.issuer}/api`, ...form }, { basic: [agent.clientId, agent.clientSecret] });

const countOf = (counts: readonly AgentCount[], id: string): number | undefined => counts.find(({ agent_id: agent }) => agent === id)?.count;
const sumOf = ({ over_time: periods }: Series, name: string): number => periods.reduce((sum, { counts }) => sum + (counts[name] ?? 0), 0);

describe('the dashboard', () => {
  it('counts the tokens that were issued and what was refused, at once and when the log has been summed up', async () => {
    const agent = await registerAgent(server, { agent_name: 'Busy', scopes: ['agents:read'] });
    const before = await dashboard();
    for (let times = 0; times < 3; times += 1) expect((await issue(agent)).status).toBe(200);
    expect((await issue(agent, { scope: 'agents:write' })).status).toBe(400);
    const told = async () => {
      const now = await dashboard();
      return {
        tokens: sumOf(now.tokens, 'client_credentials') - sumOf(before.tokens, 'client_credentials'), total: now.tokens.total - before.tokens.total,
        refused: now.refusals.total - before.refusals.total, mine: countOf(now.top_agents, agent.clientId), name: now.top_agents.find(({ agent_id: id }) => id === agent.clientId)?.agent_name,
      };
    };
    const expected = { tokens: 3, total: 3, refused: 1, mine: 3, name: 'Busy' };
    expect(await told()).toEqual(expected);
    await untilLogIsRead(server);
    expect(await told()).toEqual(expected);
  });

  it('names the reasons of refusals, the most frequent first', async () => {
    const agent = await registerAgent(server, { scopes: ['agents:read'] });
    for (let times = 0; times < 5; times += 1) await issue(agent, { scope: 'agents:write' });
    const { refusals } = await dashboard();
    expect(refusals.by_reason[0]!.count).toBeGreaterThanOrEqual(5);
    expect(refusals.by_reason.map(({ count }) => count)).toEqual(refusals.by_reason.map(({ count }) => count).toSorted((a, b) => b - a));
    expect(sumOf(refusals, refusals.by_reason[0]!.reason)).toBe(refusals.by_reason[0]!.count);
  });

  it('shows how agents, applications, people, delegations and keys stand', async () => {
    const agent = await registerAgent(server, { scopes: ['agents:read'] });
    const before = await dashboard();
    const person = await addPerson(server, administrator, 'member');
    const { accessToken } = await signIn(server, person);
    await call(server, 'POST', '/api/delegations', { token: accessToken, body: { agent_id: agent.clientId, scopes: ['agents:read'] } });
    await call(server, 'POST', `/api/agents/${agent.clientId}/suspend`, { token: operator });
    const after = await dashboard();
    expect(after.agents['suspended'] ?? 0).toBe((before.agents['suspended'] ?? 0) + 1);
    expect(after.agents['active'] ?? 0).toBe(before.agents['active']! - 1);
    expect(after.people['active']).toBe(before.people['active']! + 1);
    // The delegation stands on an agent that does not.
    expect(after.active_delegations).toBe(before.active_delegations);
    await call(server, 'POST', `/api/agents/${agent.clientId}/resume`, { token: operator });
    expect((await dashboard()).active_delegations).toBe(before.active_delegations + 1);
    expect(after.signing_keys.filter(({ state }) => state === 'active').length).toBeGreaterThan(0);
    expect(after.audit_log.written).toBeGreaterThan(0);
  });

  it('shows up to two days by the hour and more by the day, each from its beginning', async () => {
    for (const [days, step, unit] of [[1, 'hour', 3600], [2, 'hour', 3600], [3, 'day', 86_400], [366, 'day', 86_400]] as const) {
      const shown = await dashboard(`?days=${days}`);
      expect(shown.step).toBe(step);
      expect(Date.parse(shown.from) % (unit * 1000)).toBe(0);
      for (const { time } of shown.tokens.over_time) expect(Date.parse(time) % (unit * 1000)).toBe(0);
    }
    for (const days of ['0', '367', '1.5', 'x', '']) expect({ days, status: (await call(server, 'GET', `/api/admin/dashboard?days=${days}`, { token: operator })).status }).toEqual({ days, status: 400 });
  });

  it('shows the budgets of the organization, its agents and live delegations to the last millionth, the fullest first', async () => {
    const limit = async (path: string, body: object) => expect((await call(server, 'PUT', `/api/${path}/limits`, { token: operator, body })).status).toBe(200);
    const newAgent = async (name: string) => {
      const agent = await registerAgent(server, { agent_name: name, scopes: ['agents:read'] });
      return { id: agent.clientId, token: String((await issue(agent)).body['access_token']) };
    };
    const [full, half, idle, ended] = [await newAgent('Full'), await newAgent('Half'), await newAgent('Idle'), await newAgent('Ended')];
    const { accessToken } = await signIn(server, await addPerson(server, administrator, 'owner'));
    const organizationId = String(decodeJwt(accessToken)['tenant_id']);
    await limit(`organizations/${organizationId}`, { cost_budget_usd: 100, cost_period: 'month' });
    await limit(`agents/${full.id}`, { cost_budget_usd: '1', cost_period: 'day' });
    await limit(`agents/${half.id}`, { cost_budget_usd: '1', cost_period: 'lifetime', requests_per_hour: 7 });
    for (const { id } of [idle, ended]) await limit(`agents/${id}`, { cost_budget_usd: '5' });
    const delegate = async () => {
      const { body } = await call(server, 'POST', '/api/delegations', { token: accessToken, body: { agent_id: idle.id, scopes: ['agents:read'], constraints: { cost_budget_usd: '0.000003' } } });
      return String(body['id']);
    };
    const [standing, revoked] = [await delegate(), await delegate()];
    await call(server, 'DELETE', `/api/delegations/${revoked}`, { token: accessToken });
    await call(server, 'POST', `/api/agents/${ended.id}/deactivate`, { token: operator });
    await call(server, 'POST', `/api/agents/${full.id}/usage`, { token: operator, body: { cost_usd: '0.75', requests: 0 } });
    await call(server, 'POST', '/api/usage/reservations', { token: full.token, body: { cost_usd: '0.1' } });
    await call(server, 'POST', `/api/agents/${half.id}/usage`, { token: operator, body: { cost_usd: '0.500001' } });
    const { budgets } = await dashboard();
    const own = budgets.filter(({ agent_id: id }) => id === null || [full, half, idle, ended].some((agent) => agent.id === id));
    const unit = { organization_id: organizationId, unit: 'micro_usd', resets_at: expect.stringMatching(/T00:00:00\.000Z$/) };
    expect(own).toEqual([
      { ...unit, subject: { kind: 'agent', id: full.id }, agent_id: full.id, agent_name: 'Full', period: 'day', bound: 1_000_000, used: 750_000, reserved: 100_000, remaining: 150_000, share: 0.85, threshold: 80 },
      { ...unit, subject: { kind: 'agent', id: half.id }, agent_id: half.id, agent_name: 'Half', period: 'lifetime', resets_at: null, bound: 1_000_000, used: 500_001, reserved: 0, remaining: 499_999, share: 0.500001, threshold: 50 },
      { ...unit, subject: { kind: 'organization', id: organizationId }, agent_id: null, agent_name: null, period: 'month', bound: 100_000_000, used: 1_250_001, reserved: 100_000, remaining: 98_649_999, share: 0.01350001, threshold: null },
      { ...unit, subject: { kind: 'agent', id: idle.id }, agent_id: idle.id, agent_name: 'Idle', period: 'month', bound: 5_000_000, used: 0, reserved: 0, remaining: 5_000_000, share: 0, threshold: null },
      { ...unit, subject: { kind: 'delegation', id: standing }, agent_id: idle.id, agent_name: 'Idle', period: 'lifetime', resets_at: null, bound: 3, used: 0, reserved: 0, remaining: 3, share: 0, threshold: null },
    ]);
    // However many there are, a page stays one, and the organization's own is on it.
    for (let times = 0; times < 17; times += 1) await call(server, 'POST', `/api/agents/${(await newAgent(`More ${times}`)).id}/usage`, { token: operator, body: { cost_usd: '0.01' } });
    const agents = (await call<{ data: { id: string; agent_name: string }[] }>(server, 'GET', '/api/agents?limit=200', { token: operator })).body.data.filter(({ agent_name: name }) => name.startsWith('More '));
    for (const { id } of agents) {
      await limit(`agents/${id}`, { cost_budget_usd: '0.02', cost_period: 'lifetime' });
      await call(server, 'POST', `/api/agents/${id}/usage`, { token: operator, body: { cost_usd: '0.02' } });
    }
    const crowded = (await dashboard()).budgets;
    expect(crowded).toHaveLength(20);
    expect(crowded.filter(({ subject }) => subject.kind === 'organization')).toHaveLength(1);
    expect(crowded.slice(0, 17).map(({ threshold }) => threshold)).toEqual(Array.from({ length: 17 }, () => 100));
    await limit(`organizations/${organizationId}`, {});
  });

  it('tells each organization of itself alone, and platform administrators of all when they ask', async () => {
    const owner = await addPerson(server, administrator, 'member');
    const { body } = await call(server, 'POST', '/api/organizations', { token: administrator, body: { name: 'Elsewhere', owner_user_id: owner.id } });
    await call(server, 'POST', `/api/organizations/${String(body['id'])}/switch`, { token: (await signIn(server, owner)).accessToken });
    const { accessToken } = await signIn(server, owner);
    const there = await dashboard('', accessToken);
    const here = await dashboard();
    expect(there.agents).toEqual({});
    expect(there.people).toEqual({ active: 1 });
    expect(there.top_agents).toEqual([]);
    expect(there.budgets).toEqual([]);
    expect(here.budgets.length).toBeGreaterThan(0);
    expect(there.tokens.total).toBeLessThan(here.tokens.total);
    const all = await dashboard('?organization=all', administrator);
    expect(all.tokens.total).toBeGreaterThanOrEqual(here.tokens.total + there.tokens.total);
    expect((await call(server, 'GET', '/api/admin/dashboard?organization=all', { token: accessToken })).status).toBe(403);
  });

  it('is not for members', async () => {
    const { accessToken } = await signIn(server, await addPerson(server, administrator, 'member'));
    expect((await call(server, 'GET', '/api/admin/dashboard', { token: accessToken })).status).toBe(403);
  });
});
