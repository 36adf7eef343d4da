import * as jose from 'jose';
import * as oauth from 'oauth4webapi';
import { bootstrapToken, call, introspect, post } from '../support/api.js';
import { startApplication, type TestApplication } from '../support/application.js';
import { MACHINE_CLIENT, registerAgent, registerClient } from '../support/clients.js';

describe('the client credentials grant (RFC 6749 section 4.4)', () => {
  let server: TestApplication;
  let as: oauth.AuthorizationServer;

  beforeAll(async () => {
    server = await startApplication();
    as = await oauth.discoveryRequest(new URL(server.issuer), { [oauth.allowInsecureRequests]: true })
      .then((response) => oauth.processDiscoveryResponse(new URL(server.issuer), response));
  });

  afterAll(() => server.stop());

  const ask = (form: Record<string, string>, basic: [string, string] = ['bootstrap', server.clientSecret]) =>
    post(server, '/api/oauth/token', { grant_type: 'client_credentials', ...form }, { basic });

  it('gives an agent an RFC 9068 token that jose verifies with the published keys', async () => {
    const agent = await registerAgent(server, { agent_type: 'assistant', agent_model: 'm-1', agent_provider: 'example' });
    const client: oauth.Client = { client_id: agent.clientId };
    const response = await oauth.clientCredentialsGrantRequest(as, client, oauth.ClientSecretBasic(agent.clientSecret), new URLSearchParams({ scope: 'weather:read' }), { [oauth.allowInsecureRequests]: true });
    const result = await oauth.processClientCredentialsResponse(as, client, response);
    const { payload, protectedHeader } = await jose.jwtVerify(result.access_token, jose.createRemoteJWKSet(new URL(as.jwks_uri!)), { issuer: server.issuer, audience: `${server.issuer}/api`, typ: 'at+jwt' });
    expect(protectedHeader).toMatchObject({ alg: 'ES256', typ: 'at+jwt' });
    expect(payload).toMatchObject({
      sub: agent.clientId, client_id: agent.clientId, scope: 'weather:read', role: 'agent', agent_type: 'assistant', agent_model: 'm-1', agent_provider: 'example',
      jti: result['token_id'], token_id: result['token_id'], task_id: result['task_id'],
    });
    expect(payload['tenant_id']).toEqual(expect.any(String));
    expect(result.refresh_token).toBeUndefined();
  });

  it('gives the default scopes when none is asked for, and says which', async () => {
    const client = await registerClient(server, { ...MACHINE_CLIENT, default_scopes: ['weather:read'] });
    const { status, body, headers } = await ask({}, [client.clientId, client.clientSecret!]);
    expect(status).toBe(200);
    expect(body).toMatchObject({ scope: 'weather:read', token_type: 'Bearer', expires_in: 600 });
    expect(headers.get('cache-control')).toContain('no-store');
  });

  it('refuses a scope beyond what the client may have, and drops nothing in silence', async () => {
    const client = await registerClient(server, MACHINE_CLIENT);
    const { status, body } = await ask({ scope: 'agents:read users:write' }, [client.clientId, client.clientSecret!]);
    expect({ status, error: body['error'] }).toEqual({ status: 400, error: 'invalid_scope' });
  });

  it('refuses an unknown resource with invalid_target', async () => {
    const { status, body } = await ask({ resource: 'https://elsewhere.example' });
    expect({ status, error: body['error'] }).toEqual({ status: 400, error: 'invalid_target' });
  });

  it('takes the secret of a client in the header or in the body, but not both at once', async () => {
    const form = { grant_type: 'client_credentials', client_id: 'bootstrap', client_secret: server.clientSecret };
    expect((await post(server, '/api/oauth/token', form)).status).toBe(200);
    expect((await post(server, '/api/oauth/token', { ...form, client_secret: 'wrong' })).status).toBe(401);
    expect((await post(server, '/api/oauth/token', form, { basic: ['bootstrap', server.clientSecret] })).status).toBe(400);
  });

  it('answers an unknown client and a wrong secret alike', async () => {
    const wrong = await ask({}, ['bootstrap', 'x'.repeat(43)]);
    const unknown = await ask({}, ['nobody', 'x'.repeat(43)]);
    expect(wrong.status).toBe(401);
    expect({ status: unknown.status, body: unknown.body }).toEqual({ status: wrong.status, body: wrong.body });
    expect(wrong.body['error']).toBe('invalid_client');
  });

  it('answers errors as JSON even to who accepts HTML', async () => {
    const { status, headers, body } = await post(server, '/api/oauth/token', { grant_type: 'password' }, { basic: ['bootstrap', server.clientSecret], headers: { accept: 'text/html' } });
    expect(status).toBe(400);
    expect(headers.get('content-type')).toContain('application/json');
    expect(body['error']).toBe('unsupported_grant_type');
  });

  it('issues opaque tokens for a resource that asks for them, which introspect like any other', async () => {
    const identifier = 'https://opaque.example/api';
    const admin = await bootstrapToken(server);
    expect((await call(server, 'POST', '/api/scopes', { token: admin, body: { name: 'things:read', description: 'Read things.' } })).status).toBe(201);
    const created = await call(server, 'POST', '/api/resources', { token: admin, body: { identifier, name: 'Opaque API', scopes: ['things:read'], token_format: 'opaque', access_token_ttl: 120 } });
    expect(created.status).toBe(201);
    const client = await call<{ client_id: string; client_secret: string }>(server, 'POST', '/api/admin/clients/register', {
      token: admin, body: { client_name: 'reader of things', grant_types: ['client_credentials'], scopes: ['things:read'], served_resources: [identifier] },
    });
    expect(client.status).toBe(201);
    const { body } = await ask({ resource: identifier }, [client.body.client_id, client.body.client_secret]);
    expect(String(body['access_token']).split('.')).toHaveLength(1);
    expect(body).toMatchObject({ expires_in: 120, scope: 'things:read' });
    expect(await introspect(server, String(body['access_token']))).toMatchObject({ active: true, aud: identifier, scope: 'things:read', client_id: client.body.client_id });
  });

  it('lets an overlapping second secret work beside the first, and ends a retired one at once', async () => {
    const client = await registerClient(server, MACHINE_CLIENT);
    const admin = await bootstrapToken(server);
    const added = await call<{ id: string; client_secret: string }>(server, 'POST', `/api/clients/${client.clientId}/secrets`, { token: admin, body: { label: 'next' } });
    expect(added.status).toBe(201);
    expect((await ask({}, [client.clientId, client.clientSecret!])).status).toBe(200);
    expect((await ask({}, [client.clientId, added.body.client_secret])).status).toBe(200);
    const secrets = await call<{ data: { id: string; label: string | null }[] }>(server, 'GET', `/api/clients/${client.clientId}/secrets`, { token: admin });
    const first = secrets.body.data.find(({ label }) => label !== 'next')!;
    expect((await call(server, 'DELETE', `/api/clients/${client.clientId}/secrets/${first.id}`, { token: admin })).status).toBe(204);
    expect((await ask({}, [client.clientId, client.clientSecret!])).status).toBe(401);
    expect((await ask({}, [client.clientId, added.body.client_secret])).status).toBe(200);
  });

  it('gives a suspended agent nothing, ends its tokens at once, and lets it go on when it is resumed', async () => {
    const agent = await registerAgent(server);
    const { body } = await ask({}, [agent.clientId, agent.clientSecret]);
    const admin = await bootstrapToken(server);
    expect((await call(server, 'POST', `/api/agents/${agent.clientId}/suspend`, { token: admin })).status).toBe(200);
    expect((await introspect(server, String(body['access_token'])))['active']).toBe(false);
    expect((await ask({}, [agent.clientId, agent.clientSecret])).status).toBe(401);
    expect((await call(server, 'POST', `/api/agents/${agent.clientId}/resume`, { token: admin })).status).toBe(200);
    expect((await ask({}, [agent.clientId, agent.clientSecret])).status).toBe(200);
  });
});
