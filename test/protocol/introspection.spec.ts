import * as oauth from 'oauth4webapi';
import { DataSource } from 'typeorm';
import { bootstrapToken, call, introspect, post } from '../support/api.js';
import { startApplication, type TestApplication } from '../support/application.js';
import { CALLBACK, MACHINE_CLIENT, registerClient } from '../support/clients.js';
import { auditTrail } from '../support/directory.js';
import { addPerson, authorize, firstPartyClient, signIn } from '../support/people.js';
import { ADMIN } from '../support/server.js';

const API = 'https://introspected.example/api';
const insecure = { [oauth.allowInsecureRequests]: true };

describe('introspection (RFC 7662)', () => {
  let server: TestApplication;
  let admin: string;
  /** Of a client with tokens for our API and for one of its own. */
  let owner: [string, string];

  beforeAll(async () => {
    server = await startApplication();
    admin = await bootstrapToken(server);
    await call(server, 'POST', '/api/scopes', { token: admin, body: { name: 'introspected:read', description: 'Read.' } });
    await call(server, 'POST', '/api/resources', { token: admin, body: { identifier: API, name: 'An API', scopes: ['introspected:read'] } });
    owner = await machine({ scopes: ['weather:read', 'introspected:read'] });
  });
  afterAll(() => server.stop());

  async function machine(metadata: Record<string, unknown>): Promise<[string, string]> {
    const { clientId, clientSecret } = await registerClient(server, { ...MACHINE_CLIENT, ...metadata });
    return [clientId, clientSecret!];
  }

  async function tokenOf(basic: [string, string], form: Record<string, string> = {}): Promise<{ token: string; tokenId: string }> {
    const { status, body } = await post(server, '/api/oauth/token', { grant_type: 'client_credentials', ...form }, { basic });
    if (status !== 200) throw new Error(JSON.stringify(body));
    return { token: String(body['access_token']), tokenId: String(body['token_id']) };
  }

  const ask = (token: string, basic: [string, string]) => post(server, '/api/oauth/introspect', { token }, { basic });
  const refusals = async () => (await auditTrail(server.inside(DataSource))).filter(({ type }) => type === 'introspection.refused');

  it('is understood by oauth4webapi, and tells a client all about its own token', async () => {
    const as = await oauth.discoveryRequest(new URL(server.issuer), insecure).then((response) => oauth.processDiscoveryResponse(new URL(server.issuer), response));
    const client: oauth.Client = { client_id: owner[0] };
    const { token, tokenId } = await tokenOf(owner, { resource: API });
    const response = await oauth.introspectionRequest(as, client, oauth.ClientSecretBasic(owner[1]), token, insecure);
    expect(response.headers.get('cache-control')).toContain('no-store');
    expect(await oauth.processIntrospectionResponse(as, client, response)).toMatchObject({
      active: true, client_id: owner[0], sub: owner[0], aud: API, iss: server.issuer, scope: 'introspected:read', token_type: 'Bearer', jti: tokenId, token_id: tokenId,
      iat: expect.any(Number), exp: expect.any(Number), tenant_id: expect.any(String), task_id: expect.any(String),
    });
  });

  it('says of a JWT what the JWT says', async () => {
    const { token } = await tokenOf(owner);
    const { status: _elsewhere, ...claims } = JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString()) as Record<string, unknown>;
    expect((await ask(token, owner)).body).toEqual({ ...claims, active: true, token_type: 'Bearer' });
  });

  it('tells the resource server that a token is meant for, and no other one', async () => {
    const [served, other] = [await machine({ served_resources: [API] }), await machine({ served_resources: [`${server.issuer}/api`] })];
    const { token } = await tokenOf(owner, { resource: API });
    expect((await ask(token, served)).body).toMatchObject({ active: true, aud: API });
    expect((await ask(token, other)).body).toEqual({ active: false });
  });

  it('tells a client that administers tokens of the organization', async () => {
    const { token } = await tokenOf(owner);
    expect((await ask(token, await machine({ scopes: ['tokens:read'] }))).body).toMatchObject({ active: true });
    expect((await ask(token, ['bootstrap', server.clientSecret])).body).toMatchObject({ active: true });
  });

  it('tells nobody else more than that the token is inactive, and puts the question on record', async () => {
    const stranger = await machine({ scopes: ['weather:read', 'introspected:read', 'tokens:revoke'] });
    const { token } = await tokenOf(owner, { resource: API });
    const before = (await refusals()).length;
    expect((await ask(token, stranger)).body).toEqual({ active: false });
    const after = await refusals();
    expect(after).toHaveLength(before + 1);
    expect(after.at(-1)).toMatchObject({ outcome: 'refused', actor: { kind: 'client', id: stranger[0] }, reason: 'access_denied', organization_id: expect.any(String) });
    expect(JSON.stringify(after.at(-1))).not.toContain(token);
  });

  it('tells nobody of another organization, whatever they administer or serve there', async () => {
    const person = await addPerson(server, admin, 'member');
    const elsewhere = await call(server, 'POST', '/api/organizations', { token: await signIn(server, ADMIN).then(({ accessToken }) => accessToken), body: { name: 'Elsewhere', owner_user_id: person.id } });
    expect(elsewhere.status).toBe(201);
    const { accessToken } = await signIn(server, person);
    await call(server, 'POST', `/api/organizations/${String(elsewhere.body['id'])}/switch`, { token: accessToken });
    const { accessToken: there } = await signIn(server, person);
    // The identifier was theirs once, and their client still says that it serves it.
    const handedOver = { identifier: 'https://handed-over.example/api', name: 'Handed over', scopes: ['agents:read'] };
    const theirs = await call(server, 'POST', '/api/resources', { token: there, body: handedOver });
    const { status, body } = await call(server, 'POST', '/api/admin/clients/register', {
      token: there, body: { client_name: 'administrator there', grant_types: ['client_credentials'], scopes: ['tokens:read', 'tokens:revoke'], served_resources: [handedOver.identifier, `${server.issuer}/api`] },
    });
    expect(status).toBe(201);
    expect((await call(server, 'DELETE', `/api/resources/${String(theirs.body['id'])}`, { token: there })).status).toBe(204);
    expect((await call(server, 'POST', '/api/resources', { token: admin, body: { ...handedOver, scopes: ['introspected:read'] } })).status).toBe(201);
    const foreigner: [string, string] = [String(body['client_id']), String(body['client_secret'])];
    for (const resource of [`${server.issuer}/api`, handedOver.identifier]) expect((await ask((await tokenOf(owner, { resource })).token, foreigner)).body).toEqual({ active: false });
    // And what is issued there is nobody's business here.
    const { token } = await tokenOf(foreigner);
    expect((await ask(token, foreigner)).body).toMatchObject({ active: true });
    expect(await introspect(server, token)).toEqual({ active: false });
  });

  it('tells a public client nothing: it cannot prove that it is the one', async () => {
    const { accessToken, refreshToken } = await signIn(server, ADMIN);
    for (const token of [accessToken, refreshToken!]) {
      const { body } = await post(server, '/api/oauth/introspect', { token, client_id: firstPartyClient(server).clientId });
      expect(body['active']).not.toBe(true);
    }
    expect((await refusals()).at(-1)).toMatchObject({ actor: { id: 'swagger-ui' } });
  });

  it.each<[string, { basic?: [string, string] }]>([['nobody', {}], ['a wrong secret', { basic: ['bootstrap', 'x'.repeat(43)] }], ['an unknown client', { basic: ['nobody', 'x'.repeat(43)] }]])('answers %s with an error', async (_name, options) => {
    const { token } = await tokenOf(owner);
    const { status, body, headers } = await post(server, '/api/oauth/introspect', { token }, { ...options, headers: { accept: 'text/html' } });
    expect([400, 401]).toContain(status);
    expect(body).toMatchObject({ error: options.basic ? 'invalid_client' : 'invalid_request' });
    expect(body).not.toHaveProperty('active');
    expect(headers.get('content-type')).toContain('application/json');
  });

  it('takes opaque tokens, and knows a refresh token until it is used, for its own client and one that administers tokens of the organization', async () => {
    const opaque = 'https://opaque-introspected.example/api';
    await call(server, 'POST', '/api/resources', { token: admin, body: { identifier: opaque, name: 'Opaque', scopes: ['introspected:read'], token_format: 'opaque' } });
    const { token, tokenId } = await tokenOf(owner, { resource: opaque });
    expect(token).toMatch(/^[\w-]{43}$/);
    expect((await ask(token, owner)).body).toMatchObject({ active: true, aud: opaque, token_id: tokenId, scope: 'introspected:read' });
    expect((await ask(`${token.slice(0, -1)}${token.endsWith('A') ? 'B' : 'A'}`, owner)).body).toEqual({ active: false });

    const web = await registerClient(server, { grant_types: ['authorization_code', 'refresh_token'], redirect_uris: [CALLBACK], scopes: ['openid', 'agents:read'], token_endpoint_auth_method: 'client_secret_post' });
    const asClient = { client_id: web.clientId, client_secret: web.clientSecret! };
    const refreshToken = await refreshTokenOf(asClient);
    const first = await post(server, '/api/oauth/introspect', { token: refreshToken, ...asClient });
    expect(first.body).toMatchObject({ active: true, client_id: web.clientId });
    for (const stranger of [owner, await machine({ scopes: ['tokens:revoke'] }), await machine({ scopes: ['agents:read'], served_resources: [`${server.issuer}/api`] })]) {
      expect((await ask(refreshToken, stranger)).body).toEqual({ active: false });
    }
    expect((await ask(refreshToken, await machine({ scopes: ['tokens:read'] }))).body).toMatchObject({ active: true, client_id: web.clientId, scope: 'openid agents:read' });
    const renewed = await post(server, '/api/oauth/token', { grant_type: 'refresh_token', refresh_token: refreshToken, ...asClient });
    expect(renewed.status).toBe(200);
    expect((await post(server, '/api/oauth/introspect', { token: refreshToken, ...asClient })).body).toEqual({ active: false });
    expect((await post(server, '/api/oauth/introspect', { token: String(renewed.body['refresh_token']), ...asClient })).body).toMatchObject({ active: true });
  });

  async function refreshTokenOf(client: { client_id: string; client_secret: string }): Promise<string> {
    const application = { clientId: client.client_id, redirectUri: CALLBACK };
    const { callback, verifier } = await authorize(server, ADMIN, application, 'openid agents:read');
    const { body } = await post(server, '/api/oauth/token', {
      grant_type: 'authorization_code', code: callback.searchParams.get('code')!, redirect_uri: application.redirectUri, code_verifier: verifier, ...client,
    });
    return String(body['refresh_token']);
  }

  it('is not led astray by a wrong hint, another case of the path, a trailing slash or a query', async () => {
    const { token } = await tokenOf(owner);
    expect((await post(server, '/api/oauth/introspect', { token, token_type_hint: 'refresh_token' }, { basic: owner })).body).toMatchObject({ active: true });
    for (const path of ['/API/OAuth/Introspect', '/api/oauth/introspect/', '/api/oauth/introspect?x=1']) {
      expect({ path, ...(await post(server, path, { token }, { basic: owner })).body }).toMatchObject({ path, active: true });
    }
  });

  it('wants exactly one token, in the body', async () => {
    const { token } = await tokenOf(owner);
    const twice = new URLSearchParams([['token', token], ['token', token]]);
    expect(await post(server, '/api/oauth/introspect', twice, { basic: owner })).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
    expect(await post(server, `/api/oauth/introspect?token=${token}`, {}, { basic: owner })).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
    expect(await post(server, '/api/oauth/introspect', { token: '' }, { basic: owner })).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
  });

  it.each([
    ['a letter', 'a'], ['a handle of ours', '~'], ['a whole handle', `~${'x'.repeat(36)}`], ['NUL', '\0'], ['an emoji', 'é😀'], ['dots', '..'], ['too few parts', 'a.b'],
    ['too many parts', 'a.b.c.d.e'], ['endless', 'x'.repeat(20_000)],
  ])('calls what is no token inactive: %s', async (_name, token) => {
    expect(await ask(token, owner)).toMatchObject({ status: 200, body: { active: false } });
  });
});
