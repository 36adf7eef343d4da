import { vi } from 'vitest';
import { SignalReader } from '../../src/modules/signals/signal-reader.service.js';
import { TokenEndings } from '../../src/modules/tokens/token-endings.service.js';
import { call, introspect, post } from '../support/api.js';
import { startApplication, type TestApplication } from '../support/application.js';
import { CALLBACK, registerClient } from '../support/clients.js';
import { addPerson, signIn } from '../support/people.js';
import { ADMIN } from '../support/server.js';
import { SESSION_REVOKED, TOKEN_CLAIMS_CHANGE, typOf, until, VERIFICATION } from '../support/set-receiver.js';
import { API, endStreams, idsOf, issue, makeAgent, makeStream, makeTrips, payloadOf, POLL, poll, pollAll, PUSH, pushTo, receiverOf, recordedEvents, revokeOne, sitesOfReceivers, tokenIdOf, typeOf, type Machine, type Receiver, type Stream } from '../support/signals.js';

const EXCHANGE = { grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange', subject_token_type: 'urn:ietf:params:oauth:token-type:access_token' };

describe('shared signals', () => {
  let server: TestApplication;
  let admin: string;
  let organizationId: string;
  let receiver: Receiver;
  const site = sitesOfReceivers();

  beforeAll(async () => {
    server = await startApplication({ LEGATE_REFRESH_REPLAY_WINDOW: '0' });
    admin = (await signIn(server, ADMIN)).accessToken;
    organizationId = (await call<{ organization: { id: string } }>(server, 'GET', '/api/auth/me', { token: admin })).body.organization.id;
    await makeTrips(server, admin);
  });
  beforeEach(async () => { receiver = await receiverOf(server); });
  afterEach(() => endStreams(server, admin));
  afterAll(() => server.stop());

  const trail = (type: string) => recordedEvents(server, type);

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
        configuration_endpoint: `${server.issuer}/ssf/v1/streams`, status_endpoint: `${server.issuer}/ssf/v1/status`,
        add_subject_endpoint: `${server.issuer}/ssf/v1/subjects/add`, remove_subject_endpoint: `${server.issuer}/ssf/v1/subjects/remove`, verification_endpoint: `${server.issuer}/ssf/v1/verify`,
        critical_subject_members: ['user', 'application', 'session', 'tenant'], authorization_schemes: [{ spec_urn: 'urn:ietf:rfc:6749' }], default_subjects: 'ALL',
      });
    });
  });

  describe('a revoked subtree', () => {
    it('is pushed to a receiver that knows nothing but the metadata, with every token that ended, and traced to the log', async () => {
      const receiving = await site();
      const stream = await makeStream(server, receiver, pushTo(receiving.url, { authorization_header: 'Bearer of the receiver' }));
      expect(stream).toMatchObject({ iss: server.issuer, aud: receiver.id, delivery: { method: PUSH, endpoint_url: receiving.url }, events_delivered: [SESSION_REVOKED, TOKEN_CLAIMS_CHANGE] });
      const by = await makeAgent(server);
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
      const by = await makeAgent(server);
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
      const by = await makeAgent(server);
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

  // The embedded database goes through with whatever it began.
  it.runIf(process.env['TEST_DATABASE_URL'])('is told of without its tokens when they take too long to find, and nothing else waits for it', async () => {
    const reader = server.inside(SignalReader);
    const endings = server.inside(TokenEndings);
    const [patience, find] = [reader.patienceMs, endings.tokensEndedWith.bind(endings)];
    const stream = await makeStream(server, receiver);
    const by = await makeAgent(server);
    const slow = vi.spyOn(endings, 'tokensEndedWith').mockImplementationOnce(async (manager, ...rest) => {
      await manager.query('SELECT pg_sleep(10)');
      return find(manager, ...rest);
    });
    reader.patienceMs = 2000;
    try {
      const [first, second] = [await revokeOne(server, by), await revokeOne(server, by)];
      const sets = await pollAll(server, receiver, stream, 2);
      expect(sets.map((set) => [set.sub_id['jti'], payloadOf(set)['token_ids'], payloadOf(set)['token_ids_complete']])).toEqual([[first, [], false], [second, [second], undefined]]);
    } finally {
      reader.patienceMs = patience;
      slow.mockRestore();
    }
  });

  /** A person delegates to an agent, which hands on to another; tokens of each, one exchanged for another one's. */
  async function world() {
    const person = await addPerson(server, admin, 'member');
    const { clientId } = await registerClient(server, {
      grant_types: ['authorization_code', 'refresh_token'], redirect_uris: [CALLBACK], token_endpoint_auth_method: 'none', scopes: ['openid', 'offline_access', 'agents:read'],
    });
    const personal = (await signIn(server, person)).accessToken;
    const through = (await signIn(server, person, { client: { clientId, redirectUri: CALLBACK } })).accessToken;
    const [first, second] = [await makeAgent(server), await makeAgent(server)];
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
    const name = `agent-${Date.now()}`;
    const registered = await call<{ registration_token?: string }>(server, 'POST', '/api/auth/register', { token: admin, body: { name, password: 'seldom heard piano 4711', scopes: ['weather:read'] } });
    expect(registered.status).toBe(201);
    if (registered.body.registration_token !== undefined) await call(server, 'POST', '/api/agents/activate', { body: { registration_token: registered.body.registration_token } });
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
    const by = await makeAgent(server, ['trips:read', 'weather:read']);
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

  it('are counted for those who run the server', async () => {
    const stream = await makeStream(server, receiver);
    const by = await makeAgent(server);
    await revokeOne(server, by);
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
    expect((await call(server, 'POST', `/api/organizations/${foreign}/switch`, { token: here })).status).toBe(200);
    // The switch decides where the next sign-in leads, and there they own what they see.
    const there = (await signIn(server, owner)).accessToken;
    const elsewhere = await receiverOf(server, there);
    const [ours, theirs] = [await makeStream(server, receiver), await makeStream(server, elsewhere)];
    expect((await call<Stream[]>(server, 'GET', '/ssf/v1/streams', { token: there })).body).toEqual([theirs]);
    expect((await call(server, 'GET', `/ssf/v1/streams?stream_id=${ours.stream_id}`, { token: there })).status).toBe(404);
    expect((await poll(server, elsewhere, ours)).status).toBe(404);
    const by = await makeAgent(server);
    const id = await revokeOne(server, by);
    expect(idsOf(await pollAll(server, receiver, ours, 1))).toEqual([id]);
    expect((await poll(server, elsewhere, theirs)).body.sets).toEqual({});

    // Somebody who is in both, disabled by the one that is in charge: the other one learns that its own tokens ended, and of no others.
    await call(server, 'PUT', `/api/users/${owner.id}`, { token: admin, body: { status: 'disabled' } });
    const [told] = await pollAll(server, elsewhere, theirs, 1);
    expect(told!.sub_id).toEqual({ format: 'iss_sub', iss: server.issuer, sub: owner.id });
    expect(idsOf([told!])).toContain(tokenIdOf(there));
    expect(idsOf([told!])).not.toContain(tokenIdOf(here));
    expect(JSON.stringify(told)).not.toContain(organizationId);
    const atHome = idsOf(await pollAll(server, receiver, ours, 1));
    expect(atHome).toContain(tokenIdOf(here));
    expect(atHome).not.toContain(tokenIdOf(there));
  });
});
