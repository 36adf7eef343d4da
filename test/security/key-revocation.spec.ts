import * as jose from 'jose';
import { bootstrapToken, call, introspect, post } from '../support/api.js';
import { CALLBACK, registerClient } from '../support/clients.js';
import { CodeFlow } from '../support/code-flow.js';
import { addPerson, signIn, type TestPerson } from '../support/people.js';
import { ADMIN, startServer, type TestServer } from '../support/server.js';
import { report } from '../support/stored-facts.js';

const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const OPAQUE = 'https://opaque.example/api';
const JWKS_MAX_AGE = 3;

const pause = (milliseconds: number) => new Promise<void>((resolve) => { setTimeout(resolve, milliseconds); });

/** A resource server that keeps the key set for as long as it may (RFC 9111), and fetches it then. */
class CachingVerifier {
  private keys?: ReturnType<typeof jose.createLocalJWKSet>;
  private expiresAt = 0;

  constructor(private readonly node: TestServer) {}

  async takes(token: string): Promise<boolean> {
    if (performance.now() >= this.expiresAt) {
      const asked = performance.now();
      const response = await fetch(`${this.node.issuer}/api/.well-known/jwks.json`);
      this.keys = jose.createLocalJWKSet(await response.json() as jose.JSONWebKeySet);
      this.expiresAt = asked + Number(/max-age=(\d+)/.exec(response.headers.get('cache-control') ?? '')![1]) * 1000;
    }
    return jose.jwtVerify(token, this.keys!, { typ: 'at+jwt' }).then(() => true, () => false);
  }
}

/** On PostgreSQL the key is withdrawn on one node, and another has to hear of it; the embedded database belongs to one. */
describe('a signing key that is withdrawn in an emergency', () => {
  let nodes: TestServer[];
  let server: TestServer;
  let other: TestServer;
  let client: { id: string; basic: [string, string] };
  let person: TestPerson;
  let web: { clientId: string; redirectUri: string };

  beforeAll(async () => {
    server = await startServer({ environment: { LEGATE_JWKS_MAX_AGE: String(JWKS_MAX_AGE) } });
    nodes = process.env['TEST_DATABASE_URL'] ? [server, await startServer({ beside: server })] : [server];
    other = nodes.at(-1)!;
    const admin = await bootstrapToken(server);
    await call(server, 'POST', '/api/resources', { token: admin, body: { identifier: OPAQUE, name: 'Opaque', scopes: ['agents:read'], token_format: 'opaque' } });
    const { clientId, clientSecret } = await registerClient(server, { grant_types: ['client_credentials', EXCHANGE], scopes: ['agents:read'] });
    client = { id: clientId, basic: [clientId, clientSecret!] };
    const application = await registerClient(server, {
      grant_types: ['authorization_code', 'refresh_token'], redirect_uris: [CALLBACK], token_endpoint_auth_method: 'none', scopes: ['openid', 'offline_access', 'agents:read'],
    });
    web = { clientId: application.clientId, redirectUri: CALLBACK };
    person = await addPerson(server, admin, 'member', 'keyholder');
    // Which key signed what is known of resources that have not been changed for five seconds before.
    await pause(6000);
  });

  afterAll(async () => {
    for (const node of [...nodes].reverse()) await node.stop();
  });

  const get = async (node: TestServer, form: Record<string, string> = {}) => {
    const { status, body } = await post(node, '/api/oauth/token', { grant_type: 'client_credentials', ...form }, { basic: client.basic });
    return status === 200 ? String(body['access_token']) : `${status} ${JSON.stringify(body)}`;
  };
  const exchange = (node: TestServer, subject: string, form: Record<string, string> = {}) =>
    post(node, '/api/oauth/token', { grant_type: EXCHANGE, subject_token: subject, subject_token_type: 'urn:ietf:params:oauth:token-type:access_token', ...form }, { basic: client.basic });
  const kids = async (node: TestServer) => (await call<{ keys: { kid: string }[] }>(node, 'GET', '/api/.well-known/jwks.json')).body.keys.map(({ kid }) => kid);
  const kidOf = (token: string) => jose.decodeProtectedHeader(token).kid!;

  /** What the node's own checks say of a token: the guard, introspection, exchange, userinfo, and whether it can be presented as a parent. */
  async function taken(node: TestServer, token: string, ofPerson: string): Promise<boolean[]> {
    return [
      (await call(node, 'GET', '/api/auth/me', { token })).status === 200,
      (await introspect(node, token))['active'] === true,
      (await exchange(node, token)).status === 200,
      (await call(node, 'GET', '/api/oauth/userinfo', { token: ofPerson })).status === 200,
      !(await get(node, { parent_token: token })).startsWith('4'),
      (await call(node, 'POST', '/api/oauth/verify', { token: await bootstrapToken(node), body: { token } })).status === 200,
    ];
  }
  const ALL = Array.from({ length: 6 }, () => true);
  const NONE = ALL.map(() => false);

  it('is gone from the key set at once, another signs, and no node takes anything it signed', async () => {
    const flow = new CodeFlow(server, web, person, 'openid offline_access agents:read');
    const tokens = await flow.tokens();
    const token = await get(server);
    const { body: below } = await exchange(server, token, { resource: OPAQUE });
    const opaque = await get(server, { resource: OPAQUE });
    const kid = kidOf(token);
    const verifier = new CachingVerifier(server);
    expect(await verifier.takes(token)).toBe(true);
    for (const node of nodes) expect(await taken(node, token, tokens.accessToken)).toEqual(ALL);

    const admin = await bootstrapToken(server);
    const seen = await call<{ counts: Record<string, number> }>(server, 'POST', `/api/admin/keys/${kid}/revoke/preview`, { token: admin });
    // The verifier, and what looked at it, got some more for themselves.
    expect(seen).toMatchObject({ status: 200, body: { counts: { refresh_tokens: 0, consents: 0, sessions: 0 } } });
    expect(await kids(server)).toContain(kid);
    const revoked = await call<{ replaced_by: string; ended: { counts: object }; since_preview: object }>(other, 'POST', `/api/admin/keys/${kid}/revoke`, {
      token: admin, body: { reason: 'A copy of it was found.', previewed: seen.body.counts },
    });
    const answered = performance.now();
    expect(revoked).toMatchObject({ status: 200, body: { kid, ended: { counts: seen.body.counts } } });
    expect(Object.values(revoked.body.since_preview).every((difference) => difference === 0)).toBe(true);

    // Where it was withdrawn there is nothing to wait for.
    expect(await kids(other)).not.toContain(kid);
    expect(kidOf(await get(other))).toBe(revoked.body.replaced_by);
    expect(await taken(other, token, tokens.accessToken)).toEqual(NONE);
    for (const node of nodes) {
      while ((await kids(node)).includes(kid)) await pause(5);
      expect(await taken(node, token, tokens.accessToken)).toEqual(NONE);
      expect(kidOf(await get(node))).toBe(revoked.body.replaced_by);
      expect(await kids(node)).toContain(revoked.body.replaced_by);
    }
    report(`a withdrawn key on ${nodes.length} node(s): the last one knew ${(performance.now() - answered).toFixed(0)} ms after the answer, checks included`);

    // What was exchanged for it has ended, though no key signed that; what has nothing to do with it goes on.
    expect((await introspect(server, String(below['access_token'])))['active']).toBe(false);
    expect((await introspect(server, opaque))['active']).toBe(true);
    expect((await flow.refresh(tokens.refreshToken)).status).toBe(200);

    // A verifier that keeps the key set goes on taking it until its copy expires, and no longer.
    await expect.poll(() => verifier.takes(token), { timeout: JWKS_MAX_AGE * 1000 + 60_000 }).toBe(false);
    expect(await verifier.takes(await get(server))).toBe(true);

    const { body: events } = await call<{ data: { type: string; actor: object; details: object }[] }>(server, 'GET', `/api/admin/audit/logs?organization=all&type=key.revoked`, { token: (await signIn(server, ADMIN)).accessToken });
    expect(events.data).toMatchObject([{ type: 'key.revoked', actor: { id: 'bootstrap' }, target: { id: kid }, details: { replaced_by: revoked.body.replaced_by, because: 'A copy of it was found.', ended: { tokens: seen.body.counts['tokens'], consents: 0 } } }]);
    expect(await call(server, 'POST', `/api/admin/keys/${kid}/revoke`, { token: await bootstrapToken(server), body: { reason: 'Again.' } })).toMatchObject({ status: 404, body: { code: 'signing_key_not_found' } });
  });

  it('takes nothing along that another key signed, and vouches for no ID token any more', async () => {
    const flow = new CodeFlow(server, web, person, 'openid offline_access agents:read');
    const { body } = await flow.redeem(await flow.code());
    const idToken = String(body['id_token']);
    const token = await get(server);
    const kid = kidOf(idToken);
    expect(kid).not.toBe(kidOf(token));
    const signOut = (node: TestServer) => call(node, 'GET', `/api/oauth/logout?${new URLSearchParams({ id_token_hint: idToken }).toString()}`);
    for (const node of nodes) expect((await signOut(node)).status).toBe(200);
    const revoked = await call<{ ended: { counts: { tokens: number } } }>(other, 'POST', `/api/admin/keys/${kid}/revoke`, { token: await bootstrapToken(server), body: { reason: 'A copy of it was found.' } });
    expect(revoked).toMatchObject({ status: 200, body: { ended: { counts: { tokens: 0 } } } });
    expect((await signOut(other)).status).toBe(400);
    for (const node of nodes) {
      while ((await kids(node)).includes(kid)) await pause(5);
      await expect.poll(async () => (await signOut(node)).status).toBe(400);
      expect((await call(node, 'GET', '/api/auth/me', { token })).status).toBe(200);
    }
  });
});
