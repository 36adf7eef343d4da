import * as client from 'openid-client';
import { createRemoteJWKSet, decodeProtectedHeader, exportJWK, generateKeyPair, jwtVerify, SignJWT, UnsecuredJWT, type JWTPayload } from 'jose';
import { startApplication, type TestApplication } from '../support/application.js';
import { FormBrowser } from '../support/browser.js';
import { bootstrapToken, introspect, post } from '../support/api.js';
import { CALLBACK, registerClient, WEB_CLIENT } from '../support/clients.js';
import { ADMIN } from '../support/server.js';

describe('messages that are signed', () => {
  let server: TestApplication;
  let keys: Awaited<ReturnType<typeof generateKeyPair>>;
  let registered: { clientId: string };
  let config: client.Configuration;

  beforeAll(async () => {
    server = await startApplication();
    keys = await generateKeyPair('ES256');
    const jwk = { ...await exportJWK(keys.publicKey), kid: 'one', alg: 'ES256', use: 'sig' };
    registered = await registerClient(server, { ...WEB_CLIENT, token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [jwk] } });
    config = await client.discovery(new URL(server.issuer), registered.clientId, undefined, client.PrivateKeyJwt({ key: keys.privateKey, kid: 'one' }), { execute: [client.allowInsecureRequests] });
  });

  afterAll(() => server.stop());

  describe('of clients: authorization requests by value (RFC 9101)', () => {
    it('sign a person in when the signature is the client’s', async () => {
      const verifier = client.randomPKCECodeVerifier();
      const url = await client.buildAuthorizationUrlWithJAR(config, {
        redirect_uri: CALLBACK, scope: 'openid agents:read', state: 'jar', code_challenge: await client.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256',
      }, { key: keys.privateKey, kid: 'one' });
      const callback = await new FormBrowser().authorize(url.href, ADMIN);
      const tokens = await client.authorizationCodeGrant(config, callback, { pkceCodeVerifier: verifier, expectedState: 'jar' });
      expect(tokens.scope!.split(' ').sort()).toEqual(['agents:read', 'openid']);
    });

    const claims = (): JWTPayload => ({
      iss: registered.clientId, aud: server.issuer, client_id: registered.clientId, response_type: 'code', redirect_uri: CALLBACK, scope: 'openid', state: 's',
      code_challenge: 'x'.repeat(43), code_challenge_method: 'S256',
    });
    const sign = (payload: JWTPayload, key: Awaited<ReturnType<typeof generateKeyPair>>['privateKey']) => new SignJWT(payload).setProtectedHeader({ alg: 'ES256', kid: 'one', typ: 'oauth-authz-req+jwt' }).setIssuedAt().setExpirationTime('1m').sign(key);

    it.each<[string, () => Promise<string>]>([
      ['another key', async () => sign(claims(), (await generateKeyPair('ES256')).privateKey)],
      ['no signature', async () => new UnsecuredJWT(claims()).encode()],
      ['another audience', async () => sign({ ...claims(), aud: 'https://elsewhere.example' }, keys.privateKey)],
      ['another issuer', async () => sign({ ...claims(), iss: 'somebody-else' }, keys.privateKey)],
    ])('are refused with %s, and nobody is asked to sign in', async (_what, request) => {
      const url = `${server.issuer}/api/oauth/authorize?${new URLSearchParams({ client_id: registered.clientId, request: await request() }).toString()}`;
      const answer = await new FormBrowser().open(url);
      expect(answer.html).not.toContain('login-submit');
      const error = answer.url.startsWith(CALLBACK) ? new URL(answer.url).searchParams.get('error') : answer.html;
      expect(error).toContain('invalid_request_object');
    });

    it('are not fetched from anywhere', async () => {
      const open = (parameters: Record<string, string>) => new FormBrowser().open(`${server.issuer}/api/oauth/authorize?${new URLSearchParams({
        client_id: registered.clientId, request_uri: 'http://127.0.0.1:1/request.jwt', ...parameters,
      }).toString()}`);
      const told = { error: 'request_uri_not_supported', error_description: expect.stringContaining('RFC 9126'), iss: server.issuer };
      expect(Object.fromEntries(new URL((await open({})).url).searchParams)).toMatchObject(told);
      const inFragment = await open({ redirect_uri: CALLBACK, response_mode: 'fragment' });
      expect(Object.fromEntries(new URLSearchParams(new URL(inFragment.url).hash.slice(1)))).toMatchObject(told);
      const form = await open({ redirect_uri: CALLBACK, response_mode: 'form_post' });
      expect(form.html).toMatch(/name="error_description" value="[^"]*RFC 9126/);
      expect((await open({ client_id: 'nobody' })).html).not.toContain('login-submit');
    });
  });

  describe('of the server: introspection answers as JWT (RFC 9701)', () => {
    const basic = (): { basic: [string, string]; headers: Record<string, string> } =>
      ({ basic: ['bootstrap', server.clientSecret], headers: { accept: 'application/token-introspection+jwt' } });

    it('say the same as the plain ones, to the one who asked, signed with a published key', async () => {
      const token = await bootstrapToken(server, 'agents:read');
      const { status, headers, body } = await post(server, '/api/oauth/introspect', { token }, basic());
      expect(status).toBe(200);
      expect(headers.get('content-type')).toContain('application/token-introspection+jwt');
      const answer = String(body['text']);
      expect(decodeProtectedHeader(answer)).toMatchObject({ typ: 'token-introspection+jwt', alg: 'ES256' });
      const { payload } = await jwtVerify(answer, createRemoteJWKSet(new URL(`${server.issuer}/api/.well-known/jwks.json`)), { issuer: server.issuer, audience: 'bootstrap', typ: 'token-introspection+jwt' });
      expect(payload['token_introspection']).toEqual(await introspect(server, token));
      expect(payload).not.toHaveProperty('sub');
      expect(payload).not.toHaveProperty('exp');
    });

    it('say of a dead token that it is not active, and no more', async () => {
      const token = await bootstrapToken(server, 'agents:read');
      await post(server, '/api/oauth/revoke', { token }, { basic: ['bootstrap', server.clientSecret] });
      const { body } = await post(server, '/api/oauth/introspect', { token }, basic());
      const { payload } = await jwtVerify(String(body['text']), createRemoteJWKSet(new URL(`${server.issuer}/api/.well-known/jwks.json`)));
      expect(payload['token_introspection']).toEqual({ active: false });
    });
  });
});
