import { DataSource } from 'typeorm';
import { SignalPoll } from '../../src/modules/signals/signal-poll.service.js';
import { SignalUpkeep } from '../../src/modules/signals/signal-upkeep.service.js';
import { bootstrapToken, call, introspect, post, type Answer } from '../support/api.js';
import { startApplication, type TestApplication } from '../support/application.js';
import { CALLBACK, registerAgent, registerClient } from '../support/clients.js';
import { auditTrail } from '../support/directory.js';
import { addPerson, signIn } from '../support/people.js';
import { ADMIN, startServer, type ServerAddress, type TestServer } from '../support/server.js';
import {
  PushReceiver, SESSION_REVOKED, setVerifier, STREAM_UPDATED, TOKEN_CLAIMS_CHANGE, typOf, until, VERIFICATION, type ReceivedSet,
} from '../support/set-receiver.js';

const API = 'https://trips.example/api';
const EXCHANGE = { grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange', subject_token_type: 'urn:ietf:params:oauth:token-type:access_token' };
const PUSH = 'urn:ietf:rfc:8935';
const POLL = 'urn:ietf:rfc:8936';

interface Stream { stream_id: string; aud: string; delivery: { method: string; endpoint_url: string } }
interface Machine { readonly id: string; readonly basic: [string, string] }
/** A client that receives, with a token of its own. */
interface Receiver extends Machine { readonly token: string; readonly verify: (token: string) => Promise<ReceivedSet> }

async function receiverOf(server: ServerAddress, token?: string): Promise<Receiver> {
  const fields = { client_name: `receiver ${Math.random()}`, grant_types: ['client_credentials'], scopes: ['ssf.manage', 'ssf.read'] };
  const { body } = await call(server, 'POST', '/api/admin/clients/register', { token: token ?? await bootstrapToken(server), body: fields });
  const basic: [string, string] = [String(body['client_id']), String(body['client_secret'])];
  const issued = await post(server, '/api/oauth/token', { grant_type: 'client_credentials', resource: `${server.issuer}/api` }, { basic });
  return { id: basic[0], basic, token: String(issued.body['access_token']), verify: await setVerifier(server, basic[0]) };
}

async function makeStream(server: ServerAddress, { token }: Receiver, body: object = {}): Promise<Stream> {
  const answer = await call<Stream & Record<string, unknown>>(server, 'POST', '/ssf/v1/streams', { token, body });
  if (answer.status !== 201) throw new Error(JSON.stringify(answer.body));
  return answer.body;
}

const pushTo = (url: string, more: object = {}) => ({ delivery: { method: PUSH, endpoint_url: url, ...more } });

interface Polled { sets: Record<string, string>; moreAvailable: boolean }

function poll(server: ServerAddress, { token }: Pick<Receiver, 'token'>, { stream_id: id }: Stream, body: object = { returnImmediately: true }): Promise<Answer<Polled>> {
  return call<Polled>(server, 'POST', `/ssf/v1/streams/${id}/poll`, { token, body });
}

/** Polls and acknowledges until this many have come, and answers them in order. */
async function pollAll(server: ServerAddress, receiver: Receiver, stream: Stream, count: number): Promise<ReceivedSet[]> {
  const got: ReceivedSet[] = [];
  let ack: string[] = [];
  await until(`${count} tokens were polled`, async () => {
    const { status, body } = await poll(server, receiver, stream, { ack, maxEvents: 7 });
    expect(status).toBe(200);
    ack = Object.keys(body.sets);
    got.push(...await Promise.all(Object.values(body.sets).map(receiver.verify)));
    return got.length >= count;
  });
  await poll(server, receiver, stream, { ack, maxEvents: 0 });
  return got;
}

function tokenIdOf(token: string): string {
  return (JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString()) as { jti: string }).jti;
}

async function issue(server: ServerAddress, basic: [string, string], form: Record<string, string> = {}): Promise<string> {
  const { status, body } = await post(server, '/api/oauth/token', { grant_type: 'client_credentials', ...form }, { basic });
  if (status !== 200) throw new Error(JSON.stringify(body));
  return String(body['access_token']);
}

const payloadOf = (set: ReceivedSet) => Object.values(set.events)[0]!;
const typeOf = (set: ReceivedSet) => Object.keys(set.events)[0]!;
const idsOf = (sets: readonly ReceivedSet[]) => sets.flatMap((set) => (payloadOf(set)['token_ids'] ?? []) as string[]);

describe('shared signals', () => {
  let server: TestApplication;
  let admin: string;
  let organizationId: string;
  let receiver: Receiver;
  const opened: PushReceiver[] = [];

  beforeAll(async () => {
    server = await startApplication();
    admin = (await signIn(server, ADMIN)).accessToken;
    organizationId = (await call<{ organization: { id: string } }>(server, 'GET', '/api/auth/me', { token: admin })).body.organization.id;
    await call(server, 'POST', '/api/scopes', { token: admin, body: { name: 'trips:read', description: 'Trips' } });
    await call(server, 'POST', '/api/resources', { token: admin, body: { identifier: API, name: 'Trips', scopes: ['trips:read'] } });
  });
  beforeEach(async () => { receiver = await receiverOf(server); });
  afterEach(async () => {
    for (const { stream_id: id } of (await call<Stream[]>(server, 'GET', '/ssf/v1/streams', { token: admin })).body) await call(server, 'DELETE', `/ssf/v1/streams?stream_id=${id}`, { token: admin });
    for (const one of opened.splice(0)) await one.close();
  });
  afterAll(() => server.stop());

  async function site(): Promise<PushReceiver> {
    const receiving = await PushReceiver.open();
    opened.push(receiving);
    return receiving;
  }

  async function agent(scopes = ['trips:read', 'delegations:write']): Promise<Machine> {
    const { clientId, clientSecret } = await registerAgent(server, { scopes });
    return { id: clientId, basic: [clientId, clientSecret] };
  }

  async function trail(type: string): Promise<Record<string, unknown>[]> {
    return (await auditTrail(server.inside(DataSource))).filter((event) => event['type'] === type);
  }

  /** A root with descendants at three levels, all of one agent. */
  async function tree(by: Machine): Promise<{ root: string; all: string[] }> {
    const root = await issue(server, by.basic, { resource: API });
    const children = await Promise.all([1, 2].map(() => issue(server, by.basic, { resource: API, parent_token: root })));
    const grandchildren = await Promise.all(children.map((parent) => issue(server, by.basic, { resource: API, parent_token: parent })));
    return { root, all: [root, ...children, ...grandchildren] };
  }

  describe('the metadata', () => {
    it('says where streams are made, how events come, and whose keys sign them', async () => {
      const { status, body, headers } = await call(server, 'GET', '/.well-known/ssf-configuration');
      expect(status).toBe(200);
      expect(headers.get('content-type')).toMatch(/^application\/json/);
      expect(body).toEqual({
        spec_version: '1_0', issuer: server.issuer, jwks_uri: `${server.issuer}/api/.well-known/jwks.json`, delivery_methods_supported: [PUSH, POLL],
        configuration_endpoint: `${server.issuer}/ssf/v1/streams`, status_endpoint: `${server.issuer}/ssf/v1/status`, verification_endpoint: `${server.issuer}/ssf/v1/verify`,
        critical_subject_members: ['user', 'application', 'session', 'tenant'], authorization_schemes: [{ spec_urn: 'urn:ietf:rfc:6749' }], default_subjects: 'ALL',
      });
    });
  });

  describe('a revoked subtree', () => {
    it('is pushed to a receiver that knows nothing but the metadata, with every token that ended, and traced to the log', async () => {
      const receiving = await site();
      const stream = await makeStream(server, receiver, pushTo(receiving.url, { authorization_header: 'Bearer of the receiver' }));
      expect(stream).toMatchObject({ iss: server.issuer, aud: receiver.id, delivery: { method: PUSH, endpoint_url: receiving.url }, events_delivered: [SESSION_REVOKED, TOKEN_CLAIMS_CHANGE] });
      const by = await agent();
      const { root, all } = await tree(by);
      const beside = await issue(server, by.basic, { resource: API });
      await post(server, '/api/oauth/revoke', { token: root }, { basic: by.basic });
      await until('the token was pushed', () => receiving.tokens.length > 0);
      expect(typOf(receiving.tokens[0]!)).toBe('secevent+jwt');
      const [set, ...more] = await receiving.sets(receiver.verify);
      expect(more).toEqual([]);
      const [event] = (await trail('token.revoked')).slice(-1);
      expect(set).toMatchObject({ txn: event!['id'], sub_id: { format: 'jwt_id', iss: server.issuer, jti: tokenIdOf(root) } });
      expect(payloadOf(set!)).toMatchObject({ ended: { tokens: 4 }, initiating_entity: 'user', reason_admin: { en: 'A token was revoked.' } });
      expect(payloadOf(set!)['event_timestamp']).toBe(Math.floor(Date.parse(String(event!['time'])) / 1000));
      expect(idsOf([set!]).sort()).toEqual(all.map(tokenIdOf).sort());
      expect(idsOf([set!])).not.toContain(tokenIdOf(beside));
      expect(receiving.headers[0]).toMatchObject({ 'content-type': 'application/secevent+jwt', accept: 'application/json', authorization: 'Bearer of the receiver' });
    });

    it('is polled in one answer, again until it is acknowledged, and then no more', async () => {
      const stream = await makeStream(server, receiver);
      expect(stream.delivery).toEqual({ method: POLL, endpoint_url: `${server.issuer}/ssf/v1/streams/${stream.stream_id}/poll` });
      const by = await agent();
      const { root, all } = await tree(by);
      await post(server, '/api/oauth/revoke', { token: root, revoke_children: 'true' }, { basic: by.basic });
      const first = await poll(server, receiver, stream, {});
      const again = await poll(server, receiver, stream);
      expect(Object.keys(again.body.sets)).toEqual(Object.keys(first.body.sets));
      const sets = await Promise.all(Object.values(again.body.sets).map(receiver.verify));
      expect(sets).toHaveLength(1);
      expect(idsOf(sets).sort()).toEqual(all.map(tokenIdOf).sort());
      expect(Object.keys(first.body.sets)).toEqual([sets[0]!.jti]);
      expect((await poll(server, receiver, stream, { ack: [sets[0]!.jti], returnImmediately: true })).body).toEqual({ sets: {}, moreAvailable: false });
    });

    it('of more than one token can name comes in parts that belong together', async () => {
      const stream = await makeStream(server, receiver);
      const by = await agent();
      const root = await issue(server, by.basic, { resource: API });
      const children: string[] = [];
      for (let count = 0; count < 1020; count += 60) children.push(...await Promise.all(Array.from({ length: 60 }, () => issue(server, by.basic, { resource: API, parent_token: root }))));
      await post(server, '/api/oauth/revoke', { token: root }, { basic: by.basic });
      const sets = await pollAll(server, receiver, stream, 3);
      expect(sets.map((set) => [payloadOf(set)['part'], payloadOf(set)['parts']])).toEqual([[1, 3], [2, 3], [3, 3]]);
      expect(new Set(sets.map(({ txn }) => txn)).size).toBe(1);
      expect(new Set(sets.map(({ jti }) => jti)).size).toBe(3);
      expect(new Set(sets.map(({ sub_id: subject }) => JSON.stringify(subject))).size).toBe(1);
      expect(idsOf(sets).sort()).toEqual([root, ...children].map(tokenIdOf).sort());
    });
  });

  /** A person delegates to an agent, which hands on to another; tokens of each, one exchanged for another one's. */
  async function world() {
    const person = await addPerson(server, admin, 'member');
    const { clientId } = await registerClient(server, {
      grant_types: ['authorization_code', 'refresh_token'], redirect_uris: [CALLBACK], token_endpoint_auth_method: 'none', scopes: ['openid', 'offline_access', 'agents:read'],
    });
    const personal = (await signIn(server, person)).accessToken;
    const through = (await signIn(server, person, { client: { clientId, redirectUri: CALLBACK } })).accessToken;
    const [first, second] = [await agent(), await agent()];
    const own = await issue(server, first.basic, { resource: `${server.issuer}/api` });
    const grant = String((await call(server, 'POST', '/api/delegations', { token: personal, body: { agent_id: first.id, scopes: ['trips:read'], max_depth: 1 } })).body['id']);
    const onwards = String((await call(server, 'POST', `/api/delegations/${grant}/delegate`, { token: own, body: { agent_id: second.id } })).body['id']);
    const root = await issue(server, first.basic, { resource: API, delegation_grant_id: grant, task_description: 'The task' });
    const exchanged = String((await post(server, '/api/oauth/token', { ...EXCHANGE, subject_token: root, delegation_grant_id: onwards }, { basic: second.basic })).body['access_token']);
    const other = await issue(server, second.basic, { resource: API, delegation_grant_id: onwards });
    const apart = await issue(server, second.basic, { resource: API });
    const taskId = (JSON.parse(Buffer.from(root.split('.')[1]!, 'base64url').toString()) as { task_id: string }).task_id;
    return { person, personal, clientId, first, second, grant, taskId, root, tokens: [personal, through, own, root, exchanged, other, apart] };
  }
  type World = Awaited<ReturnType<typeof world>>;

  const consentOf = async ({ personal, clientId }: World) => (await call<{ data: { id: string; client: { client_id: string } }[] }>(server, 'GET', '/api/users/me/consents', { token: personal }))
    .body.data.find(({ client }) => client.client_id === clientId)!.id;

  it.each<[string, (of: World) => Promise<unknown>, (of: World) => object]>([
    ['a token is revoked', ({ root, first }) => post(server, '/api/oauth/revoke', { token: root }, { basic: first.basic }), ({ root }) => ({ format: 'jwt_id', iss: server.issuer, jti: tokenIdOf(root) })],
    ['a task is cancelled', ({ taskId }) => call(server, 'POST', `/api/tasks/${taskId}/cancel`, { token: admin }),
      ({ taskId }) => ({ format: 'complex', session: { format: 'opaque', id: taskId }, tenant: { format: 'opaque', id: organizationId } })],
    ['a delegation is revoked', ({ grant, personal }) => call(server, 'DELETE', `/api/delegations/${grant}`, { token: personal }),
      ({ grant, person, first }) => ({
        format: 'complex', user: { format: 'iss_sub', iss: server.issuer, sub: person.id }, application: { format: 'opaque', id: first.id }, session: { format: 'opaque', id: grant },
      })],
    ['a consent is taken back', async (of) => call(server, 'DELETE', `/api/users/me/consents/${await consentOf(of)}`, { token: of.personal }),
      ({ person, clientId }) => ({ format: 'complex', user: { format: 'iss_sub', iss: server.issuer, sub: person.id }, application: { format: 'opaque', id: clientId } })],
    ['an agent is suspended', ({ first }) => call(server, 'POST', `/api/agents/${first.id}/suspend`, { token: admin }), ({ first }) => ({ format: 'iss_sub', iss: server.issuer, sub: first.id })],
    ['an agent is ended', ({ second }) => call(server, 'DELETE', `/api/agents/${second.id}`, { token: admin }), ({ second }) => ({ format: 'iss_sub', iss: server.issuer, sub: second.id })],
    ['an application is ended', ({ clientId }) => call(server, 'DELETE', `/api/clients/${clientId}`, { token: admin }), ({ clientId }) => ({ format: 'complex', application: { format: 'opaque', id: clientId } })],
    ['a person is disabled', ({ person }) => call(server, 'PUT', `/api/users/${person.id}`, { token: admin, body: { status: 'disabled' } }), ({ person }) => ({ format: 'iss_sub', iss: server.issuer, sub: person.id })],
    ['a person gets another password', ({ person }) => call(server, 'POST', `/api/users/${person.id}/password`, { token: admin, body: { new_password: 'seldom heard piano 4711' } }),
      ({ person }) => ({ format: 'iss_sub', iss: server.issuer, sub: person.id })],
    ['a person leaves the organization', ({ person }) => call(server, 'DELETE', `/api/organizations/${organizationId}/members/${person.id}`, { token: admin }),
      ({ person }) => ({ format: 'complex', user: { format: 'iss_sub', iss: server.issuer, sub: person.id }, tenant: { format: 'opaque', id: organizationId } })],
  ])('when %s, the receiver learns of exactly the tokens that are dead from then on', async (_what, end, subject) => {
    const of = await world();
    const stream = await makeStream(server, receiver);
    await end(of);
    const sets = await pollAll(server, receiver, stream, 1);
    const alive = await Promise.all(of.tokens.map(async (token) => (await introspect(server, token))['active']));
    const dead = of.tokens.filter((_token, index) => alive[index] === false).map(tokenIdOf);
    expect(dead.length).toBeGreaterThan(0);
    expect(dead.length).toBeLessThan(of.tokens.length);
    const told = idsOf(sets);
    expect({ told: of.tokens.map(tokenIdOf).filter((id) => told.includes(id)).sort() }).toEqual({ told: dead.sort() });
    expect(sets.map((set) => ({ type: typeOf(set), subject: set.sub_id }))).toEqual([{ type: SESSION_REVOKED, subject: subject(of) }]);
    for (const id of told) expect((await call(server, 'GET', `/api/admin/tokens/${id}`, { token: admin })).body).toMatchObject({ active: false });
  });

  it('when a refresh token is used twice, the receiver learns that what it gave is over', async () => {
    const person = await addPerson(server, admin, 'member');
    const { clientId } = await registerClient(server, {
      grant_types: ['authorization_code', 'refresh_token'], redirect_uris: [CALLBACK], token_endpoint_auth_method: 'none', scopes: ['openid', 'offline_access', 'agents:read'],
    });
    const { accessToken, refreshToken } = await signIn(server, person, { client: { clientId, redirectUri: CALLBACK } });
    const stream = await makeStream(server, receiver);
    const refresh = (token: string) => post(server, '/api/oauth/token', { grant_type: 'refresh_token', refresh_token: token, client_id: clientId });
    const second = await refresh(refreshToken!);
    const third = await refresh(String(second.body['refresh_token']));
    expect(third.status).toBe(200);
    expect((await refresh(refreshToken!)).status).toBe(400);
    const [set] = await pollAll(server, receiver, stream, 1);
    expect(payloadOf(set!)).toMatchObject({ initiating_entity: 'policy', reason_admin: { en: 'A consent ended. (token_reused)' } });
    expect(idsOf([set!])).toEqual(expect.arrayContaining([accessToken, second.body['access_token'], third.body['access_token']].map((token) => tokenIdOf(String(token)))));
  });

  it('when an agent changes its password, each token that the old one got is told of by itself, and nothing else', async () => {
    const registered = await call<{ agent: { id: string } }>(server, 'POST', '/api/auth/register', { token: admin, body: { name: `agent-${Date.now()}`, password: 'seldom heard piano 4711', scopes: ['trips:read'] } });
    expect(registered.status).toBe(201);
    const name = String((registered.body.agent as Record<string, unknown>)['agent_name'] ?? (registered.body.agent as Record<string, unknown>)['name']);
    const logIn = async (password: string) => String((await call(server, 'POST', '/api/auth/login', { body: { name, password } })).body['access_token']);
    const old = [await logIn('seldom heard piano 4711'), await logIn('seldom heard piano 4711')];
    const stream = await makeStream(server, receiver);
    const changed = await call(server, 'POST', '/api/auth/password', { token: old[0], body: { current_password: 'seldom heard piano 4711', new_password: 'often heard violin 1147' } });
    expect(changed.status).toBeLessThan(300);
    const sets = await pollAll(server, receiver, stream, 2);
    expect(sets.map(({ sub_id: subject }) => subject)).toEqual(old.map(tokenIdOf).sort().map((jti) => ({ format: 'jwt_id', iss: server.issuer, jti })));
  });

  it('tells what tokens say no longer, when an agent, an application or a member may have less', async () => {
    const stream = await makeStream(server, receiver, { events_requested: [TOKEN_CLAIMS_CHANGE, 'urn:example:unknown'] });
    expect(stream).toMatchObject({ events_requested: [TOKEN_CLAIMS_CHANGE, 'urn:example:unknown'], events_delivered: [TOKEN_CLAIMS_CHANGE] });
    const by = await agent(['trips:read', 'weather:read']);
    const { clientId } = await registerClient(server, { grant_types: ['client_credentials'], scopes: ['trips:read', 'weather:read'] });
    const person = await addPerson(server, admin, 'admin');
    await call(server, 'PUT', `/api/agents/${by.id}`, { token: admin, body: { scopes: ['trips:read'] } });
    await call(server, 'PUT', `/api/agents/${by.id}`, { token: admin, body: { description: 'no scopes in it' } });
    // Not asked for.
    await call(server, 'POST', `/api/agents/${by.id}/suspend`, { token: admin });
    await call(server, 'PUT', `/api/clients/${clientId}`, { token: admin, body: { scopes: ['weather:read'] } });
    await call(server, 'PUT', `/api/organizations/${organizationId}/members/${person.id}`, { token: admin, body: { role: 'member' } });
    const sets = await pollAll(server, receiver, stream, 3);
    expect(sets.map((set) => [typeOf(set), set.sub_id, payloadOf(set)['claims']])).toEqual([
      [TOKEN_CLAIMS_CHANGE, { format: 'iss_sub', iss: server.issuer, sub: by.id }, { scope: 'trips:read' }],
      [TOKEN_CLAIMS_CHANGE, { format: 'complex', application: { format: 'opaque', id: clientId } }, { scope: 'weather:read' }],
      [TOKEN_CLAIMS_CHANGE, { format: 'complex', user: { format: 'iss_sub', iss: server.issuer, sub: person.id }, tenant: { format: 'opaque', id: organizationId } }, { role: 'member' }],
    ]);
  });

  describe('verification', () => {
    it('sends an event that gives the state back, by push as by poll, and not too often', async () => {
      const receiving = await site();
      const [pushed, polled] = [await makeStream(server, receiver, pushTo(receiving.url)), await makeStream(server, receiver)];
      const verify = (stream: Stream, body: object = { state: 'VGhlIHN0YXRlLg==' }) => call(server, 'POST', '/ssf/v1/verify', { token: receiver.token, body: { stream_id: stream.stream_id, ...body } });
      expect((await verify(pushed)).status).toBe(204);
      expect((await verify(polled, {})).status).toBe(204);
      await until('the event was pushed', () => receiving.tokens.length > 0);
      const [set] = await receiving.sets(receiver.verify);
      expect(set).toMatchObject({ sub_id: { format: 'opaque', id: pushed.stream_id }, events: { [VERIFICATION]: { state: 'VGhlIHN0YXRlLg==' } } });
      const [other] = await pollAll(server, receiver, polled, 1);
      expect(other!.events).toEqual({ [VERIFICATION]: {} });
      const soon = await verify(pushed);
      expect({ status: soon.status, code: soon.body['code'], wait: soon.headers.get('retry-after') }).toEqual({ status: 429, code: 'verification_too_soon', wait: '5' });
    });
  });

  describe('a receiver that is down', () => {
    it('gets everything in order once it is up again, and the status says meanwhile how it is', async () => {
      const receiving = await site();
      receiving.answer = (_request, response) => { response.writeHead(503).end(); };
      const stream = await makeStream(server, receiver, pushTo(receiving.url));
      const by = await agent();
      const tokens: string[] = [];
      for (let count = 0; count < 5; count += 1) {
        const token = await issue(server, by.basic, { resource: API });
        await post(server, '/api/oauth/revoke', { token }, { basic: by.basic });
        tokens.push(tokenIdOf(token));
      }
      await until('an attempt has failed', async () => {
        const { body } = await call(server, 'GET', `/ssf/v1/status?stream_id=${stream.stream_id}`, { token: receiver.token });
        return Number(body['failures']) > 1 && body['waiting'] === 5;
      });
      expect((await call(server, 'GET', `/ssf/v1/status?stream_id=${stream.stream_id}`, { token: receiver.token })).body).toMatchObject({ status: 'enabled', last_error: 'the receiver answered 503', last_delivered_at: null });
      const before = receiving.tokens.length;
      receiving.takeAll();
      await until('all were taken', () => receiving.tokens.length >= before + 5);
      const sets = await Promise.all(receiving.tokens.slice(before).map(receiver.verify));
      expect(sets.map(({ sub_id: subject }) => subject['jti'])).toEqual(tokens);
      // The first one came again and again under the same name.
      expect(new Set((await receiving.sets(receiver.verify)).map(({ jti }) => jti)).size).toBe(5);
      await until('the status says so', async () => {
        const { body } = await call(server, 'GET', `/ssf/v1/status?stream_id=${stream.stream_id}`, { token: receiver.token });
        return body['waiting'] === 0 && body['failures'] === 0 && body['last_delivered_at'] !== null;
      });
    });

    it.each<[string, number, string | undefined]>([
      ['does not know the key', 400, '{"err":"invalid_key","description":"unknown key"}'], ['wants other credentials', 400, '{"err":"authentication_failed"}'],
      ['says nothing that can be understood', 400, '<html>'], ['redirects', 302, undefined], ['forbids it', 403, '{"err":"access_denied"}'],
    ])('gets it again when it %s', async (_what, status, body) => {
      const [receiving, elsewhere] = [await site(), await site()];
      receiving.answer = (_request, response) => { response.writeHead(status, { 'content-type': 'application/json', location: elsewhere.url }).end(body); };
      const stream = await makeStream(server, receiver, pushTo(receiving.url));
      await call(server, 'POST', '/ssf/v1/verify', { token: receiver.token, body: { stream_id: stream.stream_id } });
      await until('it was tried twice', () => receiving.tokens.length >= 2);
      receiving.takeAll();
      const before = receiving.tokens.length;
      await until('it was taken', () => receiving.tokens.length > before);
      expect(elsewhere.tokens).toEqual([]);
      expect(new Set((await receiving.sets(receiver.verify)).map(({ jti }) => jti)).size).toBe(1);
    });

    it.each(['push', 'poll'])('is not sent again what it refuses, which is kept on record: %s', async (method) => {
      const receiving = await site();
      receiving.answer = (_request, response) => { response.writeHead(400, { 'content-type': 'application/json' }).end('{"err":"invalid_request","description":"not for us"}'); };
      const stream = await makeStream(server, receiver, method === 'push' ? pushTo(receiving.url) : {});
      const by = await agent();
      const refused = await issue(server, by.basic, { resource: API });
      await post(server, '/api/oauth/revoke', { token: refused }, { basic: by.basic });
      if (method === 'poll') {
        const { body } = await poll(server, receiver, stream, {});
        const [jti] = Object.keys(body.sets);
        expect((await poll(server, receiver, stream, { setErrs: { [jti!]: { err: 'invalid_request', description: 'not for us' } }, returnImmediately: true })).body.sets).toEqual({});
      }
      await until('the refusal is on record', async () => (await trail('signal.refused')).some(({ details }) => (details as { stream_id: string }).stream_id === stream.stream_id));
      const [record] = (await trail('signal.refused')).slice(-1);
      const [revoked] = (await trail('token.revoked')).slice(-1);
      expect(record).toMatchObject({
        outcome: 'refused', organization_id: organizationId, reason: 'invalid_request', actor: method === 'push' ? { kind: 'system' } : { kind: 'client', id: receiver.id },
        details: { stream_id: stream.stream_id, txn: revoked!['id'], description: 'not for us' },
      });
      if (method === 'push') {
        receiving.takeAll();
        await post(server, '/api/oauth/revoke', { token: await issue(server, by.basic, { resource: API }) }, { basic: by.basic });
        await until('the next one came', () => receiving.tokens.length > 1);
        const sets = await receiving.sets(receiver.verify);
        expect(sets.map(({ sub_id: subject }) => subject['jti'] === tokenIdOf(refused))).toEqual([true, false]);
      }
    });
  });

  describe('a stream', () => {
    const read = (token: string, id: string) => call(server, 'GET', `/ssf/v1/streams?stream_id=${id}`, { token });

    it('is read, changed, replaced and ended by its receiver, and each change is on record', async () => {
      const receiving = await site();
      const stream = await makeStream(server, receiver, { ...pushTo(receiving.url, { authorization_header: 'Bearer secret of the receiver' }), events_requested: [SESSION_REVOKED], description: 'Trips' });
      const shown = await read(receiver.token, stream.stream_id);
      expect(shown.body).toEqual(stream);
      expect(JSON.stringify(shown.body)).not.toContain('secret');
      expect((await call<Stream[]>(server, 'GET', '/ssf/v1/streams', { token: receiver.token })).body).toEqual([stream]);

      const patched = await call(server, 'PATCH', '/ssf/v1/streams', { token: receiver.token, body: { ...stream, delivery: undefined, events_requested: [TOKEN_CLAIMS_CHANGE], events_delivered: undefined } });
      expect({ status: patched.status, body: patched.body }).toEqual({ status: 200, body: { ...stream, events_requested: [TOKEN_CLAIMS_CHANGE], events_delivered: [TOKEN_CLAIMS_CHANGE] } });
      const replaced = await call(server, 'PUT', '/ssf/v1/streams', { token: receiver.token, body: { stream_id: stream.stream_id } });
      expect(replaced.body).toMatchObject({ delivery: { method: POLL, endpoint_url: `${server.issuer}/ssf/v1/streams/${stream.stream_id}/poll` }, events_delivered: [SESSION_REVOKED, TOKEN_CLAIMS_CHANGE] });
      expect(replaced.body).not.toHaveProperty('description');
      expect((await call(server, 'PUT', '/ssf/v1/streams', { token: receiver.token, body: replaced.body })).body).toEqual(replaced.body);
      expect((await call(server, 'DELETE', `/ssf/v1/streams?stream_id=${stream.stream_id}`, { token: receiver.token })).status).toBe(204);
      expect((await read(receiver.token, stream.stream_id)).status).toBe(404);
      expect((await call<Stream[]>(server, 'GET', '/ssf/v1/streams', { token: receiver.token })).body).toEqual([]);

      const about = (await auditTrail(server.inside(DataSource))).filter(({ target }) => (target as { id?: string } | undefined)?.id === stream.stream_id);
      expect(about.map(({ type }) => type)).toEqual(['signal_stream.created', 'signal_stream.updated', 'signal_stream.updated', 'signal_stream.updated', 'signal_stream.deleted']);
      expect(JSON.stringify(about)).not.toContain('secret of the receiver');
    });

    it.each<[string, object, number, string]>([
      ['another issuer', { iss: 'https://evil.example' }, 400, 'transmitter_decides'], ['another audience', { aud: 'somebody' }, 400, 'transmitter_decides'],
      ['other events than there are', { events_supported: [] }, 400, 'transmitter_decides'], ['a pace of its own', { min_verification_interval: 0 }, 400, 'transmitter_decides'],
      ['a place of its own to poll', { delivery: { method: POLL, endpoint_url: 'https://elsewhere.example' } }, 400, 'endpoint_not_yours'],
      ['no place to push to', { delivery: { method: PUSH } }, 400, 'endpoint_required'], ['subjects', { subject: { format: 'email', email: 'a@example.com' } }, 400, 'invalid_request'],
    ])('is not given %s', async (_what, change, status, code) => {
      const stream = await makeStream(server, receiver);
      const answer = await call(server, 'PATCH', '/ssf/v1/streams', { token: receiver.token, body: { stream_id: stream.stream_id, ...change } });
      expect({ status: answer.status, code: answer.body['code'] }).toEqual({ status, code });
      expect((await read(receiver.token, stream.stream_id)).body).toEqual(stream);
    });

    it.each([
      'http://receiver.example/events', 'https://127.0.0.1/events', 'https://localhost/events', 'https://api.localhost/events', 'https://10.0.0.1/', 'https://169.254.169.254/latest/meta-data', 'https://[::1]/',
      'https://[::ffff:127.0.0.1]/', 'https://2130706433/', 'https://user:password@receiver.example/', 'https://receiver.example/#part', 'ftp://receiver.example/', 'http://127.0.0.1.receiver.example/', 'nonsense', 'file:///etc/passwd',
    ])('is not pushed to %s', async (url) => {
      const answer = await call(server, 'POST', '/ssf/v1/streams', { token: receiver.token, body: pushTo(url) });
      expect({ status: answer.status, code: answer.body['code'] }).toEqual({ status: 400, code: 'endpoint_refused' });
    });

    it('belongs to one client: another one finds nothing, and people see it, pause it and end it, but do not receive it', async () => {
      const stream = await makeStream(server, receiver);
      const other = await receiverOf(server);
      const attempts: [string, string, object | undefined][] = [
        ['GET', `/ssf/v1/streams?stream_id=${stream.stream_id}`, undefined], ['GET', `/ssf/v1/status?stream_id=${stream.stream_id}`, undefined], ['DELETE', `/ssf/v1/streams?stream_id=${stream.stream_id}`, undefined],
        ['PATCH', '/ssf/v1/streams', { stream_id: stream.stream_id }], ['PUT', '/ssf/v1/streams', { stream_id: stream.stream_id }], ['POST', '/ssf/v1/status', { stream_id: stream.stream_id, status: 'disabled' }],
        ['POST', '/ssf/v1/verify', { stream_id: stream.stream_id }], ['POST', `/ssf/v1/streams/${stream.stream_id}/poll`, { returnImmediately: true }],
      ];
      for (const [method, path, body] of attempts) {
        const answer = await call(server, method, path, { token: other.token, body });
        expect({ method, path, status: answer.status, code: answer.body['code'] }).toEqual({ method, path, status: 404, code: 'signal_stream_not_found' });
      }
      expect((await call(server, 'GET', '/ssf/v1/streams', { token: other.token })).body).toEqual([]);
      expect((await read(admin, stream.stream_id)).body).toEqual(stream);
      expect((await poll(server, { token: admin }, stream)).status).toBe(404);
      const made = await call(server, 'POST', '/ssf/v1/streams', { token: admin, body: {} });
      expect({ status: made.status, code: made.body['code'] }).toEqual({ status: 403, code: 'receiver_required' });

      expect((await call(server, 'POST', '/ssf/v1/status', { token: admin, body: { stream_id: stream.stream_id, status: 'paused', reason: 'The licence ended.' } })).body).toMatchObject({ status: 'paused', reason: 'The licence ended.' });
      const [told] = await pollAll(server, receiver, stream, 1);
      expect(told).toMatchObject({ sub_id: { format: 'opaque', id: stream.stream_id }, events: { [STREAM_UPDATED]: { status: 'paused', reason: 'The licence ended.' } } });
    });

    it('that is paused keeps what happens, and one that is disabled begins anew', async () => {
      const stream = await makeStream(server, receiver);
      const by = await agent();
      const set = async (status: string) => expect((await call(server, 'POST', '/ssf/v1/status', { token: receiver.token, body: { stream_id: stream.stream_id, status } })).status).toBe(200);
      const revokeOne = async () => {
        const token = await issue(server, by.basic, { resource: API });
        await post(server, '/api/oauth/revoke', { token }, { basic: by.basic });
        return tokenIdOf(token);
      };
      await set('paused');
      const held = await revokeOne();
      await until('it is held', async () => (await call(server, 'GET', `/ssf/v1/status?stream_id=${stream.stream_id}`, { token: receiver.token })).body['waiting'] === 1);
      expect((await poll(server, receiver, stream)).body.sets).toEqual({});
      await set('enabled');
      expect(idsOf(await pollAll(server, receiver, stream, 1))).toEqual([held]);
      await set('disabled');
      await revokeOne();
      const asked = await call(server, 'POST', '/ssf/v1/verify', { token: receiver.token, body: { stream_id: stream.stream_id } });
      expect(asked.body['code']).toBe('signal_stream_disabled');
      await set('enabled');
      const next = await revokeOne();
      expect(idsOf(await pollAll(server, receiver, stream, 1))).toEqual([next]);
    });

    it.each<['not_taken' | 'too_many', { most?: number; longest?: number }]>([['not_taken', { longest: 0 }], ['too_many', { most: 2 }]])('that nobody takes from is stopped, which it says, and which is on record: %s', async (reason, limits) => {
      const stream = await makeStream(server, receiver);
      const by = await agent();
      for (let count = 0; count < 3; count += 1) await post(server, '/api/oauth/revoke', { token: await issue(server, by.basic, { resource: API }) }, { basic: by.basic });
      await until('all wait', async () => (await call(server, 'GET', `/ssf/v1/status?stream_id=${stream.stream_id}`, { token: receiver.token })).body['waiting'] === 3);
      const upkeep = server.inside(SignalUpkeep);
      const usual = upkeep.limits;
      upkeep.limits = { ...usual, ...limits };
      try {
        await server.inside(DataSource).transaction((manager) => upkeep.tidy(manager));
      } finally {
        upkeep.limits = usual;
      }
      const status = await call(server, 'GET', `/ssf/v1/status?stream_id=${stream.stream_id}`, { token: receiver.token });
      expect(status.body).toMatchObject({ status: 'disabled', reason: expect.stringContaining('dropped'), waiting: 1 });
      expect((await trail('signal_stream.stopped')).at(-1)).toMatchObject({ actor: { kind: 'system' }, target: { id: stream.stream_id }, reason, details: { client_id: receiver.id, dropped: 3 } });
      const [told] = await pollAll(server, receiver, stream, 1);
      expect(told!.events).toMatchObject({ [STREAM_UPDATED]: { status: 'disabled' } });
    });

    it('ends with its client', async () => {
      const stream = await makeStream(server, receiver);
      await call(server, 'DELETE', `/api/clients/${receiver.id}`, { token: admin });
      await server.inside(DataSource).transaction((manager) => server.inside(SignalUpkeep).tidy(manager));
      expect((await read(admin, stream.stream_id)).status).toBe(404);
      expect((await trail('signal_stream.deleted')).at(-1)).toMatchObject({ actor: { kind: 'system' }, target: { id: stream.stream_id } });
    });

    it('is one of five at most', async () => {
      for (let count = 0; count < 5; count += 1) await makeStream(server, receiver);
      const one = await call(server, 'POST', '/ssf/v1/streams', { token: receiver.token, body: {} });
      expect({ status: one.status, code: one.body['code'] }).toEqual({ status: 409, code: 'too_many_signal_streams' });
    });
  });

  describe('a poll', () => {
    it('waits for what comes, and a second one on the same stream ends the wait of the first', async () => {
      const stream = await makeStream(server, receiver);
      const [first, second] = [poll(server, receiver, stream, {}), new Promise((resolve) => { setTimeout(resolve, 300); }).then(() => poll(server, receiver, stream, {}))];
      expect((await first).body).toEqual({ sets: {}, moreAvailable: false });
      const by = await agent();
      const token = await issue(server, by.basic, { resource: API });
      await post(server, '/api/oauth/revoke', { token }, { basic: by.basic });
      const sets = await Promise.all(Object.values((await second).body.sets).map(receiver.verify));
      expect(idsOf(sets)).toEqual([tokenIdOf(token)]);
    });

    it('ends after a while when nothing comes', async () => {
      const polling = server.inside(SignalPoll);
      const usual = polling.longestWaitMs;
      polling.longestWaitMs = 100;
      try {
        expect((await poll(server, receiver, await makeStream(server, receiver), {})).body).toEqual({ sets: {}, moreAvailable: false });
      } finally {
        polling.longestWaitMs = usual;
      }
    });

    it('gets nothing any more once its token was revoked, however long it has waited', async () => {
      const stream = await makeStream(server, receiver);
      const waiting = poll(server, receiver, stream, {});
      await new Promise((resolve) => { setTimeout(resolve, 300); });
      await post(server, '/api/oauth/revoke', { token: receiver.token }, { basic: receiver.basic });
      expect((await waiting).body).toEqual({ sets: {}, moreAvailable: false });
    });

    it('gets as many as it asks for, in order, and is told when there are more', async () => {
      const stream = await makeStream(server, receiver);
      const by = await agent();
      const tokens: string[] = [];
      for (let count = 0; count < 3; count += 1) {
        const token = await issue(server, by.basic, { resource: API });
        await post(server, '/api/oauth/revoke', { token }, { basic: by.basic });
        tokens.push(tokenIdOf(token));
      }
      await until('all wait', async () => (await call(server, 'GET', `/ssf/v1/status?stream_id=${stream.stream_id}`, { token: receiver.token })).body['waiting'] === 3);
      const two = await poll(server, receiver, stream, { maxEvents: 2 });
      expect(idsOf(await Promise.all(Object.values(two.body.sets).map(receiver.verify)))).toEqual(tokens.slice(0, 2));
      expect(two.body.moreAvailable).toBe(true);
      expect((await poll(server, receiver, stream, { maxEvents: 0 })).body).toEqual({ sets: {}, moreAvailable: true });
      const last = await poll(server, receiver, stream, { ack: [...Object.keys(two.body.sets), 'nonsense'] });
      expect(idsOf(await Promise.all(Object.values(last.body.sets).map(receiver.verify)))).toEqual(tokens.slice(2));
      expect(last.body.moreAvailable).toBe(false);
    });

    it.each<[object, string]>([
      [{ maxEvents: -1 }, 'invalid_request'], [{ maxEvents: '3' }, 'invalid_request'], [{ returnImmediately: 'yes' }, 'invalid_request'], [{ ack: 'all' }, 'invalid_request'], [{ ack: [1] }, 'invalid_request'],
      [{ setErrs: [] }, 'invalid_request'], [{ setErrs: { a: 'wrong' } }, 'invalid_set_errors'], [{ setErrs: { a: { err: 7 } } }, 'invalid_set_errors'], [{ setErrs: { a: {} } }, 'invalid_set_errors'], [{ nonsense: 1 }, 'invalid_request'],
    ])('that is not one is refused: %j', async (body, code) => {
      const answer = await poll(server, receiver, await makeStream(server, receiver), body);
      expect({ status: answer.status, code: (answer.body as unknown as Record<string, unknown>)['code'] }).toEqual({ status: 400, code });
    });

    it('is not for a stream that is pushed', async () => {
      const stream = await makeStream(server, receiver, pushTo((await site()).url));
      const answer = await poll(server, receiver, stream);
      expect({ status: answer.status, code: (answer.body as unknown as Record<string, unknown>)['code'] }).toEqual({ status: 409, code: 'stream_not_polled' });
    });
  });

  it('are counted for those who run the server', async () => {
    const stream = await makeStream(server, receiver);
    const by = await agent();
    await post(server, '/api/oauth/revoke', { token: await issue(server, by.basic, { resource: API }) }, { basic: by.basic });
    const metric = async (line: RegExp) => Number(line.exec(await (await fetch(`${server.issuer}/metrics`)).text())?.[1]);
    await until('one waits', async () => await metric(/^legate_signals\{state="waiting"\} (\S+)$/m) === 1);
    const taken = await metric(/^legate_signals_total\{outcome="taken"\} (\S+)$/m);
    await pollAll(server, receiver, stream, 1);
    expect(await metric(/^legate_signals_total\{outcome="taken"\} (\S+)$/m)).toBe(taken + 1);
    expect(await metric(/^legate_signals\{state="waiting"\} (\S+)$/m)).toBe(0);
  });

  it('stay in their organization: another one learns nothing of what ends here, and sees no stream', async () => {
    const owner = await addPerson(server, admin, 'member');
    const foreign = String((await call(server, 'POST', '/api/organizations', { token: admin, body: { name: `Elsewhere ${Date.now()}`, owner_user_id: owner.id } })).body['id']);
    const here = (await signIn(server, owner)).accessToken;
    const there = String((await call(server, 'POST', `/api/organizations/${foreign}/switch`, { token: here })).body['access_token']);
    const elsewhere = await receiverOf(server, there);
    const [ours, theirs] = [await makeStream(server, receiver), await makeStream(server, elsewhere)];
    expect((await call<Stream[]>(server, 'GET', '/ssf/v1/streams', { token: there })).body).toEqual([theirs]);
    expect((await call(server, 'GET', `/ssf/v1/streams?stream_id=${ours.stream_id}`, { token: there })).status).toBe(404);
    expect((await poll(server, elsewhere, ours)).status).toBe(404);
    const by = await agent();
    const token = await issue(server, by.basic, { resource: API });
    await post(server, '/api/oauth/revoke', { token }, { basic: by.basic });
    expect(idsOf(await pollAll(server, receiver, ours, 1))).toEqual([tokenIdOf(token)]);
    expect((await poll(server, elsewhere, theirs)).body.sets).toEqual({});

    // Somebody who is in both, disabled by the one that is in charge: the other one learns that its own tokens ended, and of no others.
    await call(server, 'PUT', `/api/users/${owner.id}`, { token: admin, body: { status: 'disabled' } });
    const [told] = await pollAll(server, elsewhere, theirs, 1);
    expect(told!.sub_id).toEqual({ format: 'iss_sub', iss: server.issuer, sub: owner.id });
    expect(idsOf([told!])).toEqual([tokenIdOf(there)]);
    expect(JSON.stringify(told)).not.toContain(organizationId);
    expect(idsOf(await pollAll(server, receiver, ours, 1))).toEqual([tokenIdOf(here)]);
  });
});

describe('signals of a server that is killed', () => {
  const servers: TestServer[] = [];
  let receiving: PushReceiver;

  beforeAll(async () => {
    servers.push(await startServer());
    receiving = await PushReceiver.open();
  });
  afterAll(async () => {
    for (const server of [...servers].reverse()) await server.stop();
    await receiving.close();
  });

  it('all arrive, in order, when another one goes on', async () => {
    const server = servers[0]!;
    const receiver = await receiverOf(server);
    const stream = await makeStream(server, receiver, pushTo(receiving.url));
    const { clientId, clientSecret } = await registerAgent(server);
    const revoked: string[] = [];
    const revokeOne = async () => {
      const token = await issue(server, [clientId, clientSecret], { scope: 'weather:read' });
      expect((await post(server, '/api/oauth/revoke', { token }, { basic: [clientId, clientSecret] })).status).toBe(200);
      revoked.push(tokenIdOf(token));
    };
    await revokeOne();
    await until('the first one was taken', () => receiving.tokens.length === 1);
    // The keys are known from now on: their address goes with the server.
    await receiver.verify(receiving.tokens[0]!);
    receiving.answer = (_request, response, token) => { response.writeHead(receiving.tokens.indexOf(token) % 2 === 0 ? 202 : 500).end(); };
    for (let count = 0; count < 20; count += 1) await revokeOne();
    await server.kill('SIGKILL');
    receiving.takeAll();
    servers.push(await startServer({ beside: server }));
    const arrived = async () => (await receiving.sets(receiver.verify)).reduce<string[]>((known, { sub_id: { jti } }) => (known.includes(String(jti)) ? known : [...known, String(jti)]), []);
    await until('all have arrived', async () => (await arrived()).length === revoked.length);
    expect(await arrived()).toEqual(revoked);
    const names = new Map((await receiving.sets(receiver.verify)).map(({ sub_id: { jti }, jti: name }) => [`${String(jti)} ${name}`, name]));
    expect(names.size).toBe(revoked.length);
    expect((await call(servers[1]!, 'GET', `/ssf/v1/status?stream_id=${stream.stream_id}`, { token: receiver.token })).body).toMatchObject({ status: 'enabled' });
  });
});
