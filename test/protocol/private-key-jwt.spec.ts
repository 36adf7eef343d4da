import { createHash } from 'node:crypto';
import { exportJWK, exportSPKI, generateKeyPair, importJWK, type CryptoKey } from 'jose';
import * as client from 'openid-client';
import { introspect, post } from '../support/api.js';
import { startApplication, type TestApplication } from '../support/application.js';
import { clientAssertion, presenting, registerKeyClient, type KeyClient } from '../support/assertions.js';

const DAY = 86_400;
const now = () => Math.floor(Date.now() / 1000);

describe('clients that prove themselves with a key (RFC 7523 section 2.2)', () => {
  let server: TestApplication;
  let registered: KeyClient;

  beforeAll(async () => {
    server = await startApplication();
    registered = await registerKeyClient(server);
  });
  afterAll(() => server.stop());

  const ask = (assertion: string, more: Record<string, string> = {}) =>
    post(server, '/api/oauth/token', { grant_type: 'client_credentials', ...presenting(assertion), ...more });
  const make = (changes: Parameters<typeof clientAssertion>[2] = {}) => clientAssertion(server, registered, changes);

  it('get tokens through openid-client', async () => {
    const config = await client.discovery(new URL(server.issuer), registered.clientId, undefined, client.PrivateKeyJwt(registered.privateKey), { execute: [client.allowInsecureRequests] });
    const tokens = await client.clientCredentialsGrant(config, { scope: 'weather:read' });
    expect(await introspect(server, tokens.access_token)).toMatchObject({ active: true, client_id: registered.clientId });
  });

  it.each(['ES256', 'ES384', 'EdDSA', 'PS256', 'RS256'])('may sign with %s', async (alg) => {
    const own = await registerKeyClient(server, {}, alg);
    expect(await ask(await clientAssertion(server, own, { header: { alg } }))).toMatchObject({ status: 200 });
  });

  it('may say what the JWT is, and name themselves beside it', async () => {
    expect((await ask(await make({ header: { typ: 'client-authentication+jwt' } }), { client_id: registered.clientId })).status).toBe(200);
  });

  it('may have several keys, each of which works', async () => {
    const second = await generateKeyPair('RS256', { extractable: true });
    const several = await registerKeyClient(server, { jwks: { keys: [registered.publicJwk, { ...await exportJWK(second.publicKey), alg: 'RS256', use: 'sig', kid: 'two' }] } });
    expect((await ask(await clientAssertion(server, { ...several, privateKey: registered.privateKey }))).status).toBe(200);
    expect((await ask(await clientAssertion(server, several, { header: { alg: 'RS256', kid: 'two' }, key: second.privateKey }))).status).toBe(200);
    expect((await ask(await clientAssertion(server, several))).status).toBe(401);
  });

  it.each<[string, () => Promise<string>]>([
    ['made for the token endpoint', () => make({ claims: { aud: `${server.issuer}/api/oauth/token` } })],
    ['made for a list of audiences', () => make({ claims: { aud: [server.issuer, 'https://elsewhere.example'] } })],
    ['made for a list of the issuer alone', () => make({ claims: { aud: [server.issuer] } })],
    ['made for another server', () => make({ claims: { aud: 'https://elsewhere.example' } })],
    ['made for nobody', () => make({ claims: { aud: undefined } })],
    ['that never ends', () => make({ claims: { exp: undefined } })],
    ['that lives for a day', () => make({ claims: { exp: now() + DAY } })],
    ['that lives for a day and does not say since when', () => make({ claims: { iat: undefined, exp: now() + DAY } })],
    ['made tomorrow', () => make({ claims: { iat: now() + DAY, exp: now() + DAY + 60 } })],
    ['that is not valid yet', () => make({ claims: { nbf: now() + 3600 } })],
    ['that has expired', () => make({ claims: { iat: now() - 120, exp: now() - 60 } })],
    ['without an id', () => make({ claims: { jti: undefined } })],
    ['without an issuer', () => make({ claims: { iss: undefined } })],
    ['of another issuer', () => make({ claims: { iss: 'bootstrap' } })],
    ['about nobody', () => make({ claims: { sub: undefined } })],
    ['about another client', () => make({ claims: { sub: 'bootstrap' } })],
    ['of another kind, a request object', () => make({ header: { typ: 'oauth-authz-req+jwt' } })],
    ['signed with another client\'s key', async () => make({ key: (await registerKeyClient(server)).privateKey })],
    ['signed with a key that it brings along', async () => {
      const own = await generateKeyPair('ES256', { extractable: true });
      return make({ key: own.privateKey, header: { jwk: await exportJWK(own.publicKey) } });
    }],
    ['signed with the public key as a shared secret', async () => make({
      header: { alg: 'HS256' }, key: Buffer.from(await exportSPKI(await importJWK(registered.publicJwk, 'ES256', { extractable: true }) as CryptoKey)),
    })],
    ['that is not signed', async () => {
      const [, payload] = (await make()).split('.');
      return `${Buffer.from(JSON.stringify({ alg: 'none' })).toString('base64url')}.${payload}.`;
    }],
    ['whose claims were changed after signing', async () => {
      const [header, payload, signature] = (await make()).split('.');
      const claims = { ...JSON.parse(Buffer.from(payload!, 'base64url').toString()) as object, jti: 'another' };
      return [header, Buffer.from(JSON.stringify(claims)).toString('base64url'), signature].join('.');
    }],
  ])('are not believed with an assertion %s', async (_name, assertion) => {
    const { status, body, headers } = await ask(await assertion());
    expect({ status, error: body['error'] }).toEqual({ status: 401, error: 'invalid_client' });
    expect(headers.get('content-type')).toContain('application/json');
    expect(body).not.toHaveProperty('access_token');
  });

  it.each(['not a jwt', '', 'a.b.c', `${Buffer.from('{"alg":"ES256"}').toString('base64url')}.bnVsbA.AAAA`])('are told that %j is no assertion', async (text) => {
    const { status, body } = await ask(text);
    expect({ status, error: body['error'] }).toEqual({ status: 400, error: 'invalid_request' });
  });

  it('are not believed with a secret instead, nor with two proofs at once', async () => {
    const assertion = await make();
    expect((await post(server, '/api/oauth/token', { grant_type: 'client_credentials' }, { basic: [registered.clientId, createHash('sha256').digest('hex')] })).status).toBe(401);
    const both = await post(server, '/api/oauth/token', { grant_type: 'client_credentials', ...presenting(assertion) }, { basic: [registered.clientId, 'x'.repeat(43)] });
    expect(both.status).toBeGreaterThanOrEqual(400);
    expect(both.status).toBeLessThan(500);
    expect(both.body).not.toHaveProperty('access_token');
  });

  it('prove themselves to introspection and revocation alike, with a fresh assertion each time', async () => {
    const { body: { access_token: token } } = await ask(await make());
    const used = await make();
    expect((await post(server, '/api/oauth/introspect', { token: String(token), ...presenting(used) })).body).toMatchObject({ active: true });
    expect((await post(server, '/api/oauth/introspect', { token: String(token), ...presenting(used) })).status).toBe(401);
    expect((await post(server, '/api/oauth/revoke', { token: String(token), ...presenting(await make()) })).status).toBe(200);
    expect(await introspect(server, String(token))).toEqual({ active: false });
  });
});
