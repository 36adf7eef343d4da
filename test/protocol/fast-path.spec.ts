import { DataSource } from 'typeorm';
import { now, useClock } from '../../src/kernel/clock.js';
import { FastPath } from '../../src/oidc/fast-path/fast-path.service.js';
import { bootstrapToken, call, introspect, post, type Answer } from '../support/api.js';
import { startApplication, type TestApplication } from '../support/application.js';
import { MACHINE_CLIENT, registerAgent, registerClient } from '../support/clients.js';
import { auditTrail } from '../support/directory.js';

const API = 'https://fast.example/api';
const OPAQUE_API = 'https://fast.example/opaque';
const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';
const JWT = 'urn:ietf:params:oauth:token-type:jwt';
/** Says the same of an ASCII form as UTF-8 does, but only the library reads it. */
const LONG_WAY = { 'content-type': 'application/x-www-form-urlencoded; charset=us-ascii' };

describe('the fast path', () => {
  let server: TestApplication;
  let agent: [string, string];
  /** Those whom the agent delegated to, the second for two uses. */
  let delegate: [string, string];
  let delegation: string;
  let limited: [string, string];
  let machine: [string, string];
  let postClient: [string, string];
  let withoutGrant: [string, string];
  let bound: [string, string];
  let administrator: [string, string];
  /** Whether each request since the last look was answered without the library. */
  const taken: boolean[] = [];

  beforeAll(async () => {
    server = await startApplication();
    const path = server.inside(FastPath);
    const answer = path.answer.bind(path);
    vi.spyOn(path, 'answer').mockImplementation(async (...request) => {
      const isAnswered = await answer(...request);
      taken.push(isAnswered);
      return isAnswered;
    });
    const token = await bootstrapToken(server);
    await call(server, 'POST', '/api/scopes', { token, body: { name: 'fast:read', description: 'Read.' } });
    await call(server, 'POST', '/api/resources', { token, body: { identifier: API, name: 'An API', scopes: ['fast:read'] } });
    await call(server, 'POST', '/api/resources', { token, body: { identifier: OPAQUE_API, name: 'An API', scopes: ['fast:read'], token_format: 'opaque' } });
    const registered = await registerAgent(server, { agent_type: 'assistant', agent_model: 'm-1', capabilities: ['search'], scopes: ['weather:read', 'fast:read'] });
    agent = [registered.clientId, registered.clientSecret];
    machine = await client({ grant_types: ['client_credentials', EXCHANGE], scopes: ['agents:read', 'weather:read', 'fast:read'], default_scopes: ['weather:read'] });
    postClient = await client({ token_endpoint_auth_method: 'client_secret_post' });
    withoutGrant = await client({ grant_types: ['authorization_code'], redirect_uris: ['https://app.example/callback'] });
    bound = await client({ dpop_bound_access_tokens: true });
    administrator = ['bootstrap', server.clientSecret];
    delegate = await agentOf();
    limited = await agentOf();
    const made = await call(server, 'POST', '/api/delegations', { token, body: { principal_id: agent[0], agent_id: delegate[0], scopes: ['fast:read', 'weather:read'], purpose: 'To go on.', constraints: { resources: [API, OPAQUE_API] } } });
    expect(made.status).toBe(201);
    delegation = String(made.body['id']);
    await call(server, 'POST', '/api/delegations', { token, body: { principal_id: agent[0], agent_id: limited[0], scopes: ['fast:read'], max_uses: 2 } });
  });
  afterAll(() => server.stop());

  async function client(metadata: Record<string, unknown>): Promise<[string, string]> {
    const { clientId, clientSecret } = await registerClient(server, { ...MACHINE_CLIENT, ...metadata });
    return [clientId, clientSecret!];
  }

  async function agentOf(): Promise<[string, string]> {
    const { clientId, clientSecret } = await registerAgent(server, { scopes: ['weather:read', 'fast:read'] });
    return [clientId, clientSecret];
  }

  /** A token of its own, for the API unless the form says something else. */
  async function ownToken(basic: [string, string], form: Record<string, string> = {}): Promise<string> {
    const { body } = await post(server, '/api/oauth/token', { grant_type: 'client_credentials', resource: API, ...form }, { basic });
    return String(body['access_token']);
  }

  const exchangeOf = (subject: string, form: Record<string, string> = {}) => ({ grant_type: EXCHANGE, subject_token: subject, subject_token_type: ACCESS_TOKEN, ...form });

  type Options = Parameters<typeof post>[3];
  type Form = Record<string, string> | URLSearchParams;

  /** The answers of the fast path and of the library to one request, and whether each came from where it should. */
  async function both(path: string, form: Form, options: Options = {}): Promise<{ fast: Answer; long: Answer; isFast: boolean }> {
    taken.length = 0;
    const fast = await post(server, path, form, options);
    const long = await post(server, path, form, { ...options, headers: { ...options.headers, ...LONG_WAY } });
    expect(taken[1]).toBe(false);
    return { fast, long, isFast: taken[0]! };
  }

  const COMPARED_HEADERS = ['cache-control', 'content-type', 'www-authenticate', 'location', 'retry-after', 'set-cookie', 'x-content-type-options'];
  function comparable({ status, headers, body }: Answer): object {
    return { status, headers: Object.fromEntries(COMPARED_HEADERS.map((name) => [name, headers.get(name)])), body: withoutIdentity(body) };
  }

  describe('issues what the library would have issued', () => {
    it.each<[string, () => [string, string], Record<string, string>]>([
      ['an agent, with the scope it asks for', () => agent, { scope: 'weather:read' }],
      ['an agent, with all it may have', () => agent, {}],
      ['a client, with its default scopes', () => machine, {}],
      ['a client, for a resource', () => machine, { resource: API, scope: 'fast:read' }],
      ['a client, for a resource that wants opaque tokens', () => machine, { resource: OPAQUE_API, scope: 'fast:read' }],
      ['a client that was registered to send its secret in the body', () => postClient, { scope: 'agents:read' }],
      ['a client that says who it is twice', () => machine, { client_id: '' }],
      ['a client that sends what nobody asked for', () => machine, { unknown: 'x', audience: 'https://elsewhere.example' }],
    ])('to %s', async (_who, basic, extra) => {
      const form = { grant_type: 'client_credentials', ...extra, ...(extra['client_id'] === '' && { client_id: basic()[0] }) };
      const { fast, long, isFast } = await both('/api/oauth/token', form, { basic: basic() });
      expect(isFast).toBe(true);
      expect(fast.status).toBe(200);
      expect(comparable(fast)).toEqual(comparable(long));
      const [one, other] = [await introspect(server, String(fast.body['access_token'])), await introspect(server, String(long.body['access_token']))];
      expect(one).toMatchObject({ active: true, token_id: fast.body['token_id'] });
      expect(withoutIdentity(one)).toEqual(withoutIdentity(other));
    });

    it('to a client that sends its secret in the body', async () => {
      const form = { grant_type: 'client_credentials', client_id: machine[0], client_secret: machine[1] };
      const { fast, long, isFast } = await both('/api/oauth/token', form);
      expect({ isFast, status: fast.status }).toEqual({ isFast: true, status: 200 });
      expect(comparable(fast)).toEqual(comparable(long));
    });

    it('with the same event in the audit log', async () => {
      const { fast, long } = await both('/api/oauth/token', { grant_type: 'client_credentials' }, { basic: agent });
      const trail = await auditTrail(server.inside(DataSource));
      const [one, other] = [fast, long].map(({ body }) => trail.find(({ type, token_id }) => type === 'token.issued' && token_id === body['token_id']));
      expect(one).toMatchObject({ outcome: 'success', actor: { kind: 'agent', id: agent[0] }, source: { request_id: fast.headers.get('x-request-id') } });
      expect(eventWithoutIdentity(one!)).toEqual(eventWithoutIdentity(other!));
    });
  });

  describe('exchanges as the library would have exchanged', () => {
    // A token ends with the one it came from: how many seconds are left of that depends on when one asks.
    let restoreClock: () => void;
    beforeEach(() => {
      const at = now();
      restoreClock = useClock({ now: () => at });
    });
    afterEach(() => restoreClock());

    it.each<[string, () => [string, string], () => Promise<Record<string, string>>]>([
      ['a token for the agent that it was delegated to', () => delegate, async () => exchangeOf(await ownToken(agent))],
      ['an opaque token', () => delegate, async () => exchangeOf(await ownToken(agent, { resource: OPAQUE_API }))],
      ['a token for one of another place, that the delegation names', () => delegate, async () => exchangeOf(await ownToken(agent), { resource: OPAQUE_API, audience: OPAQUE_API })],
      ['by the delegation that is named', () => delegate, async () => exchangeOf(await ownToken(agent), { delegation_grant_id: delegation, scope: 'fast:read', delegation_purpose: 'The next step.' })],
      ['with a proof of who acts', () => delegate, async () => exchangeOf(await ownToken(agent), { actor_token: await ownToken(delegate), actor_token_type: ACCESS_TOKEN })],
      ['a JWT for a JWT', () => delegate, async () => exchangeOf(await ownToken(agent), { subject_token_type: JWT, requested_token_type: JWT, agent_instance_id: 'pod-7', launch_reason: 'agent_delegated' })],
      ['a token below a task that is opened', () => delegate, async () => exchangeOf(await ownToken(agent), { task_description: 'A step.' })],
      ['a token of one\'s own for less', () => agent, async () => exchangeOf(await ownToken(agent), { scope: 'fast:read' })],
      ['a token of a client that is no agent, for less', () => machine, async () => exchangeOf(await ownToken(machine, { scope: 'fast:read' }))],
      ['by a delegation that may be used so often', () => limited, async () => exchangeOf(await ownToken(agent))],
    ])('%s', async (_what, basic, form) => {
      const { fast, long, isFast } = await both('/api/oauth/token', await form(), { basic: basic() });
      expect({ isFast, status: fast.status, body: fast.body }).toMatchObject({ isFast: true, status: 200, body: { token_type: 'Bearer' } });
      expect(comparable(fast)).toEqual(comparable(long));
      const [one, other] = [await introspect(server, String(fast.body['access_token'])), await introspect(server, String(long.body['access_token']))];
      expect(one).toMatchObject({ active: true, token_id: fast.body['token_id'] });
      expect(withoutIdentity(one)).toEqual(withoutIdentity(other));
      const trail = await auditTrail(server.inside(DataSource));
      const [event, like] = [fast, long].map(({ body }) => trail.find(({ type, token_id }) => type === 'token.issued' && token_id === body['token_id']));
      expect(event).toMatchObject({ outcome: 'success', details: { grant_type: EXCHANGE, parent_token_id: one['parent_token_id'] }, source: { request_id: fast.headers.get('x-request-id') } });
      expect(eventWithoutIdentity(event!)).toEqual(eventWithoutIdentity(like!));
    });

    it('and leaves to it what is refused, which is then on record once', async () => {
      const subject = await ownToken(agent);
      const ended = await ownToken(agent);
      for (let use = 0; use < 2; use += 1) await post(server, '/api/oauth/token', exchangeOf(subject), { basic: limited });
      await post(server, '/api/oauth/revoke', { token: ended }, { basic: agent });
      for (const [form, basic, options] of [
        [exchangeOf(subject), machine],
        [exchangeOf(subject), limited],
        [exchangeOf(ended), delegate],
        [exchangeOf('nothing'), delegate],
        [exchangeOf(subject, { subject_token_type: 'urn:ietf:params:oauth:token-type:id_token' }), delegate],
        [exchangeOf(subject, { actor_token: subject }), delegate],
        [exchangeOf(subject, { actor_token: subject, actor_token_type: ACCESS_TOKEN }), delegate],
        [exchangeOf(subject, { scope: 'agents:read' }), delegate],
        [exchangeOf(subject, { resource: API, audience: OPAQUE_API }), delegate],
        [exchangeOf(subject, { resource: 'https://unknown.example' }), delegate],
        [exchangeOf(subject, { delegation_grant_id: 'nothing' }), delegate],
        [exchangeOf(subject), withoutGrant],
        [exchangeOf(subject), bound],
        [exchangeOf(subject), delegate, { dpop: 'x.y.z' }],
        [exchangeOf(subject), delegate, { origin: 'https://elsewhere.example' }],
      ] as [Record<string, string>, [string, string], Record<string, string>?][]) {
        const { fast, long, isFast } = await both('/api/oauth/token', form, { basic, headers: options });
        expect({ isFast, status: fast.status, form }).toMatchObject({ isFast: false, status: expect.any(Number) });
        expect(Math.floor(fast.status / 100)).toBe(4);
        expect(comparable(fast)).toEqual(comparable(long));
        const refusals = (await auditTrail(server.inside(DataSource))).filter(({ outcome, source }) => outcome === 'refused' && (source as { request_id: string }).request_id === fast.headers.get('x-request-id'));
        expect(refusals).toHaveLength(1);
      }
    });
  });

  describe('says of a token what the library would have said', () => {
    it.each<[string, () => [string, string], Record<string, string>, () => [string, string]]>([
      ['an agent about its own', () => agent, {}, () => agent],
      ['an agent about its own opaque one', () => agent, { resource: OPAQUE_API }, () => agent],
      ['a client that administers tokens', () => agent, { resource: API }, () => administrator],
    ])('to %s', async (_who, owner, form, asker) => {
      const issued = await post(server, '/api/oauth/token', { grant_type: 'client_credentials', ...form }, { basic: owner() });
      const { fast, long, isFast } = await both('/api/oauth/introspect', { token: String(issued.body['access_token']), token_type_hint: 'access_token' }, { basic: asker() });
      expect({ isFast, active: fast.body['active'] }).toEqual({ isFast: true, active: true });
      expect({ ...fast, headers: undefined }).toEqual({ ...long, headers: undefined });
      expect(comparable(fast)).toEqual(comparable(long));
    });
  });

  describe('leaves to the library', () => {
    const TOKEN = '/api/oauth/token';
    it.each<[string, () => [path: string, form: Form, options?: Options], number]>([
      ['a wrong secret', () => [TOKEN, { grant_type: 'client_credentials' }, { basic: [agent[0], 'wrong'] }], 401],
      ['an unknown client', () => [TOKEN, { grant_type: 'client_credentials' }, { basic: ['nobody', 'wrong'] }], 401],
      ['two ways to prove who one is', () => [TOKEN, { grant_type: 'client_credentials', client_id: agent[0], client_secret: agent[1] }, { basic: agent }], 400],
      ['two names for one client', () => [TOKEN, { grant_type: 'client_credentials', client_id: machine[0] }, { basic: agent }], 400],
      ['a client without the grant', () => [TOKEN, { grant_type: 'client_credentials' }, { basic: withoutGrant }], 400],
      ['a client whose tokens must be bound to a key', () => [TOKEN, { grant_type: 'client_credentials' }, { basic: bound }], 400],
      ['another grant', () => [TOKEN, { grant_type: 'refresh_token', refresh_token: 'x' }, { basic: agent }], 400],
      ['no grant', () => [TOKEN, { scope: 'weather:read' }, { basic: agent }], 400],
      ['a scope beyond what the client may have', () => [TOKEN, { grant_type: 'client_credentials', scope: 'users:write' }, { basic: agent }], 400],
      ['a scope that is none', () => [TOKEN, { grant_type: 'client_credentials', scope: 'weather:read  fast:read' }, { basic: agent }], 400],
      ['an empty scope', () => [TOKEN, { grant_type: 'client_credentials', scope: '' }, { basic: machine }], 200],
      ['an unknown resource', () => [TOKEN, { grant_type: 'client_credentials', resource: 'https://unknown.example' }, { basic: agent }], 400],
      ['a field sent twice', () => [TOKEN, new URLSearchParams([['grant_type', 'client_credentials'], ['grant_type', 'client_credentials']]), { basic: agent }], 400],
      ['a proof of possession', () => [TOKEN, { grant_type: 'client_credentials' }, { basic: agent, headers: { dpop: 'x.y.z' } }], 400],
      ['a script from another origin', () => [TOKEN, { grant_type: 'client_credentials' }, { basic: agent, headers: { origin: 'https://elsewhere.example' } }], 400],
      ['another scheme of authorization', () => [TOKEN, { grant_type: 'client_credentials' }, { headers: { authorization: 'Bearer x' } }], 400],
      ['a header that is no base64', () => [TOKEN, { grant_type: 'client_credentials' }, { headers: { authorization: 'Basic %%%' } }], 400],
      ['an assertion', () => [TOKEN, { grant_type: 'client_credentials', client_assertion: 'x', client_assertion_type: 'y' }, { basic: agent }], 400],
      ['a query', () => [`${TOKEN}?grant_type=client_credentials`, { grant_type: 'client_credentials' }, { basic: agent }], 200],
      ['a token that is none', () => ['/api/oauth/introspect', { token: 'nothing' }, { basic: agent }], 200],
      ['no token', () => ['/api/oauth/introspect', {}, { basic: agent }], 400],
      ['a revocation', () => ['/api/oauth/revoke', { token: 'nothing' }, { basic: agent }], 200],
    ])('%s', async (_what, request, status) => {
      const { fast, long, isFast } = await both(...request());
      expect({ isFast, status: fast.status }).toEqual({ isFast: false, status });
      expect(comparable(fast)).toEqual(comparable(long));
    });

    it('the token of somebody else, which is then on record', async () => {
      const issued = await post(server, TOKEN, { grant_type: 'client_credentials' }, { basic: agent });
      const { fast, isFast } = await both('/api/oauth/introspect', { token: String(issued.body['access_token']) }, { basic: machine });
      expect({ isFast, body: fast.body }).toEqual({ isFast: false, body: { active: false } });
      const refusals = (await auditTrail(server.inside(DataSource))).filter(({ type }) => type === 'introspection.refused');
      expect(refusals.map(({ source }) => (source as { request_id: string }).request_id)).toContain(fast.headers.get('x-request-id'));
    });

    it('a token that was revoked', async () => {
      const issued = await post(server, TOKEN, { grant_type: 'client_credentials' }, { basic: agent });
      const token = String(issued.body['access_token']);
      await post(server, '/api/oauth/revoke', { token }, { basic: agent });
      const { fast, isFast } = await both('/api/oauth/introspect', { token }, { basic: agent });
      expect({ isFast, body: fast.body }).toEqual({ isFast: false, body: { active: false } });
    });
  });

  it('does not go on when the client ends, or its secret is retired', async () => {
    const registered = await registerAgent(server);
    const basic: [string, string] = [registered.clientId, registered.clientSecret];
    expect((await both('/api/oauth/token', { grant_type: 'client_credentials' }, { basic })).isFast).toBe(true);
    await call(server, 'POST', `/api/agents/${registered.clientId}/suspend`, { token: await bootstrapToken(server) });
    const { isFast, fast } = await both('/api/oauth/token', { grant_type: 'client_credentials' }, { basic });
    expect({ isFast, status: fast.status }).toEqual({ isFast: false, status: 401 });
  });

  it('counts what it issues', async () => {
    const issued = async (grant: string) => Number(new RegExp(`legate_tokens_total\\{grant="${grant}",outcome="issued"\\} (\\d+)`).exec(await (await fetch(`${server.issuer}/metrics`)).text())?.[1]);
    const subject = await ownToken(agent);
    const before = [await issued('client_credentials'), await issued('token_exchange')];
    await both('/api/oauth/token', { grant_type: 'client_credentials' }, { basic: agent });
    await both('/api/oauth/token', exchangeOf(subject), { basic: delegate });
    expect([await issued('client_credentials'), await issued('token_exchange')]).toEqual(before.map((count) => count + 2));
  });
});

const IDENTITY = new Set(['access_token', 'token_id', 'task_id', 'agent_context_id', 'jti', 'iat', 'exp']);

function withoutIdentity(body: Readonly<Record<string, unknown>>): object {
  return Object.fromEntries(Object.entries(body).map(([name, value]) => [name, IDENTITY.has(name) ? typeof value : value]));
}

function eventWithoutIdentity(event: Readonly<Record<string, unknown>>): object {
  const { id: _id, time: _time, token_id: _tokenId, task_id: _taskId, target, source, details, ...rest } = event as Record<string, Record<string, unknown>>;
  return { ...rest, target: { ...target, id: undefined }, source: { ...source, request_id: undefined }, details: { ...details, expires_at: undefined, decision: { ...details!['decision'] as object, id: undefined } } };
}
