import { decodeJwt } from 'jose';
import { DataSource } from 'typeorm';
import { call, introspect, post } from '../support/api.js';
import { startApplication, type TestApplication } from '../support/application.js';
import { registerAgent } from '../support/clients.js';
import { auditTrail } from '../support/directory.js';
import { addPerson, signIn, type TestPerson } from '../support/people.js';
import { ADMIN } from '../support/server.js';

const EXCHANGE = { grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange', subject_token_type: 'urn:ietf:params:oauth:token-type:access_token' };

const API = 'https://trips.example/api';

interface Agent { id: string; basic: [string, string]; token: string }
interface Token { value: string; id: string; taskId: string }
interface Task { id: string; client_id: string; subject: object | null; description: string | null; parent_task_id: string | null; root_task_id: string; state: string; ended_at: string | null; code?: string }
interface Tree {
  task_id: string; root_task_id: string; is_truncated: boolean;
  tasks: { id: string; parent_task_id: string | null; state: string }[];
  tokens: { token_id: string; parent_token_id: string | null; task_id: string; active: boolean; inactive_because: string | null; delegation_grant_id: string | null }[];
  delegations: { id: string; parent_grant_id: string | null; is_active: boolean }[];
  agents: { id: string; name: string; status: string }[];
}

let server: TestApplication;
let admin: string;
let person: TestPerson;
let member: string;
let agents: Agent[];

beforeAll(async () => {
  server = await startApplication();
  admin = (await signIn(server, ADMIN)).accessToken;
  await call(server, 'POST', '/api/scopes', { token: admin, body: { name: 'trips:read', description: 'Trips' } });
  await call(server, 'POST', '/api/resources', { token: admin, body: { identifier: API, name: 'Trips', scopes: ['trips:read'] } });
  person = await addPerson(server, admin, 'member');
  member = (await signIn(server, person)).accessToken;
  agents = await Promise.all([0, 1, 2].map(() => agent()));
});
afterAll(() => server.stop());

async function agent(): Promise<Agent> {
  const { clientId, clientSecret } = await registerAgent(server, { scopes: ['trips:read', 'tasks:read', 'tasks:write', 'delegations:write'] });
  const { body } = await post(server, '/api/oauth/token', { grant_type: 'client_credentials' }, { basic: [clientId, clientSecret] });
  return { id: clientId, basic: [clientId, clientSecret], token: String(body['access_token']) };
}

const ask = (by: Agent, form: Record<string, string>) => post(server, '/api/oauth/token', { grant_type: 'client_credentials', resource: API, ...form }, { basic: by.basic });

function tokenOf({ status, body }: { status: number; body: Record<string, unknown> }): Token {
  if (status !== 200) throw new Error(JSON.stringify(body));
  const value = String(body['access_token']);
  return { value, id: decodeJwt(value).jti!, taskId: String(body['task_id']) };
}

const get = async (by: Agent, form: Record<string, string> = {}) => tokenOf(await ask(by, form));
const exchange = (by: Agent, subject: Token, form: Record<string, string> = {}) => post(server, '/api/oauth/token', { ...EXCHANGE, subject_token: subject.value, ...form }, { basic: by.basic });
const task = (token: string, id: string, action?: 'complete' | 'cancel') => call<Task>(server, action ? 'POST' : 'GET', `/api/tasks/${id}${action ? `/${action}` : ''}`, { token });
const tree = async (token: string, id: string) => (await call<Tree>(server, 'GET', `/api/tasks/${id}/tree`, { token })).body;
const list = async (token: string, query = '') => (await call<{ data: Task[] }>(server, 'GET', `/api/tasks?limit=200${query}`, { token })).body.data;
const isActive = async ({ value }: Token) => (await introspect(server, value))['active'] === true;
const events = async (type: string, id: string) => (await auditTrail(server.inside(DataSource))).filter((event) => event['type'] === type && (event['target'] as { id?: string } | undefined)?.id === id);

async function delegate(by: string, to: Agent, body: object = {}): Promise<string> {
  const answer = await call(server, 'POST', '/api/delegations', { token: by, body: { agent_id: to.id, scopes: ['trips:read'], ...body } });
  if (answer.status !== 201) throw new Error(JSON.stringify(answer.body));
  return String(answer.body['id']);
}

/** A task of the first agent for the person; in it a token exchanged by the second, and one below it of a task of its own. */
async function trip() {
  const grant = await delegate(member, agents[0]!, { max_depth: 2 });
  const onwards = (await call(server, 'POST', `/api/delegations/${grant}/delegate`, { token: agents[0]!.token, body: { agent_id: agents[1]!.id } })).body['id'] as string;
  const first = await get(agents[0]!, { delegation_grant_id: grant, task_description: 'Book the trip to Lisbon.' });
  const exchanged = tokenOf(await exchange(agents[1]!, first, { delegation_grant_id: onwards }));
  const below = await get(agents[1]!, { parent_token: exchanged.value, task_description: 'Find a train.' });
  return { grant, onwards, first, exchanged, below };
}

describe('a task', () => {
  it('exists for every token, whether anybody said anything of it or not', async () => {
    const plain = await get(agents[0]!);
    expect((await task(agents[0]!.token, plain.taskId)).body).toMatchObject({
      id: plain.id, client_id: agents[0]!.id, subject: { kind: 'agent', id: agents[0]!.id }, description: null, parent_task_id: null, root_task_id: plain.id, state: 'active', ended_at: null,
    });
    const { first, exchanged, below } = await trip();
    expect((await task(admin, first.taskId)).body).toMatchObject({ description: 'Book the trip to Lisbon.', subject: { kind: 'user', id: person.id }, root_task_id: first.taskId });
    expect((await task(admin, exchanged.taskId)).body).toMatchObject({ parent_task_id: first.taskId, root_task_id: first.taskId, client_id: agents[1]!.id, description: null });
    expect((await task(admin, below.taskId)).body).toMatchObject({ parent_task_id: exchanged.taskId, root_task_id: first.taskId, description: 'Find a train.' });
  });

  it('is seen by who began it, who owns that agent, for whom it is, and who runs the organization', async () => {
    const { first } = await trip();
    const stranger = (await signIn(server, await addPerson(server, admin, 'member', 'stranger'))).accessToken;
    for (const token of [admin, member, agents[0]!.token]) expect((await task(token, first.taskId)).status).toBe(200);
    for (const token of [stranger, agents[2]!.token]) {
      for (const action of [undefined, 'complete', 'cancel'] as const) expect((await task(token, first.taskId, action)).body.code).toBe('task_not_found');
      expect((await call(server, 'GET', `/api/tasks/${first.taskId}/tree`, { token })).status).toBe(404);
      expect((await list(token)).map(({ id }) => id)).not.toContain(first.taskId);
    }
    const owned = await call<{ agent: { client_id: string }; credentials: { client_id: string; client_secret: string; registration_token: string } }>(server, 'POST', '/api/agents/register', {
      token: member, body: { agent_name: 'Owned by the member', scopes: ['tasks:read'] },
    });
    await call(server, 'POST', '/api/agents/activate', { body: { registration_token: owned.body.credentials.registration_token } });
    const own = await get({ id: '', token: '', basic: [owned.body.credentials.client_id, owned.body.credentials.client_secret] }, { resource: `${server.issuer}/api` });
    expect((await list(member)).map(({ id }) => id)).toEqual(expect.arrayContaining([own.taskId, first.taskId]));
    expect((await task(stranger, 'nonsense')).status).toBe(404);
  });

  it('is listed by agent, by state as it stands, and by the task above it', async () => {
    const { first, exchanged, below } = await trip();
    const other = await get(agents[0]!);
    await task(admin, other.taskId, 'complete');
    const ids = async (query: string) => (await list(admin, query)).map(({ id }) => id);
    expect(await ids(`&root_task_id=${first.taskId}`)).toEqual([below.taskId, exchanged.taskId, first.taskId]);
    expect(await ids(`&root_task_id=${exchanged.taskId}`)).toEqual([below.taskId, exchanged.taskId]);
    expect(await ids(`&root_task_id=${first.taskId}&agent_id=${agents[0]!.id}`)).toEqual([first.taskId]);
    expect(await ids('&state=completed')).toEqual(expect.arrayContaining([other.taskId]));
    await task(admin, exchanged.taskId, 'cancel');
    expect(await ids(`&root_task_id=${first.taskId}&state=cancelled`)).toEqual([below.taskId, exchanged.taskId]);
    expect(await ids(`&root_task_id=${first.taskId}&state=active`)).toEqual([first.taskId]);
    expect((await call(server, 'GET', '/api/tasks?state=nonsense', { token: admin })).status).toBe(400);
  });
});

describe('completing a task', () => {
  it('lets what was issued go on, and nothing more be issued in it or below it', async () => {
    const { first, exchanged, below, onwards } = await trip();
    const done = await task(agents[0]!.token, first.taskId, 'complete');
    expect(done.body).toMatchObject({ state: 'completed', ended_at: expect.any(String) });
    expect(await Promise.all([first, exchanged, below].map(isActive))).toEqual([true, true, true]);
    const refused = await Promise.all([
      ask(agents[0]!, { task_id: first.taskId }), ask(agents[0]!, { parent_task_id: first.taskId, task_description: 'More.' }), ask(agents[0]!, { parent_token: first.value }),
      exchange(agents[1]!, first, { delegation_grant_id: onwards }), exchange(agents[1]!, exchanged), ask(agents[1]!, { parent_token: below.value }), ask(agents[1]!, { task_id: below.taskId }),
    ]);
    expect(refused.map(({ status, body }) => [status, body['error']])).toEqual(refused.map(() => [400, 'invalid_grant']));
    expect((await task(admin, below.taskId)).body.state).toBe('completed');
    expect(await events('task.completed', first.taskId)).toEqual([expect.objectContaining({ task_id: first.taskId, subject: person.id, actor: expect.objectContaining({ kind: 'agent', id: agents[0]!.id }) })]);
    expect((await task(agents[0]!.token, first.taskId, 'complete')).status).toBe(200);
    expect(await events('task.completed', first.taskId)).toHaveLength(1);
  });

  it('comes too late for one that was cancelled; cancelling one that is completed does not', async () => {
    const one = await get(agents[0]!);
    await task(admin, one.taskId, 'complete');
    expect(await isActive(one)).toBe(true);
    expect((await task(admin, one.taskId, 'cancel')).body.state).toBe('cancelled');
    expect(await isActive(one)).toBe(false);
    expect((await task(admin, one.taskId, 'complete')).body.code).toBe('task_cancelled');
  });
});

describe('cancelling a task', () => {
  it('ends at once all that was issued in it and below it, and one event says how much that was', async () => {
    const { first, exchanged, below } = await trip();
    const gone = await get(agents[1]!, { parent_token: exchanged.value });
    await post(server, '/api/oauth/revoke', { token: gone.value }, { basic: agents[1]!.basic });
    const beside = await get(agents[0]!);
    const answer = await task(member, first.taskId, 'cancel');
    expect(answer.body).toMatchObject({ state: 'cancelled' });
    expect(await Promise.all([first, exchanged, below, beside].map(isActive))).toEqual([false, false, false, true]);
    expect(await events('task.cancelled', first.taskId)).toEqual([expect.objectContaining({
      subject: person.id, task_id: first.taskId, details: { client_id: agents[0]!.id, ended: { tasks: 2, tokens: 3 } },
    })]);
    expect((await task(member, first.taskId, 'cancel')).status).toBe(200);
    expect(await events('task.cancelled', first.taskId)).toHaveLength(1);
    for (const id of [exchanged.taskId, below.taskId]) expect((await task(admin, id)).body.state).toBe('cancelled');
  });

  it('reaches a task below it that goes on without a token of the one above, though nobody had said anything of it', async () => {
    const { first, exchanged } = await trip();
    const going = await get(agents[1]!, { task_id: exchanged.taskId });
    expect(await isActive(going)).toBe(true);
    await task(admin, first.taskId, 'cancel');
    expect(await isActive(going)).toBe(false);
  });

  it('of one below leaves the one above alone', async () => {
    const { first, exchanged, below } = await trip();
    await task(admin, below.taskId, 'cancel');
    expect(await Promise.all([first, exchanged, below].map(isActive))).toEqual([true, true, false]);
    expect((await events('task.cancelled', below.taskId))[0]).toMatchObject({ details: { ended: { tasks: 0, tokens: 1 } } });
    await task(admin, first.taskId, 'cancel');
    expect((await events('task.cancelled', first.taskId))[0]).toMatchObject({ details: { ended: { tasks: 1, tokens: 2 } } });
  });
});

describe('the tree of a task', () => {
  it('shows the tasks, the tokens and how they stand, the delegations and the agents, each with the one above it', async () => {
    const { grant, onwards, first, exchanged, below } = await trip();
    await post(server, '/api/oauth/revoke', { token: exchanged.value }, { basic: agents[1]!.basic });
    const shown = await tree(member, first.taskId);
    expect(shown).toMatchObject({ task_id: first.taskId, root_task_id: first.taskId, is_truncated: false });
    expect(shown.tasks.map(({ id, parent_task_id }) => [id, parent_task_id])).toEqual([[first.taskId, null], [exchanged.taskId, first.taskId], [below.taskId, exchanged.taskId]]);
    expect(shown.tokens.map(({ token_id, parent_token_id, task_id, active, inactive_because }) => [token_id, parent_token_id, task_id, active, inactive_because])).toEqual([
      [first.id, null, first.taskId, true, null], [exchanged.id, first.id, exchanged.taskId, false, 'token_revoked'], [below.id, exchanged.id, below.taskId, false, 'ancestor_inactive'],
    ]);
    expect(shown.delegations.map(({ id, parent_grant_id, is_active }) => [id, parent_grant_id, is_active])).toEqual([[grant, null, true], [onwards, grant, true]]);
    expect(shown.agents.map(({ id }) => id).sort()).toEqual([agents[0]!.id, agents[1]!.id].sort());
    const lower = await tree(admin, exchanged.taskId);
    expect(lower).toMatchObject({ task_id: exchanged.taskId, root_task_id: first.taskId });
    expect(lower.tokens.map(({ token_id }) => token_id)).toEqual([exchanged.id, below.id]);
  });

  it('says of tasks below one that is over that they are over', async () => {
    const { first, below } = await trip();
    await task(admin, first.taskId, 'complete');
    expect((await tree(admin, first.taskId)).tasks.map(({ state }) => state)).toEqual(['completed', 'completed', 'completed']);
    await task(admin, below.taskId, 'cancel');
    expect((await tree(admin, first.taskId)).tasks.map(({ state }) => state)).toEqual(['completed', 'completed', 'cancelled']);
  });
});
