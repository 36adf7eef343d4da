import * as oauth from 'oauth4webapi';
import { DataSource } from 'typeorm';
import { bootstrapToken, call, introspect, post } from '../support/api.js';
import { startApplication, type TestApplication } from '../support/application.js';
import { CALLBACK, MACHINE_CLIENT, registerAgent, registerClient, WEB_CLIENT } from '../support/clients.js';
import { auditTrail } from '../support/directory.js';
import { authorize, firstPartyClient, signIn } from '../support/people.js';
import { ADMIN } from '../support/server.js';

const insecure = { [oauth.allowInsecureRequests]: true };

describe('revocation (RFC 7009)', () => {
  let server: TestApplication;
  let owner: [string, string];

  beforeAll(async () => {
    server = await startApplication();
    owner = await machine();
  });
  afterAll(() => server.stop());

  async function machine(metadata: Record<string, unknown> = {}): Promise<[string, string]> {
    const { clientId, clientSecret } = await registerClient(server, { ...MACHINE_CLIENT, ...metadata });
    return [clientId, clientSecret!];
  }

  async function tokenOf(basic: [string, string]): Promise<{ token: string; tokenId: string }> {
    const { body } = await post(server, '/api/oauth/token', { grant_type: 'client_credentials' }, { basic });
    return { token: String(body['access_token']), tokenId: String(body['token_id']) };
  }

  const revoke = (form: Record<string, string>, basic?: [string, string]) => post(server, '/api/oauth/revoke', form, { basic });
  const isActive = async (token: string) => (await introspect(server, token))['active'];
  const eventsOf = async (type: string) => (await auditTrail(server.inside(DataSource))).filter((event) => event['type'] === type);

  it('is understood by oauth4webapi, and ends the token at once', async () => {
    const as = await oauth.discoveryRequest(new URL(server.issuer), insecure).then((response) => oauth.processDiscoveryResponse(new URL(server.issuer), response));
    const { token, tokenId } = await tokenOf(owner);
    expect(await isActive(token)).toBe(true);
    await expect(oauth.processRevocationResponse(await oauth.revocationRequest(as, { client_id: owner[0] }, oauth.ClientSecretBasic(owner[1]), token, insecure))).resolves.toBeUndefined();
    expect(await isActive(token)).toBe(false);
    expect((await call(server, 'GET', '/api/agents', { token })).status).toBe(401);
    expect((await eventsOf('token.revoked')).at(-1)).toMatchObject({ token_id: tokenId, actor: { kind: 'client', id: owner[0] }, organization_id: expect.any(String) });
  });

  it('succeeds for a token that is ended already, and is recorded once', async () => {
    const { token } = await tokenOf(owner);
    const before = (await eventsOf('token.revoked')).length;
    for (let time = 0; time < 3; time += 1) expect(await revoke({ token }, owner)).toMatchObject({ status: 200, body: {} });
    expect(await eventsOf('token.revoked')).toHaveLength(before + 1);
  });

  it.each([['a JWT of somebody else', 'eyJhbGciOiJub25lIn0.e30.x'], ['dots', 'a.b.c'], ['an opaque text', 'x'.repeat(43)], ['a handle', '~handle'], ['NUL', '\0'], ['an endless text', 'x'.repeat(20_000)]])(
    'succeeds for what is no token of this server: %s', async (_name, token) => {
      expect(await revoke({ token }, owner)).toMatchObject({ status: 200 });
    });

  it('takes no bare id of a token', async () => {
    const { token, tokenId } = await tokenOf(owner);
    expect((await revoke({ token: tokenId }, owner)).status).toBe(200);
    expect(await isActive(token)).toBe(true);
  });

  it('is refused to another client, and on record; the token lives on', async () => {
    const stranger = await machine({ scopes: ['weather:read', 'tokens:read'] });
    const { token } = await tokenOf(owner);
    expect(await revoke({ token }, stranger)).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
    expect(await isActive(token)).toBe(true);
    expect((await eventsOf('revocation.refused')).at(-1)).toMatchObject({ outcome: 'refused', actor: { kind: 'client', id: stranger[0] } });
  });

  it('is given to a client that administers tokens of the organization', async () => {
    const { token } = await tokenOf(owner);
    expect((await revoke({ token }, await machine({ scopes: ['tokens:revoke'] }))).status).toBe(200);
    expect(await isActive(token)).toBe(false);
  });

  it('of a person’s refresh token is given to that one too, and refused to whoever administers nothing', async () => {
    const { accessToken, refreshToken } = await signIn(server, ADMIN);
    expect(await revoke({ token: refreshToken! }, await machine({ scopes: ['tokens:read'] }))).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
    expect(await isActive(accessToken)).toBe(true);
    const administrator = await machine({ scopes: ['tokens:revoke'] });
    expect((await revoke({ token: refreshToken! }, administrator)).status).toBe(200);
    expect([await isActive(accessToken), await isActive(refreshToken!)]).toEqual([false, false]);
    expect((await eventsOf('consent.revoked')).at(-1)).toMatchObject({ actor: { kind: 'client', id: administrator[0] }, organization_id: expect.any(String) });
  });

  it('lets a public client end its own tokens, and no others', async () => {
    const { accessToken } = await signIn(server, ADMIN);
    const { token } = await tokenOf(owner);
    const { clientId: client_id } = firstPartyClient(server);
    expect((await revoke({ token, client_id })).status).toBe(400);
    expect((await revoke({ token: accessToken, client_id })).status).toBe(200);
    expect([await isActive(token), await isActive(accessToken)]).toEqual([true, false]);
  });

  it.each<[string, [string, string] | undefined]>([['nobody', undefined], ['a wrong secret', ['bootstrap', 'x'.repeat(43)]]])('is refused to %s', async (_name, basic) => {
    const { token } = await tokenOf(owner);
    expect([400, 401]).toContain((await revoke({ token }, basic)).status);
    expect(await isActive(token)).toBe(true);
  });

  it('ends an opaque token', async () => {
    const admin = await bootstrapToken(server);
    const identifier = 'https://opaque-revoked.example/api';
    await call(server, 'POST', '/api/resources', { token: admin, body: { identifier, name: 'Opaque', scopes: ['weather:read'], token_format: 'opaque' } });
    const { body } = await post(server, '/api/oauth/token', { grant_type: 'client_credentials', resource: identifier }, { basic: owner });
    const token = String(body['access_token']);
    expect([token.includes('.'), await isActive(token)]).toEqual([false, true]);
    expect((await revoke({ token, token_type_hint: 'access_token' }, owner)).status).toBe(200);
    expect(await isActive(token)).toBe(false);
  });

  /** A token and what was renewed from it, twice. */
  async function lineage(): Promise<{ agent: [string, string]; tokens: string[]; ids: string[] }> {
    const { clientId, clientSecret } = await registerAgent(server);
    const { body } = await call(server, 'POST', '/api/auth/login', { body: { api_key: clientSecret } });
    const tokens = [String(body['access_token'])];
    for (let renewal = 0; renewal < 2; renewal += 1) tokens.push(String((await call(server, 'POST', '/api/auth/refresh', { token: tokens.at(-1), body: {} })).body['access_token']));
    const ids = tokens.map((token) => (JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString()) as { jti: string }).jti);
    expect(await Promise.all(tokens.map(isActive))).toEqual([true, true, true]);
    return { agent: [clientId, clientSecret], tokens, ids };
  }

  const marked = async (ids: readonly string[]) => {
    const rows = await server.inside(DataSource).query<{ token_id: string }[]>('SELECT token_id FROM tokens WHERE token_id = ANY ($1) AND revoked_at IS NOT NULL', [ids]);
    return ids.map((id) => rows.some(({ token_id }) => token_id === id));
  };

  it('ends all that descends from a token, though it marks the one alone', async () => {
    const { agent, tokens, ids } = await lineage();
    expect((await revoke({ token: tokens[1]! }, agent)).status).toBe(200);
    expect(await Promise.all(tokens.map(isActive))).toEqual([true, false, false]);
    expect(await marked(ids)).toEqual([false, true, false]);
  });

  it('marks all that descends from it as ended too with revoke_children, and says how many', async () => {
    const { agent, tokens, ids } = await lineage();
    expect((await revoke({ token: tokens[0]!, revoke_children: 'true' }, agent)).status).toBe(200);
    expect(await Promise.all(tokens.map(isActive))).toEqual([false, false, false]);
    expect(await marked(ids)).toEqual([true, true, true]);
    expect((await eventsOf('token.revoked')).at(-1)).toMatchObject({ token_id: ids[0], details: { ended: { tokens: 2 } } });
  });

  it('marks nothing beside and above it', async () => {
    const { agent, tokens, ids } = await lineage();
    const beside = await lineage();
    expect((await revoke({ token: tokens[1]!, revoke_children: 'true' }, agent)).status).toBe(200);
    expect([await marked(ids), await marked(beside.ids)]).toEqual([[false, true, true], [false, false, false]]);
    expect(await Promise.all([...tokens, ...beside.tokens].map(isActive))).toEqual([true, false, false, true, true, true]);
  });

  it('of a refresh token ends all that came from the same consent, on record; of an access token that one alone', async () => {
    const { clientId, clientSecret } = await registerClient(server, WEB_CLIENT);
    const basic: [string, string] = [clientId, clientSecret!];
    const tokens = async () => {
      const { callback, verifier } = await authorize(server, ADMIN, { clientId, redirectUri: CALLBACK }, 'openid agents:read');
      const { body } = await post(server, '/api/oauth/token', { grant_type: 'authorization_code', code: callback.searchParams.get('code')!, redirect_uri: CALLBACK, code_verifier: verifier }, { basic });
      return { access: String(body['access_token']), refresh: String(body['refresh_token']) };
    };
    const first = await tokens();
    const renewed = await post(server, '/api/oauth/token', { grant_type: 'refresh_token', refresh_token: first.refresh }, { basic });
    const apart = await tokens();
    await revoke({ token: first.access }, basic);
    expect(await Promise.all([first.access, String(renewed.body['access_token']), apart.access].map(isActive))).toEqual([false, true, true]);
    // The newest refresh token, under a wrong hint.
    expect((await revoke({ token: String(renewed.body['refresh_token']), token_type_hint: 'access_token' }, basic)).status).toBe(200);
    expect(await Promise.all([String(renewed.body['access_token']), apart.access].map(isActive))).toEqual([false, true]);
    for (const refresh_token of [first.refresh, String(renewed.body['refresh_token'])]) {
      expect((await post(server, '/api/oauth/token', { grant_type: 'refresh_token', refresh_token }, { basic })).body).toMatchObject({ error: 'invalid_grant' });
    }
    expect((await eventsOf('consent.revoked')).at(-1)).toMatchObject({ actor: { kind: 'client', id: clientId } });
  });

  it('wants one token, in the body', async () => {
    const { token } = await tokenOf(owner);
    expect(await revoke({}, owner)).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
    expect(await post(server, '/api/oauth/revoke', new URLSearchParams([['token', token], ['token', token]]), { basic: owner })).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
    expect((await post(server, `/api/oauth/revoke?token=${token}`, {}, { basic: owner })).status).toBe(400);
    expect(await isActive(token)).toBe(true);
  });
});
