import { createHash, randomUUID } from 'node:crypto';
import { decodeJwt, exportJWK, generateKeyPair, SignJWT } from 'jose';
import { DataSource } from 'typeorm';
import { useClock } from '../../src/kernel/clock.js';
import { bootstrapToken, call, introspect, post } from '../support/api.js';
import { startApplication, type TestApplication } from '../support/application.js';
import { auditTrail } from '../support/directory.js';
import { addPerson, signIn } from '../support/people.js';
import { ADMIN } from '../support/server.js';

interface Registered { agent_id: string; client_id: string; name: string; status: string; scopes: string[]; api_key: string; registration_token?: string }
interface Token { access_token: string; token_type: string; expires_in: number; scope: string; token_id: string; task_id: string }
interface Problem { code: string; detail: string }

const PASSWORD = 'seldom heard piano 4711';
let server: TestApplication;
let operator: string;
let names = 0;

beforeAll(async () => {
  server = await startApplication();
  operator = await bootstrapToken(server);
});
afterAll(() => server.stop());

function send<Body = Record<string, unknown>>(path: string, body: unknown, token?: string) {
  return call<Body>(server, 'POST', path, { body, token });
}

async function register(fields: Record<string, unknown> = {}, token: string | undefined = operator): Promise<Registered> {
  names += 1;
  const { status, body } = await send<Registered>('/api/auth/register', { name: `quick ${names}`, scopes: ['weather:read', 'agents:read'], ...fields }, token);
  if (status !== 201) throw new Error(`not registered: ${status} ${JSON.stringify(body)}`);
  return body;
}

async function login(credentials: Record<string, unknown>): Promise<Token> {
  const { status, body } = await send<Token>('/api/auth/login', credentials);
  if (status !== 200) throw new Error(`no token: ${status} ${JSON.stringify(body)}`);
  return body;
}

async function lastEvent(type: string): Promise<Record<string, unknown> | undefined> {
  return (await auditTrail(server.inside(DataSource))).findLast((event) => event['type'] === type);
}

describe('registering an agent in one step', () => {
  it('makes an agent that works at once for a caller with agents:write', async () => {
    const { status, headers, body } = await send<Registered>('/api/auth/register', { name: 'forecaster', scopes: ['weather:read'] }, operator);
    expect(status).toBe(201);
    expect(headers.get('location')).toBe(`/api/agents/${body.agent_id}`);
    expect(headers.get('cache-control')).toContain('no-store');
    expect(body).toEqual({ agent_id: body.client_id, client_id: body.client_id, name: 'forecaster', status: 'active', scopes: ['weather:read'], api_key: expect.stringMatching(/^lgt_client_/) });
    const { access_token } = await login({ api_key: body.api_key });
    expect((await call(server, 'GET', '/api/demo/weather', { token: access_token })).status).toBe(200);
  });

  it('makes an agent that works at once, without scopes, for the holder of the enrolment token', async () => {
    const me = await call<{ organization: { id: string } }>(server, 'GET', '/api/auth/me', { token: operator });
    const { body: { enrolment_token } } = await send<{ enrolment_token: string }>(`/api/organizations/${me.body.organization.id}/enrolment-token`, {}, operator);
    const agent = await send<Registered>('/api/auth/register', { name: 'enrolled', scopes: ['weather:read'], enrolment_token });
    expect(agent).toMatchObject({ status: 201, body: { status: 'active', scopes: [] } });
    expect((await send('/api/auth/login', { api_key: agent.body.api_key })).body).toMatchObject({ status: 400, code: 'invalid_scope' });
  });

  it('lets nobody in without either', async () => {
    expect(await send('/api/auth/register', { name: 'stranger' })).toMatchObject({ status: 401, body: { code: 'registration_closed' } });
    expect(await send('/api/auth/register', { name: 'stranger', enrolment_token: 'lgt_enrolment_made_up' })).toMatchObject({ status: 401, body: { code: 'invalid_enrolment_token' } });
  });

  it('hands out no scope that the caller does not hold', async () => {
    const narrow = await bootstrapToken(server, 'agents:write');
    expect(await send('/api/auth/register', { name: 'greedy', scopes: ['keys:write'] }, narrow)).toMatchObject({ status: 403, body: { code: 'scopes_not_held' } });
  });

  it('holds the password against the policy, and refuses what it does not know', async () => {
    expect(await send('/api/auth/register', { name: 'weak', password: 'password' }, operator)).toMatchObject({ status: 400, body: { code: 'weak_password' } });
    expect(await send('/api/auth/register', { name: 'pushy', status: 'active' }, operator)).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
  });
});

describe('registering where the operator opened it to anybody', () => {
  it('makes an agent without scopes that waits for its activation', async () => {
    const open = await startApplication({ LEGATE_OPEN_REGISTRATION: '1' });
    try {
      const { status, body } = await call<Registered>(open, 'POST', '/api/auth/register', { body: { name: 'stranger', scopes: ['weather:read'], password: PASSWORD } });
      expect(status).toBe(201);
      expect(body).toMatchObject({ status: 'pending', scopes: [], registration_token: expect.stringMatching(/^lgt_registration_/) });
      expect(await call(open, 'POST', '/api/auth/login', { body: { api_key: body.api_key } })).toMatchObject({ status: 403, body: { code: 'agent_not_active' } });
      await call(open, 'POST', '/api/agents/activate', { body: { registration_token: body.registration_token } });
      expect(await call(open, 'POST', '/api/auth/login', { body: { name: 'stranger', password: PASSWORD } })).toMatchObject({ status: 400, body: { code: 'invalid_scope' } });
    } finally {
      await open.stop();
    }
  });
});

describe('logging in', () => {
  it('gives the token that client_credentials gives for the default scopes', async () => {
    const agent = await register();
    const viaKey = await login({ api_key: agent.api_key });
    const { body: viaGrant } = await post<Token>(server, '/api/oauth/token', { grant_type: 'client_credentials' }, { basic: [agent.client_id, agent.api_key] });
    const same = ({ iat: _iat, exp: _exp, jti: _jti, status: _status, token_id: _token, task_id: _task, agent_context_id: _context, ...rest }: Record<string, unknown>) => rest;
    expect(same(decodeJwt(viaKey.access_token))).toEqual(same(decodeJwt(viaGrant.access_token)));
    expect({ ...viaKey, access_token: '', token_id: '', task_id: '' }).toEqual({ ...viaGrant, access_token: '', token_id: '', task_id: '' });
    expect(await introspect(server, viaKey.access_token)).toMatchObject({ active: true, token_id: viaKey.token_id, sub: agent.agent_id });
    expect(await lastEvent('token.issued')).toMatchObject({ target: { kind: 'access_token' } });
  });

  it('narrows to the scope asked for, and refuses more than there is', async () => {
    const agent = await register();
    expect((await login({ api_key: agent.api_key, scope: 'weather:read' })).scope).toBe('weather:read');
    expect(await send('/api/auth/login', { api_key: agent.api_key, scope: 'weather:read keys:write' })).toMatchObject({ status: 400, body: { code: 'invalid_scope', refused_scopes: ['keys:write'] } });
  });

  it('works by name and password, in any case of letters', async () => {
    const agent = await register({ name: 'Named One', password: PASSWORD });
    const token = await login({ name: 'named ONE', password: PASSWORD, organization: 'default' });
    expect(decodeJwt(token.access_token).sub).toBe(agent.agent_id);
  });

  it('reads alike for an unknown agent, a wrong password, an agent without one, and a wrong key, and each is on record once', async () => {
    const { agent_id: id } = await register({ name: 'guarded', password: PASSWORD });
    await register({ name: 'keyed' });
    const { api_key: key } = await register();
    const before = (await auditTrail(server.inside(DataSource))).length;
    const answers = [
      await send<Problem>('/api/auth/login', { name: 'guarded', password: 'wrong' }),
      await send<Problem>('/api/auth/login', { name: 'keyed', password: 'wrong' }),
      await send<Problem>('/api/auth/login', { name: 'nobody', password: 'wrong' }),
      await send<Problem>('/api/auth/login', { name: 'guarded', password: PASSWORD, organization: 'elsewhere' }),
      await send<Problem>('/api/auth/login', { api_key: `${key.slice(0, -1)}${key.endsWith('a') ? 'b' : 'a'}` }),
      await send<Problem>('/api/auth/login', { api_key: 'lgt_client_something_else' }),
    ];
    for (const { status, body: { code, detail } } of answers) expect({ status, code, detail }).toEqual({ status: 401, code: 'invalid_credentials', detail: answers[0]!.body.detail });
    const events = (await auditTrail(server.inside(DataSource))).slice(before);
    expect(events.map(({ type, reason }) => [type, reason])).toEqual(answers.map(() => ['token.refused', 'invalid_credentials']));
    expect(events[0]).toMatchObject({ actor: { kind: 'anonymous' }, target: { kind: 'agent', id } });
    expect(events[2]).toMatchObject({ organization_id: null, details: { account: expect.stringMatching(/^[0-9a-f]{32}$/) } });
    expect(JSON.stringify(events)).not.toContain('nobody');
  });

  it('wants either a key or a name and password', async () => {
    for (const body of [{}, { name: 'a' }, { password: 'b' }, { api_key: 'c', name: 'a', password: 'b' }]) {
      expect(await send('/api/auth/login', body)).toMatchObject({ status: 400, body: { code: 'credentials_ambiguous' } });
    }
  });

  it('tells an agent that is not active so, once it has proved who it is', async () => {
    const agent = await register();
    await send(`/api/agents/${agent.agent_id}/suspend`, undefined, operator);
    expect(await send('/api/auth/login', { api_key: agent.api_key })).toMatchObject({ status: 403, body: { code: 'agent_not_active', status: 403 } });
    expect(await lastEvent('token.refused')).toMatchObject({ reason: 'agent_not_active', actor: { kind: 'agent', id: agent.agent_id } });
  });

  it('stops guessing at one agent from one place', async () => {
    await register({ name: 'target', password: PASSWORD });
    const codes: number[] = [];
    for (let attempt = 0; attempt < 11; attempt += 1) codes.push((await send('/api/auth/login', { name: 'target', password: 'wrong' })).status);
    expect(codes).toEqual([...Array(10).fill(401), 429]);
    const blocked = await send('/api/auth/login', { name: 'target', password: PASSWORD });
    expect(blocked).toMatchObject({ status: 429, body: { code: 'too_many_sign_ins' } });
    expect(Number(blocked.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await lastEvent('token.refused')).toMatchObject({ reason: 'too_many_sign_ins' });
  });
});

describe('who am I', () => {
  it('tells an agent', async () => {
    const agent = await register();
    const token = await login({ api_key: agent.api_key });
    const { status, body } = await call(server, 'GET', '/api/auth/me', { token: token.access_token });
    expect(status).toBe(200);
    expect(body).toEqual({
      subject: agent.agent_id, kind: 'agent', client_id: agent.client_id, organization: { id: expect.any(String), slug: 'default', name: 'Default' }, role: null,
      scopes: expect.arrayContaining(['agents:read', 'weather:read']), token_id: token.token_id, expires_at: expect.any(String), act: null,
    });
    expect(Date.parse(String(body['expires_at'])) / 1000).toBe(decodeJwt(token.access_token).exp);
  });

  it('tells a person', async () => {
    const { accessToken } = await signIn(server, ADMIN);
    expect((await call(server, 'GET', '/api/auth/me', { token: accessToken })).body).toMatchObject({ kind: 'user', role: 'owner', client_id: 'swagger-ui', act: null });
  });

  it('tells nobody without a token', async () => {
    expect((await call(server, 'GET', '/api/auth/me')).status).toBe(401);
  });
});

describe('renewing an access token', () => {
  it('gives one that descends from the presented one, for the same task and no more scopes', async () => {
    const { api_key } = await register();
    const first = await login({ api_key });
    const { status, body: second } = await send<Token>('/api/auth/refresh', undefined, first.access_token);
    expect(status).toBe(200);
    const claims = decodeJwt(second.access_token);
    expect(claims).toMatchObject({ parent_token_id: first.token_id, task_id: first.task_id, sub: decodeJwt(first.access_token).sub });
    expect(second.scope.split(' ').sort()).toEqual(first.scope.split(' ').sort());
    const narrow = await send<Token>('/api/auth/refresh', { scope: 'weather:read' }, second.access_token);
    expect(narrow.body.scope).toBe('weather:read');
    expect(await send('/api/auth/refresh', { scope: 'agents:read' }, narrow.body.access_token)).toMatchObject({ status: 400, body: { code: 'invalid_scope' } });
    const [row] = await server.inside(DataSource).query<{ ancestors: string[]; root_token_id: string }[]>('SELECT ancestors, root_token_id FROM tokens WHERE token_id = $1', [narrow.body.token_id]);
    expect(row).toEqual({ ancestors: [first.token_id, second.token_id], root_token_id: first.token_id });
  });

  it('ends with the token that it descends from', async () => {
    const { api_key } = await register();
    const first = await login({ api_key });
    const { body: second } = await send<Token>('/api/auth/refresh', undefined, first.access_token);
    await send(`/api/admin/tokens/${first.token_id}/revoke`, {}, operator);
    expect((await call(server, 'GET', '/api/auth/me', { token: second.access_token })).status).toBe(401);
    expect((await send('/api/auth/refresh', undefined, second.access_token)).status).toBe(401);
  });

  it('leaves out what the agent has lost meanwhile', async () => {
    const agent = await register();
    const { access_token } = await login({ api_key: agent.api_key });
    await call(server, 'PUT', `/api/agents/${agent.agent_id}`, { token: operator, body: { scopes: ['weather:read'] } });
    expect((await send<Token>('/api/auth/refresh', undefined, access_token)).body.scope).toBe('weather:read');
  });

  it('ends after the time that the operator allows since the login, and never outlives it', async () => {
    const { api_key } = await register();
    let offset = 1100;
    const restore = useClock({ now: () => Date.now() + offset });
    try {
      // Tokens that live for an hour, so that few renewals cover the twelve.
      await server.inside(DataSource).query('UPDATE resources SET access_token_ttl = 3600 WHERE organization_id IS NULL');
      let { access_token } = await login({ api_key });
      const end = decodeJwt(access_token).iat! + 12 * 3600;
      for (let hour = 0; hour < 12; hour += 1) {
        offset += 3595_000;
        const { status, body } = await send<Token>('/api/auth/refresh', undefined, access_token);
        expect(status).toBe(200);
        access_token = body.access_token;
      }
      expect(decodeJwt(access_token).exp).toBe(end);
      offset += 61_000;
      expect((await send('/api/auth/refresh', undefined, access_token)).status).toBe(401);
    } finally {
      await server.inside(DataSource).query(`UPDATE resources SET access_token_ttl = NULL WHERE organization_id IS NULL`);
      restore();
    }
  });

  it('ends after sixteen steps', async () => {
    const { api_key } = await register();
    let { access_token } = await login({ api_key });
    for (let step = 0; step < 16; step += 1) {
      const { status, body } = await send<Token>('/api/auth/refresh', undefined, access_token);
      expect(status).toBe(200);
      access_token = body.access_token;
    }
    expect(await send('/api/auth/refresh', undefined, access_token)).toMatchObject({ status: 403, body: { code: 'login_over' } });
  });

  it('keeps the key that the token is bound to', async () => {
    const keys = await generateKeyPair('ES256');
    const jwk = await exportJWK(keys.publicKey);
    const proof = (path: string, accessToken?: string) => new SignJWT({
      jti: randomUUID(), htm: 'POST', htu: `${server.issuer}${path}`, ...(accessToken && { ath: createHash('sha256').update(accessToken).digest('base64url') }),
    }).setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk }).setIssuedAt().sign(keys.privateKey);
    const { body: client } = await send<{ client_id: string; client_secret: string }>('/api/admin/clients/register', {
      client_name: 'bound', grant_types: ['client_credentials'], scopes: ['agents:read'], dpop_bound_access_tokens: true,
    }, operator);
    expect(await send('/api/auth/login', { api_key: client.client_secret })).toMatchObject({ status: 403, body: { code: 'dpop_required' } });

    const { body: first } = await post<Token>(server, '/api/oauth/token', { grant_type: 'client_credentials' }, {
      basic: [client.client_id, client.client_secret], headers: { dpop: await proof('/api/oauth/token') },
    });
    const { status, body: second } = await call<Token>(server, 'POST', '/api/auth/refresh', {
      headers: { authorization: `DPoP ${first.access_token}`, dpop: await proof('/api/auth/refresh', first.access_token) },
    });
    expect({ status, type: second.token_type }).toEqual({ status: 200, type: 'DPoP' });
    expect(decodeJwt(second.access_token)['cnf']).toEqual(decodeJwt(first.access_token)['cnf']);
    expect((await call(server, 'POST', '/api/auth/refresh', { token: second.access_token })).status).toBe(401);
  });

  it('tells people to use their refresh token', async () => {
    const { accessToken } = await signIn(server, ADMIN);
    expect(await send('/api/auth/refresh', undefined, accessToken)).toMatchObject({ status: 400, body: { code: 'refresh_token_required' } });
  });
});

describe('changing a password', () => {
  it('ends what the old one got, and lets the new one in', async () => {
    const { api_key } = await register({ name: 'changer', password: PASSWORD });
    const byPassword = await login({ name: 'changer', password: PASSWORD });
    const { body: renewed } = await send<Token>('/api/auth/refresh', undefined, byPassword.access_token);
    const byKey = await login({ api_key });
    expect(await send('/api/auth/password', { current_password: 'wrong', new_password: `${PASSWORD} anew` }, byKey.access_token)).toMatchObject({ status: 403, body: { code: 'wrong_password' } });
    expect(await send('/api/auth/password', { current_password: PASSWORD, new_password: '12345678' }, byKey.access_token)).toMatchObject({ status: 400, body: { code: 'weak_password' } });
    expect((await send('/api/auth/password', { current_password: PASSWORD, new_password: `${PASSWORD} anew` }, byKey.access_token)).status).toBe(204);
    for (const { access_token } of [byPassword, renewed]) expect((await call(server, 'GET', '/api/auth/me', { token: access_token })).status).toBe(401);
    expect((await call(server, 'GET', '/api/auth/me', { token: byKey.access_token })).status).toBe(200);
    expect((await send('/api/auth/login', { name: 'changer', password: PASSWORD })).status).toBe(401);
    await login({ name: 'changer', password: `${PASSWORD} anew` });
    expect(await lastEvent('agent.password_changed')).toMatchObject({ details: { ended_tokens: 1 } });
  });

  it('is for agents that have one, and for people', async () => {
    const { api_key } = await register();
    const { access_token } = await login({ api_key });
    const body = { current_password: PASSWORD, new_password: `${PASSWORD} anew` };
    expect(await send('/api/auth/password', body, access_token)).toMatchObject({ status: 409, body: { code: 'password_not_used' } });
    expect(await send('/api/auth/password', body, operator)).toMatchObject({ status: 403, body: { code: 'own_password_only' } });
    const person = await addPerson(server, operator, 'member');
    const { accessToken } = await signIn(server, person);
    expect((await send('/api/auth/password', { current_password: person.password, new_password: `${PASSWORD} mine` }, accessToken)).status).toBe(204);
    expect((await call(server, 'GET', '/api/auth/me', { token: accessToken })).status).toBe(401);
  });
});

describe('getting a token for an agent', () => {
  it('says who got it, and opens what the agent may', async () => {
    const agent = await register();
    const { status, body } = await send<Token>('/api/agents/token', { agent_id: agent.agent_id, scopes: ['weather:read'] }, operator);
    expect(status).toBe(200);
    expect(decodeJwt(body.access_token)).toMatchObject({ sub: agent.agent_id, client_id: agent.client_id, scope: 'weather:read', act: { sub: 'bootstrap' } });
    expect((await call(server, 'GET', '/api/demo/weather', { token: body.access_token })).status).toBe(200);
    expect(await lastEvent('token.issued')).toMatchObject({ act: { sub: 'bootstrap' }, subject: agent.agent_id });
  });

  it('hands out no more than the agent has and the caller may hand out', async () => {
    const agent = await register({ scopes: ['agents:read', 'tokens:read'] });
    const narrow = await bootstrapToken(server, 'agents:write agents:read');
    expect(await send('/api/agents/token', { agent_id: agent.agent_id, scopes: ['keys:write'] }, operator)).toMatchObject({ status: 400, body: { code: 'invalid_scope' } });
    expect(await send('/api/agents/token', { agent_id: agent.agent_id, scopes: ['tokens:read'] }, narrow)).toMatchObject({ status: 403, body: { code: 'scopes_not_held' } });
    expect((await send<Token>('/api/agents/token', { agent_id: agent.agent_id }, narrow)).body.scope).toBe('agents:read');
  });

  it('is for members only with their own agents, and for nobody with those of another organization', async () => {
    const agent = await register();
    const { accessToken } = await signIn(server, await addPerson(server, operator, 'member'));
    expect((await send('/api/agents/token', { agent_id: agent.agent_id, scopes: ['agents:read'] }, accessToken)).status).toBe(404);
    const own = await register({ scopes: ['agents:read'] }, accessToken);
    expect((await send('/api/agents/token', { agent_id: own.agent_id, scopes: ['agents:read'] }, accessToken)).status).toBe(200);
  });

  it('gets nothing further: such a token is neither renewed nor used to get another', async () => {
    const agent = await register({ scopes: ['agents:write', 'agents:read'] });
    const { body } = await send<Token>('/api/agents/token', { agent_id: agent.agent_id }, operator);
    expect(await send('/api/auth/refresh', undefined, body.access_token)).toMatchObject({ status: 403, body: { code: 'obtained_by_another' } });
    expect(await send('/api/agents/token', { agent_id: agent.agent_id }, body.access_token)).toMatchObject({ status: 403, body: { code: 'obtained_by_another' } });
  });
});
