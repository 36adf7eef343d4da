import { getStatusListFromJWT } from '@sd-jwt/jwt-status-list';
import { decodeJwt } from 'jose';
import { bootstrapToken, call, introspect, post } from '../support/api.js';
import { CALLBACK, registerAgent, registerClient } from '../support/clients.js';
import { addPerson, signIn } from '../support/people.js';
import { ADMIN, startServer, type TestServer } from '../support/server.js';
import { StatusListReader } from '../support/status-lists.js';

const API = 'https://trips.example/api';
const EXCHANGE = { grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange', subject_token_type: 'urn:ietf:params:oauth:token-type:access_token' };
const PASSWORD = 'seldom heard piano 4711';

interface Agent { id: string; basic: [string, string]; token: string }

/** The server; on PostgreSQL a second node beside it, which is asked wherever the lists are read. */
const nodes: TestServer[] = [];
let server: TestServer;
let admin: string;
let reader: StatusListReader;

beforeAll(async () => {
  nodes.push(server = await startServer());
  if (process.env['TEST_DATABASE_URL']) nodes.push(await startServer({ beside: server }));
  reader = new StatusListReader(server.issuer, nodes.at(-1)!.issuer);
  admin = (await signIn(server, ADMIN)).accessToken;
  await call(server, 'POST', '/api/scopes', { token: admin, body: { name: 'trips:read', description: 'Trips' } });
  await call(server, 'POST', '/api/resources', { token: admin, body: { identifier: API, name: 'Trips', scopes: ['trips:read'] } });
});
afterAll(async () => { for (const node of [...nodes].reverse()) await node.stop(); });

async function agent(): Promise<Agent> {
  const { clientId, clientSecret } = await registerAgent(server, { scopes: ['trips:read', 'delegations:write'] });
  const by = { id: clientId, basic: [clientId, clientSecret] as [string, string], token: '' };
  return { ...by, token: await get(by, { resource: `${server.issuer}/api` }) };
}

async function get({ basic }: Pick<Agent, 'basic'>, form: Record<string, string> = {}): Promise<string> {
  const { status, body } = await post(server, '/api/oauth/token', { grant_type: 'client_credentials', resource: API, ...form }, { basic });
  if (status !== 200) throw new Error(JSON.stringify(body));
  return String(body['access_token']);
}

async function done(method: string, path: string, token: string, body?: object): Promise<Record<string, unknown>> {
  const answer = await call(server, method, path, { token, body });
  if (answer.status >= 300) throw new Error(`${method} ${path} answered ${answer.status}: ${JSON.stringify(answer.body)}`);
  return answer.body;
}

/**
 * A person delegates to one agent, which hands on to another. Each has a token for the person, the second also one exchanged for
 * the first one's, and from that another for a step of its own; beside them each agent has a token for itself.
 */
async function world() {
  const person = await addPerson(server, admin, 'member');
  const personal = (await signIn(server, person)).accessToken;
  const [first, second] = [await agent(), await agent()];
  const grant = String((await done('POST', '/api/delegations', personal, { agent_id: first.id, scopes: ['trips:read'], max_depth: 1 }))['id']);
  const onwards = String((await done('POST', `/api/delegations/${grant}/delegate`, first.token, { agent_id: second.id }))['id']);
  const root = await get(first, { delegation_grant_id: grant });
  const { body } = await post(server, '/api/oauth/token', { ...EXCHANGE, subject_token: root, delegation_grant_id: onwards }, { basic: second.basic });
  const exchanged = String(body['access_token']);
  const below = await get(second, { parent_token: exchanged });
  const other = await get(second, { delegation_grant_id: onwards });
  return { person, personal, first, second, grant, onwards, root, exchanged, below, other, all: [personal, first.token, second.token, root, exchanged, below, other] };
}

type World = Awaited<ReturnType<typeof world>>;

/** What the lists say in the end is what introspection says at once. */
async function agreement(tokens: readonly string[]): Promise<number[]> {
  const ended = await Promise.all(tokens.map(async (token) => ((await introspect(server, token))['active'] === true ? 0 : 1)));
  await reader.until(tokens, ended);
  return ended;
}

describe('a token in a status list', () => {
  it('says where it stands, each at an index of its own, however it was got', async () => {
    const { all } = await world();
    const entries = all.map((token) => getStatusListFromJWT(token));
    for (const { idx, uri } of entries) {
      expect(uri).toMatch(new RegExp(`^${server.issuer}/api/status-lists/[\\w-]{12}$`));
      expect(idx).toBeGreaterThanOrEqual(0);
      expect(idx).toBeLessThan(2 ** 20);
    }
    expect(new Set(entries.map(({ idx, uri }) => `${uri} ${idx}`)).size).toBe(all.length);
    expect(await reader.statusesOf(all)).toEqual(all.map(() => 0));
  });

  it('lies somewhere in it: the next token is not its neighbour', async () => {
    const by = await agent();
    const indexes: number[] = [];
    for (let count = 0; count < 20; count += 1) indexes.push(getStatusListFromJWT(await get(by)).idx);
    const steps = indexes.slice(1).map((index, at) => index - indexes[at]!);
    expect(steps.filter((step) => Math.abs(step) < 100).length).toBeLessThan(5);
    expect(new Set(steps).size).toBe(steps.length);
  });

  it('is there also when the token comes with a task, in the transaction that begins it', async () => {
    const token = await get(await agent(), { task_description: 'Find a train.' });
    expect(await reader.statusOf(token)).toBe(0);
  });

  it('is no part of what introspection says, and no opaque token has one', async () => {
    const token = await get(await agent());
    expect(decodeJwt(token)).toHaveProperty('status.status_list');
    expect(await introspect(server, token)).toEqual(expect.not.objectContaining({ status: expect.anything() as unknown }));
    await done('POST', '/api/resources', admin, { identifier: 'https://opaque.example', name: 'Opaque', scopes: ['trips:read'], token_format: 'opaque' });
    const opaque = await get(await agent(), { resource: 'https://opaque.example' });
    expect(opaque).not.toContain('.');
    const said = await introspect(server, opaque);
    expect(said).toMatchObject({ active: true });
    expect(said).not.toHaveProperty('status');
  });
});

describe('a list reads INVALID', () => {
  /** What somebody ends, and the tokens of the world that end with it. */
  const CAUSES: Readonly<Record<string, [end: (of: World) => Promise<unknown>, ended: (of: World) => string[]]>> = {
    'a token: itself and all that descends from it': [
      async ({ root, first }) => post(server, '/api/oauth/revoke', { token: root }, { basic: first.basic }), ({ root, exchanged, below }) => [root, exchanged, below],
    ],
    'a token in the middle: nothing above it': [
      async ({ exchanged, second }) => post(server, '/api/oauth/revoke', { token: exchanged, revoke_children: 'true' }, { basic: second.basic }), ({ exchanged, below }) => [exchanged, below],
    ],
    'a delegation: what was issued by it and what was handed on': [
      ({ grant, personal }) => done('DELETE', `/api/delegations/${grant}`, personal), ({ root, exchanged, below, other }) => [root, exchanged, below, other],
    ],
    'a task: what was issued in it and below it': [
      ({ root, personal }) => done('POST', `/api/tasks/${String(decodeJwt(root)['task_id'])}/cancel`, personal), ({ root, exchanged, below }) => [root, exchanged, below],
    ],
    'an agent, suspended: its tokens and what stands on them': [
      ({ second }) => done('POST', `/api/agents/${second.id}/suspend`, admin), ({ second, exchanged, below, other }) => [second.token, exchanged, below, other],
    ],
    'an agent, deactivated': [
      ({ first }) => done('POST', `/api/agents/${first.id}/deactivate`, admin), ({ first, root, exchanged, below, other }) => [first.token, root, exchanged, below, other],
    ],
    'a person, disabled: theirs and all that anybody does for them': [
      ({ person }) => done('PUT', `/api/users/${person.id}`, admin, { status: 'disabled' }), ({ personal, root, exchanged, below, other }) => [personal, root, exchanged, below, other],
    ],
    'a person’s membership': [
      ({ person, personal }) => done('DELETE', `/api/organizations/${String(decodeJwt(personal)['tenant_id'])}/members/${person.id}`, admin),
      ({ personal, root, exchanged, below, other }) => [personal, root, exchanged, below, other],
    ],
    'a person’s password': [
      ({ person }) => done('POST', `/api/users/${person.id}/password`, admin, { new_password: `${PASSWORD} anew` }), ({ personal, root, exchanged, below, other }) => [personal, root, exchanged, below, other],
    ],
  };

  const pull = (target: object) => done('POST', '/api/admin/kill-switches', admin, { target, reason: 'A test.' });
  it.each<[string, (of: World) => Promise<unknown>, (of: World) => string[]]>([
    ['an agent', ({ second }) => pull({ kind: 'agent', id: second.id }), ({ second, exchanged, below, other }) => [second.token, exchanged, below, other]],
    ['a task', ({ root }) => pull({ kind: 'task', id: decodeJwt(root)['task_id'] }), ({ root, exchanged, below }) => [root, exchanged, below]],
    ['a person', ({ person }) => pull({ kind: 'user', id: person.id }), ({ personal, root, exchanged, below, other }) => [personal, root, exchanged, below, other]],
    ['what one client got so far', ({ first }) => pull({ kind: 'issued_before', client_id: first.id }), ({ first, root, exchanged, below }) => [first.token, root, exchanged, below]],
    ['the tokens of a filter', ({ second }) => done('POST', '/api/admin/tokens/revoke', admin, { filter: { agent_id: second.id }, reason: 'A test.' }),
      ({ second, exchanged, below, other }) => [second.token, exchanged, below, other]],
  ])('with a kill switch on %s', async (_what, end, ended) => {
    const of = await world();
    await end(of);
    const gone = new Set(ended(of));
    expect(await agreement(of.all)).toEqual(of.all.map((token) => (gone.has(token) ? 1 : 0)));
  });

  it.each(Object.entries(CAUSES))('with %s', async (_cause, [end, ended]) => {
    const of = await world();
    expect(await agreement(of.all)).toEqual(of.all.map(() => 0));
    await end(of);
    const gone = new Set(ended(of));
    expect(await agreement(of.all)).toEqual(of.all.map((token) => (gone.has(token) ? 1 : 0)));
  });

  it('with a consent', async () => {
    const person = await addPerson(server, admin, 'member');
    const { clientId } = await registerClient(server, { grant_types: ['authorization_code'], redirect_uris: [CALLBACK], token_endpoint_auth_method: 'none', scopes: ['openid', 'agents:read'] });
    const personal = (await signIn(server, person)).accessToken;
    const { accessToken } = await signIn(server, person, { client: { clientId, redirectUri: CALLBACK } });
    const { data } = await done('GET', '/api/users/me/consents', personal) as { data: { id: string; client: { client_id: string } }[] };
    await done('DELETE', `/api/users/me/consents/${data.find(({ client }) => client.client_id === clientId)!.id}`, personal);
    expect(await agreement([accessToken, personal])).toEqual([1, 0]);
  });

  it('with a client, and with the password by which an agent got its tokens', async () => {
    const { clientId, clientSecret } = await registerClient(server, { grant_types: ['client_credentials'], scopes: ['agents:read'] });
    const ofClient = await get({ basic: [clientId, clientSecret!] }, { resource: `${server.issuer}/api` });
    const name = `agent ${Math.random()}`;
    await done('POST', '/api/auth/register', await bootstrapToken(server), { name, password: PASSWORD, scopes: ['agents:read'] });
    const login = async () => String((await call(server, 'POST', '/api/auth/login', { body: { name, password: PASSWORD } })).body['access_token']);
    const [byPassword, changing] = [await login(), await login()];
    expect(await agreement([ofClient, byPassword])).toEqual([0, 0]);
    await done('DELETE', `/api/clients/${clientId}`, admin);
    await done('POST', '/api/auth/password', changing, { current_password: PASSWORD, new_password: `${PASSWORD} anew` });
    expect(await agreement([ofClient, byPassword])).toEqual([1, 1]);
  });

  it('with an organization, and no token of another one', async () => {
    const made = await done('POST', '/api/organizations', admin, { name: `Other ${Math.random()}` });
    const switched = await done('POST', `/api/organizations/${String(made['id'])}/switch`, admin);
    const there = String((switched['token'] as Record<string, unknown> | undefined)?.['access_token'] ?? switched['access_token']);
    const here = await get(await agent());
    const client = await done('POST', '/api/admin/clients/register', there, { client_name: 'theirs', grant_types: ['client_credentials'], scopes: ['agents:read'] });
    const theirs = await get({ basic: [String(client['client_id']), String(client['client_secret'])] }, { resource: `${server.issuer}/api` });
    const entries = [here, theirs].map((token) => getStatusListFromJWT(token).uri);
    expect(entries[0]).toBe(entries[1]);
    await done('PUT', `/api/organizations/${String(made['id'])}`, admin, { status: 'suspended' });
    await reader.until([here, theirs], [0, 1]);
    await done('PUT', `/api/organizations/${String(made['id'])}`, admin, { status: 'active' });
    await reader.until([here, theirs], [0, 0]);
  });

  it('only for as long as an agent is suspended: resumed, its tokens are good again, but for what ended otherwise', async () => {
    const of = await world();
    await done('POST', `/api/agents/${of.second.id}/suspend`, admin);
    await reader.until([of.second.token, of.below, of.other], [1, 1, 1]);
    await done('DELETE', `/api/delegations/${of.onwards}`, of.personal);
    await done('POST', `/api/agents/${of.second.id}/resume`, admin);
    await reader.until([of.second.token, of.below, of.other], [0, 1, 1]);
    expect(await agreement(of.all)).toEqual([0, 0, 0, 0, 1, 1, 1]);
  });
});

describe('the list', () => {
  const read = (uri: string, headers: Record<string, string> = {}) => fetch(uri, { headers });

  it('is a signed token of its own kind, anybody’s to read and to keep for a moment', async () => {
    const { uri } = getStatusListFromJWT(await get(await agent()));
    const response = await read(uri, { origin: 'https://app.example' });
    const text = await response.text();
    expect(Object.fromEntries(['content-type', 'cache-control', 'access-control-allow-origin'].map((name) => [name, response.headers.get(name)]))).toEqual({
      'content-type': 'application/statuslist+jwt', 'cache-control': 'public, max-age=1', 'access-control-allow-origin': '*',
    });
    const claims = decodeJwt(text);
    expect(claims).toEqual({
      iss: server.issuer, sub: uri, iat: expect.any(Number), exp: expect.any(Number), ttl: 1,
      status_list: { bits: 1, lst: expect.stringMatching(/^[\w-]+$/), aggregation_uri: `${server.issuer}/api/status-lists` },
    });
    expect(claims.exp! - claims.iat!).toBe(300);
    expect((await introspect(server, text))['active']).toBe(false);
    expect((await call(server, 'GET', '/api/auth/me', { token: text })).status).toBe(401);
  });

  it('is not sent again to who has it, until it changes', async () => {
    const by = await agent();
    const token = await get(by);
    const { uri } = getStatusListFromJWT(token);
    const tag = (await read(uri)).headers.get('etag')!;
    for (const known of [tag, `"other", ${tag}`, '*', tag.replace('W/', '')]) {
      const again = await read(uri, { 'if-none-match': known });
      expect({ known, status: again.status, length: (await again.text()).length, tag: again.headers.get('etag') }).toEqual({ known, status: 304, length: 0, tag });
    }
    expect((await read(uri, { 'if-none-match': '"other"' })).status).toBe(200);
    await post(server, '/api/oauth/revoke', { token }, { basic: by.basic });
    await reader.until([token], [1]);
    const changed = await read(uri, { 'if-none-match': tag });
    expect(changed.status).toBe(200);
    expect(changed.headers.get('etag')).not.toBe(tag);
  });

  it('is found through the metadata and the list of lists', async () => {
    const { uri } = getStatusListFromJWT(await get(await agent()));
    const { body: metadata } = await call(server, 'GET', '/.well-known/oauth-authorization-server');
    expect(metadata['status_list_aggregation_endpoint']).toBe(`${server.issuer}/api/status-lists`);
    const response = await read(String(metadata['status_list_aggregation_endpoint']));
    expect(response.headers.get('access-control-allow-origin')).toBe('*');
    expect((await response.json() as { status_lists: string[] }).status_lists).toContain(uri);
  });

  it.each(['none', '%00', 'a'.repeat(200), '__proto__'])('is not found where there is none: %s', async (name) => {
    const { status, body } = await call(server, 'GET', `/api/status-lists/${name}`);
    expect({ status, code: body['code'] }).toEqual({ status: 404, code: 'status_list_not_found' });
  });

  it('tells of no other time', async () => {
    const { uri } = getStatusListFromJWT(await get(await agent()));
    expect(await call(server, 'GET', `${new URL(uri).pathname}?time=1700000000`)).toMatchObject({ status: 400, body: { code: 'past_status_unknown' } });
  });
});

describe('where tokens are to name no list', () => {
  it('none does, and what was issued before goes on being told of', async () => {
    const node = await startServer();
    const before = await bootstrapToken(node);
    await node.kill();
    const again = await startServer({ environment: { ...node.environment, LEGATE_STATUS_LIST_TTL: '0' }, beside: node });
    try {
      const token = await bootstrapToken(again);
      expect(decodeJwt(token)).not.toHaveProperty('status');
      expect((await call(again, 'GET', '/.well-known/oauth-authorization-server')).body).not.toHaveProperty('status_list_aggregation_endpoint');
      await post(again, '/api/oauth/revoke', { token: before }, { basic: ['bootstrap', node.clientSecret] });
      await new StatusListReader(node.issuer, again.issuer).until([before], [1]);
    } finally {
      await again.stop();
      await node.stop();
    }
  });
});
