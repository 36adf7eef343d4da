import { decodeJwt } from 'jose';
import { bootstrapToken, call, post, type Answer } from '../support/api.js';
import { startApplication, type TestApplication } from '../support/application.js';
import { registerAgent } from '../support/clients.js';
import { untilLogIsRead } from '../support/log-index.js';
import { addPerson, signIn, type TestPerson } from '../support/people.js';
import { ADMIN } from '../support/server.js';

const API = 'https://trips.example/api';
const EXCHANGE = { grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange', subject_token_type: 'urn:ietf:params:oauth:token-type:access_token' };

interface Event {
  sequence: number; id: string; time: string; type: string; outcome: string; organization_id: string | null; actor: { kind: string; id?: string; client_id?: string }; act: object | null;
  subject: string | null; target: { kind: string; id: string } | null; reason: string | null; task_id: string | null; token_id: string | null; source: { ip: string } | null; details: object | null;
}
interface Page { data: Event[]; next_cursor: string | null; code?: string; detail?: string }
interface Token { value: string; id: string; taskId: string }
interface Agent { id: string; basic: [string, string] }

let server: TestApplication;
/** Runs the installation. */
let administrator: string;
/** A client of the first organization. */
let operator: string;
let person: TestPerson;
let member: string;
let [first, second]: Agent[] = [];
let trip: { first: Token; exchanged: Token; below: Token };

beforeAll(async () => {
  server = await startApplication();
  administrator = (await signIn(server, ADMIN)).accessToken;
  operator = await bootstrapToken(server);
  await call(server, 'POST', '/api/scopes', { token: administrator, body: { name: 'trips:read', description: 'Trips' } });
  await call(server, 'POST', '/api/resources', { token: administrator, body: { identifier: API, name: 'Trips', scopes: ['trips:read'] } });
  person = await addPerson(server, administrator, 'member');
  member = (await signIn(server, person)).accessToken;
  [first, second] = [await agent(), await agent()];
  trip = await takeTrip();
});
afterAll(() => server.stop());

async function agent(): Promise<Agent> {
  const { clientId, clientSecret } = await registerAgent(server, { scopes: ['trips:read', 'audit:read', 'delegations:write'] });
  return { id: clientId, basic: [clientId, clientSecret] };
}

async function issue(by: Agent, form: Record<string, string> = {}): Promise<Token> {
  const { status, body } = await post(server, '/api/oauth/token', { grant_type: 'client_credentials', resource: API, ...form }, { basic: by.basic });
  if (status !== 200) throw new Error(JSON.stringify(body));
  const value = String(body['access_token']);
  return { value, id: decodeJwt(value).jti!, taskId: String(body['task_id']) };
}

/** The first agent acts for the person; the second for the first, and begins another task below. */
async function takeTrip() {
  const made = await call(server, 'POST', '/api/delegations', { token: member, body: { agent_id: first!.id, scopes: ['trips:read'], max_depth: 2 } });
  const own = (await issue(first!, { resource: `${server.issuer}/api` })).value;
  const onwards = await call(server, 'POST', `/api/delegations/${String(made.body['id'])}/delegate`, { token: own, body: { agent_id: second!.id } });
  const begun = await issue(first!, { delegation_grant_id: String(made.body['id']), task_description: 'Book the trip to Lisbon.' });
  const exchanged = await issue(second!, { ...EXCHANGE, subject_token: begun.value, delegation_grant_id: String(onwards.body['id']) });
  const below = await issue(second!, { parent_token: exchanged.value, task_description: 'Find a train.' });
  return { first: begun, exchanged, below };
}

const ask = (path: string, token = operator): Promise<Answer<Page & Event>> => call<Page & Event>(server, 'GET', `/api/admin/audit${path}`, { token });

async function logs(query: Record<string, string>, token = operator): Promise<Event[]> {
  const { status, body } = await ask(`/logs?limit=200&${new URLSearchParams(query).toString()}`, token);
  if (status !== 200) throw new Error(JSON.stringify(body));
  return body.data;
}

async function organizationOfTheirOwn(): Promise<{ id: string; token: string }> {
  const owner = await addPerson(server, administrator, 'member');
  const { body } = await call(server, 'POST', '/api/organizations', { token: administrator, body: { name: `Other ${Math.random()}`, owner_user_id: owner.id } });
  await call(server, 'POST', `/api/organizations/${String(body['id'])}/switch`, { token: (await signIn(server, owner)).accessToken });
  return { id: String(body['id']), token: (await signIn(server, owner)).accessToken };
}

describe('the audit log', () => {
  it('shows each event whole, the newest first', async () => {
    const token = await issue(first!);
    const [event, earlier] = await logs({ actor: first!.id });
    expect(event).toEqual({
      sequence: expect.any(Number), id: expect.any(String), time: expect.stringMatching(/Z$/), type: 'token.issued', outcome: 'success', organization_id: expect.any(String),
      actor: { kind: 'agent', id: first!.id, client_id: first!.id }, act: null, subject: first!.id, target: { kind: 'access_token', id: token.id }, reason: null,
      task_id: token.taskId, token_id: token.id, source: { ip: expect.any(String), request_id: expect.any(String), user_agent: expect.any(String) }, details: expect.objectContaining({ grant_type: 'client_credentials' }),
    });
    expect(event!.sequence).toBeGreaterThan(earlier!.sequence);
    expect((await ask(`/logs/${event!.id}`)).body).toEqual(event);
  });

  it.each([['at once', () => Promise.resolve()], ['when the index has read it', () => untilLogIsRead(server)]])('is searched by all that an event names, %s', async (_when, wait) => {
    const { exchanged, below, first: begun } = await takeTrip();
    await wait();
    const found = async (query: Record<string, string>) => (await logs({ ...query, type: 'token.issued' })).map(({ token_id: id }) => id);
    expect((await logs({ token: exchanged.id, type: 'token.issued' })).find(({ token_id: id }) => id === exchanged.id)).toMatchObject({ subject: person.id, act: { sub: second!.id, act: { sub: first!.id } } });
    expect(await found({ token: exchanged.id })).toEqual([below.id, exchanged.id]);
    expect(await found({ token: begun.id })).toEqual([exchanged.id, begun.id]);
    expect(await found({ token: begun.id.toUpperCase() })).toEqual([exchanged.id, begun.id]);
    expect(await found({ task: exchanged.taskId })).toEqual([below.id, exchanged.id]);
    expect(await found({ target: below.id })).toEqual([below.id]);
    // The second agent holds it; the first is in the chain.
    expect(await found({ actor: first!.id, token: exchanged.id })).toContain(exchanged.id);
    expect(await found({ agent: first!.id, task: exchanged.taskId })).toContain(exchanged.id);
    expect(await found({ actor: second!.id, subject: person.id })).toContain(exchanged.id);
    expect(await found({ actor: person.id, task: exchanged.taskId })).toEqual([]);
  });

  it('is filtered by type, by the beginning of types, by outcome, reason, time and text', async () => {
    const before = new Date().toISOString();
    const made = await call(server, 'POST', '/api/scopes', { token: administrator, body: { name: 'odd:read', description: 'Odd' } });
    await call(server, 'POST', '/api/admin/keys/rotate', { token: member });
    await call(server, 'DELETE', `/api/scopes/${String(made.body['id'])}`, { token: administrator });
    const types = async (query: Record<string, string>) => (await logs({ from: before, ...query })).map(({ type }) => type);
    expect(await types({})).toEqual(['scope.deleted', 'access.refused', 'scope.created']);
    expect(await types({ type: 'scope.' })).toEqual(['scope.deleted', 'scope.created']);
    expect(await types({ type: 'scope.created,access.' })).toEqual(['access.refused', 'scope.created']);
    expect((await ask(`/logs?from=${before}&type=scope.created&type=access.refused`)).body.data).toHaveLength(2);
    expect(await types({ outcome: 'refused' })).toEqual(['access.refused']);
    expect(await types({ outcome: 'success', target: String(made.body['id']) })).toEqual(['scope.deleted', 'scope.created']);
    expect(await types({ reason: 'insufficient_scope' })).toEqual(['access.refused']);
    expect(await types({ text: 'POST /api/admin/keys/rotate' })).toEqual(['access.refused']);
    expect(await types({ text: 'POST %rotate' })).toEqual([]);
    expect(await types({ actor: person.id })).toEqual(['access.refused']);
    expect(await types({ to: before })).toEqual([]);
    const later = (await logs({ from: before }))[0]!.time;
    expect(await types({ to: later })).toEqual(['access.refused', 'scope.created']);
  });

  it('goes on from where a page ended while events are added', async () => {
    const own = await agent();
    const tokens = [];
    for (let count = 0; count < 5; count += 1) tokens.push((await issue(own)).id);
    const seen: (string | null)[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const { body }: Answer<Page> = await ask(`/logs?subject=${own.id}&type=token.issued&limit=2${cursor && `&cursor=${cursor}`}`);
      seen.push(...body.data.map(({ token_id: id }) => id));
      cursor = body.next_cursor;
      await issue(own);
    }
    expect(seen).toEqual(tokens.reverse());
  });

  it.each([
    ['type=nonsense', '"type" must hold types of audit events, such as token.issued, or beginnings of them with their dot, such as token.'],
    ['type=token', '"type" must hold types'], ['type=', '"type" must hold types'], ['outcome=maybe', '"outcome" must be one of'], ['task=nonsense', '"task" must be a UUID'],
    ['token=1', '"token" must be a UUID'], ['from=yesterday', '"from" must be a date and time with its offset'], ['from=2030-01-01T00:00:00', '"from" must be a date'],
    ['to=2030-13-45T00:00:00Z', '"to" must be a date and time that there is.'], ['from=2031-01-01T00:00:00Z&to=2030-01-01T00:00:00Z', '"from" must not be after "to".'],
    ['actor=', '"actor" must'], ['actor=a%00b', '"actor" must be text'], [`subject=${'x'.repeat(513)}`, '"subject" must'], [`text=${'x'.repeat(201)}`, '"text" must'], ['text=', '"text" must'],
    ['limit=0', '"limit" must'], ['limit=201', '"limit" must'], ['organization=other', '"organization" must'], ['organization_id=x', '"organization_id" is not known here'],
    ['actor=a&actor=b', '"actor" must'], ['cursor=AAAA', 'The cursor was not made by this server'],
  ])('does not take %s, and says why', async (query, sentence) => {
    const { status, body } = await ask(`/logs?${query}`);
    expect({ status, detail: body.detail?.slice(0, sentence.length) }).toEqual({ status: 400, detail: sentence });
  });

  it('is for those who run the organization, and their agents and clients with the scope, not for members', async () => {
    const admin = (await signIn(server, await addPerson(server, administrator, 'admin'))).accessToken;
    const machine = (await issue(first!, { resource: `${server.issuer}/api`, scope: 'audit:read' })).value;
    for (const path of ['/logs', `/logs/${(await logs({}))[0]!.id}`, `/task/${trip.first.taskId}`, `/task-chain/${trip.first.taskId}`]) {
      for (const token of [admin, machine, operator, administrator]) expect({ path, status: (await ask(path, token)).status }).toEqual({ path, status: 200 });
      expect(await ask(path, member)).toMatchObject({ status: 403, body: { code: 'insufficient_scope' } });
      expect((await call(server, 'GET', `/api/admin/audit${path}`)).status).toBe(401);
    }
  });

  it('is one for each organization, and one for all of them and the installation for platform administrators', async () => {
    const other = await organizationOfTheirOwn();
    const [event] = await logs({ token: trip.exchanged.id });
    for (const query of [{ token: trip.exchanged.id }, { task: trip.first.taskId }, { actor: first!.id }, { agent: second!.id }, { subject: person.id }, { target: trip.below.id }, { text: trip.first.id }] as Record<string, string>[]) {
      expect({ query, events: await logs(query, other.token) }).toEqual({ query, events: [] });
    }
    const seen = await logs({}, other.token);
    expect(seen.length).toBeGreaterThan(0);
    expect(new Set(seen.map(({ organization_id: id }) => id))).toEqual(new Set([other.id]));
    for (const path of [`/logs/${event!.id}`, `/task/${trip.first.taskId}`, `/task-chain/${trip.first.taskId}`]) expect({ path, status: (await ask(path, other.token)).status }).toEqual({ path, status: 404 });
    for (const token of [operator, other.token]) {
      for (const path of ['/logs?', `/logs/${event!.id}?`, `/task/${trip.first.taskId}?`, `/task-chain/${trip.first.taskId}?`]) {
        expect(await ask(`${path}organization=all`, token)).toMatchObject({ status: 403, body: { code: 'platform_administrator_required' } });
      }
    }
    const all = await logs({ organization: 'all' }, administrator);
    const whose = new Set(all.map(({ organization_id: id }) => id));
    expect([...whose]).toEqual(expect.arrayContaining([event!.organization_id, other.id, null]));
    const elsewhere = seen[0]!;
    expect((await ask(`/logs/${elsewhere.id}?organization=all`, administrator)).body).toEqual(elsewhere);
    expect((await ask(`/logs/${elsewhere.id}`, administrator)).status).toBe(404);
  });

  it('tells of a task what happened in it, the oldest first, page by page', async () => {
    await call(server, 'POST', `/api/tasks/${trip.below.taskId}/complete`, { token: administrator });
    const { body } = await ask(`/task/${trip.below.taskId}`);
    expect(body.data.map(({ type }) => type)).toEqual(['token.issued', 'task.completed']);
    expect(body.next_cursor).toBeNull();
    const page = await ask(`/task/${trip.below.taskId}?limit=1`);
    expect((await ask(`/task/${trip.below.taskId}?limit=1&cursor=${page.body.next_cursor}`)).body.data).toEqual([body.data[1]]);
    for (const id of ['nonsense', '01890000-0000-7000-8000-000000000000']) {
      for (const path of [`/task/${id}`, `/task-chain/${id}`, `/logs/${id}`]) expect({ path, status: (await ask(path)).status }).toEqual({ path, status: 404 });
    }
  });

  it('tells of a chain of tasks what happened above and below, whichever of them it is asked for', async () => {
    const chain = await takeTrip();
    const beside = await issue(second!, { task_id: chain.exchanged.taskId });
    for (const { taskId } of [chain.first, chain.exchanged, chain.below]) {
      const { body } = await ask(`/task-chain/${taskId}`);
      expect(body.data.map(({ task_id, token_id }) => [task_id, token_id])).toEqual([chain.first, chain.exchanged, chain.below, beside].map(({ taskId: task, id }) => [task, id]));
    }
    const pages = await ask(`/task-chain/${chain.below.taskId}?limit=3`);
    expect((await ask(`/task-chain/${chain.below.taskId}?limit=3&cursor=${pages.body.next_cursor}`)).body).toMatchObject({ data: [{ token_id: beside.id }], next_cursor: null });
  });
});
