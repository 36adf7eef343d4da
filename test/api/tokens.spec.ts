import { DataSource } from 'typeorm';
import { bootstrapToken, call } from '../support/api.js';
import { startApplication, type TestApplication } from '../support/application.js';
import { CALLBACK, registerClient } from '../support/clients.js';
import { auditTrail } from '../support/directory.js';
import { addPerson, signIn } from '../support/people.js';

interface Token { access_token: string; token_id: string; task_id: string }
interface Row { token_id: string; kind: string; client_id: string; subject: string; subject_kind: string; active: boolean; inactive_because: string | null; grant_type: string; scopes: string[] }
interface List { data: Row[]; next_cursor: string | null }
interface Agent { agent_id: string; api_key: string }

let server: TestApplication;
let operator: string;

beforeAll(async () => {
  server = await startApplication();
  operator = await bootstrapToken(server);
});
afterAll(() => server.stop());

let names = 0;

async function agent(token = operator): Promise<Agent> {
  names += 1;
  return (await call<Agent>(server, 'POST', '/api/auth/register', { token, body: { name: `agent ${names}`, scopes: ['agents:read'] } })).body;
}

async function login({ api_key }: Agent): Promise<Token> {
  return (await call<Token>(server, 'POST', '/api/auth/login', { body: { api_key } })).body;
}

async function list(query = '', token = operator): Promise<List> {
  const { status, body } = await call<List>(server, 'GET', `/api/admin/tokens${query}`, { token });
  if (status !== 200) throw new Error(JSON.stringify(body));
  return body;
}

async function organizationOfTheirOwn(): Promise<string> {
  const owner = await addPerson(server, operator, 'member');
  const { body } = await call(server, 'POST', '/api/organizations', { token: operator, body: { name: 'Other', owner_user_id: owner.id } });
  await call(server, 'POST', `/api/organizations/${String(body['id'])}/switch`, { token: (await signIn(server, owner)).accessToken });
  return (await signIn(server, owner)).accessToken;
}

describe('the tokens of an organization', () => {
  it('are listed with the newest first, page by page, without the tokens themselves', async () => {
    const own = await agent();
    const tokens = [await login(own), await login(own), await login(own)];
    const first = await list(`?subject=${own.agent_id}&limit=2`);
    expect(first.data.map(({ token_id }) => token_id)).toEqual([tokens[2]!.token_id, tokens[1]!.token_id]);
    const second = await list(`?subject=${own.agent_id}&limit=2&cursor=${first.next_cursor}`);
    expect(second).toMatchObject({ data: [{ token_id: tokens[0]!.token_id }], next_cursor: null });
    expect(JSON.stringify(first)).not.toContain(tokens[2]!.access_token.split('.')[2]);
    expect(first.data[0]).toMatchObject({ subject: own.agent_id, client_id: own.agent_id, subject_kind: 'agent', active: true, inactive_because: null, scopes: ['agents:read'] });
  });

  it('are filtered by client, subject, and whether they are alive', async () => {
    const own = await agent();
    const [ended, alive] = [await login(own), await login(own)];
    await call(server, 'POST', `/api/admin/tokens/${ended.token_id}/revoke`, { token: operator });
    expect((await list(`?client_id=${own.agent_id}&active=true`)).data.map(({ token_id }) => token_id)).toEqual([alive.token_id]);
    expect((await list(`?client_id=${own.agent_id}&active=false`)).data).toMatchObject([{ token_id: ended.token_id, inactive_because: 'token_revoked' }]);
    expect((await list('?subject=nobody')).data).toEqual([]);
    for (const query of ['?active=maybe', '?subject=a%00b', '?kind=any', '?cursor=AAAA']) {
      expect((await call(server, 'GET', `/api/admin/tokens${query}`, { token: operator })).status).toBe(400);
    }
  });

  it('are shown one by one, and only to those of the organization', async () => {
    const own = await agent();
    const token = await login(own);
    const other = await organizationOfTheirOwn();
    const one = await call<Row>(server, 'GET', `/api/admin/tokens/${token.token_id}`, { token: operator });
    expect(one).toMatchObject({ status: 200, body: { token_id: token.token_id, task_id: token.task_id, root_token_id: token.token_id, grant_type: 'client_credentials' } });
    for (const id of [token.token_id, 'nonsense', '01890000-0000-7000-8000-000000000000']) {
      expect(await call(server, 'GET', `/api/admin/tokens/${id}`, { token: other })).toMatchObject({ status: 404, body: { code: 'token_not_found' } });
      expect(await call(server, 'POST', `/api/admin/tokens/${id}/revoke`, { token: other })).toMatchObject({ status: 404 });
    }
    expect((await list(`?subject=${own.agent_id}`, other)).data).toEqual([]);
    expect((await call(server, 'POST', '/api/admin/tokens/introspect', { token: other, body: { token: token.access_token } })).body).toEqual({ active: false });
  });

  it('are for members only as far as they speak for them and their agents', async () => {
    const person = await addPerson(server, operator, 'member');
    const { accessToken } = await signIn(server, person);
    const own = await agent(accessToken);
    const token = await login(own);
    const foreign = await login(await agent());
    const seen = (await list('?limit=200', accessToken)).data;
    expect(new Set(seen.map(({ subject }) => subject))).toEqual(new Set([person.id, own.agent_id]));
    expect((await call(server, 'GET', `/api/admin/tokens/${foreign.token_id}`, { token: accessToken })).status).toBe(404);
    expect((await call(server, 'POST', `/api/admin/tokens/${foreign.token_id}/revoke`, { token: accessToken })).status).toBe(404);
    expect((await call(server, 'POST', '/api/admin/tokens/introspect', { token: accessToken, body: { token: foreign.access_token } })).body).toEqual({ active: false });
    expect((await call(server, 'POST', `/api/admin/tokens/${token.token_id}/revoke`, { token: accessToken })).body).toEqual({ token_id: token.token_id, revoked: 1 });
    expect((await call(server, 'GET', '/api/auth/me', { token: token.access_token })).status).toBe(401);
  });

  it('end together with what descends from them, which is marked when asked for', async () => {
    const token = await login(await agent());
    const { body: child } = await call<Token>(server, 'POST', '/api/auth/refresh', { token: token.access_token });
    const { body } = await call(server, 'POST', `/api/admin/tokens/${token.token_id}/revoke`, { token: operator, body: { revoke_children: true } });
    expect(body).toEqual({ token_id: token.token_id, revoked: 2 });
    expect((await call<Row>(server, 'GET', `/api/admin/tokens/${child.token_id}`, { token: operator })).body).toMatchObject({ active: false, inactive_because: 'token_revoked' });
    expect((await auditTrail(server.inside(DataSource))).findLast(({ type }) => type === 'token.revoked')).toMatchObject({ actor: { id: 'bootstrap' }, target: { id: token.token_id } });
    expect((await call(server, 'POST', `/api/admin/tokens/${token.token_id}/revoke`, { token: operator })).body).toMatchObject({ revoked: 0 });
  });

  it('are introspected by what they are, never by their id', async () => {
    const token = await login(await agent());
    const introspect = async (value: string) => (await call(server, 'POST', '/api/admin/tokens/introspect', { token: operator, body: { token: value } })).body;
    expect(await introspect(token.access_token)).toMatchObject({ active: true, jti: token.token_id, scope: 'agents:read', iss: server.issuer });
    expect(await introspect(token.token_id)).toEqual({ active: false });
    expect(await introspect(`${token.access_token.slice(0, -4)}AAAA`)).toEqual({ active: false });
    await call(server, 'POST', `/api/admin/tokens/${token.token_id}/revoke`, { token: operator });
    expect(await introspect(token.access_token)).toEqual({ active: false, inactive_because: 'token_revoked' });
  });

  it('include opaque ones, which are introspected just so', async () => {
    await server.inside(DataSource).query(`UPDATE resources SET token_format = 'opaque' WHERE organization_id IS NULL`);
    await new Promise((resolve) => { setTimeout(resolve, 1100); });
    try {
      const token = await login(await agent());
      expect(token.access_token).not.toContain('.');
      expect((await call(server, 'POST', '/api/admin/tokens/introspect', { token: operator, body: { token: token.access_token } })).body).toMatchObject({ active: true, jti: token.token_id });
      expect((await call(server, 'GET', `/api/admin/tokens/${token.token_id}`, { token: operator })).body).toMatchObject({ format: 'opaque', active: true });
    } finally {
      await server.inside(DataSource).query(`UPDATE resources SET token_format = 'jwt' WHERE organization_id IS NULL`);
      await new Promise((resolve) => { setTimeout(resolve, 1100); });
    }
  });
});

describe('what a person has agreed to', () => {
  async function agreed() {
    const { clientId } = await registerClient(server, {
      client_name: 'Diary', grant_types: ['authorization_code', 'refresh_token'], redirect_uris: [CALLBACK], token_endpoint_auth_method: 'none', scopes: ['openid', 'offline_access', 'agents:read'],
    });
    const person = await addPerson(server, operator, 'member');
    const tokens = await signIn(server, person, { client: { clientId, redirectUri: CALLBACK }, scope: 'openid offline_access agents:read' });
    const { accessToken: own } = await signIn(server, person);
    const { body } = await call<{ data: { id: string; client: { client_id: string; client_name: string }; scopes: unknown[] }[] }>(server, 'GET', '/api/users/me/consents', { token: own });
    return { clientId, tokens, own, consents: body.data };
  }

  it('is listed, and ends every token of the client when it is taken back', async () => {
    const { clientId, tokens, own, consents } = await agreed();
    const consent = consents.find(({ client }) => client.client_id === clientId)!;
    expect(consent).toMatchObject({
      client: { client_name: 'Diary' },
      scopes: [{ resource: null, scopes: ['openid'] }, { resource: `${server.issuer}/api`, scopes: ['agents:read'] }],
    });
    expect((await call(server, 'GET', '/api/auth/me', { token: tokens.accessToken })).status).toBe(200);
    expect((await call(server, 'DELETE', `/api/users/me/consents/${consent.id}`, { token: own })).status).toBe(204);
    expect((await call(server, 'GET', '/api/auth/me', { token: tokens.accessToken })).status).toBe(401);
    expect((await call(server, 'DELETE', `/api/users/me/consents/${consent.id}`, { token: own })).status).toBe(404);
    const { body } = await call<{ data: { id: string }[] }>(server, 'GET', '/api/users/me/consents', { token: own });
    expect(body.data.map(({ id }) => id)).not.toContain(consent.id);
  });

  it('is nobody else’s to see or to take back', async () => {
    const { consents } = await agreed();
    const { accessToken: other } = await signIn(server, await addPerson(server, operator, 'admin'));
    for (const id of [consents[0]!.id, 'nonsense']) {
      expect(await call(server, 'DELETE', `/api/users/me/consents/${id}`, { token: other })).toMatchObject({ status: 404, body: { code: 'consent_not_found' } });
    }
    expect(await call(server, 'GET', '/api/users/me/consents', { token: operator })).toMatchObject({ status: 403, body: { code: 'person_required' } });
  });

  it('ends when an administrator revokes a refresh token that stands on it', async () => {
    const { clientId, tokens } = await agreed();
    const { data } = await list(`?client_id=${clientId}`);
    const row = data.find(({ kind }) => kind === 'refresh_token')!;
    expect((await call(server, 'POST', `/api/admin/tokens/${row.token_id}/revoke`, { token: operator })).status).toBe(200);
    expect((await call(server, 'GET', '/api/auth/me', { token: tokens.accessToken })).status).toBe(401);
  });
});
