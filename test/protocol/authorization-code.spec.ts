import { createHash, randomBytes } from 'node:crypto';
import * as client from 'openid-client';
import { call, introspect, post } from '../support/api.js';
import { startApplication, type TestApplication } from '../support/application.js';
import { FormBrowser } from '../support/browser.js';
import { CALLBACK, registerClient, WEB_CLIENT } from '../support/clients.js';
import { ADMIN } from '../support/server.js';

const insecure = { execute: [client.allowInsecureRequests] };

describe('the authorization code flow (RFC 6749 section 4.1, RFC 7636, OpenID Connect Core)', () => {
  let server: TestApplication;
  let config: client.Configuration;
  let registered: { clientId: string; clientSecret?: string };

  beforeAll(async () => {
    server = await startApplication();
    registered = await registerClient(server, WEB_CLIENT);
    config = await client.discovery(new URL(server.issuer), registered.clientId, registered.clientSecret, client.ClientSecretBasic(registered.clientSecret), insecure);
  });

  afterAll(() => server.stop());

  async function signIn(parameters: Record<string, string> = {}, browser = new FormBrowser(), options?: client.DPoPOptions) {
    const verifier = client.randomPKCECodeVerifier();
    const state = client.randomState();
    const url = client.buildAuthorizationUrl(config, {
      redirect_uri: CALLBACK, scope: 'openid profile email agents:read', state, code_challenge: await client.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256', ...parameters,
    });
    const callback = await browser.authorize(url.href, ADMIN);
    const tokens = await client.authorizationCodeGrant(config, callback, { pkceCodeVerifier: verifier, expectedState: state }, undefined, options);
    return { tokens, callback, verifier, browser };
  }

  it('signs a person in through the real pages, and openid-client accepts everything it gets', async () => {
    const { tokens, callback } = await signIn();
    expect(callback.searchParams.get('iss')).toBe(server.issuer);
    expect(tokens.claims()).toMatchObject({ iss: server.issuer, aud: registered.clientId });
    expect(tokens.scope!.split(' ').sort()).toEqual(['agents:read', 'email', 'openid', 'profile']);
    expect(await client.fetchUserInfo(config, tokens.access_token, tokens.claims()!.sub)).toMatchObject({ email: ADMIN.email });
    const introspected = await client.tokenIntrospection(config, tokens.access_token);
    expect(introspected).toMatchObject({ active: true, sub: tokens.claims()!.sub, role: 'owner', client_id: registered.clientId });
    expect((await call(server, 'GET', '/api/agents', { token: tokens.access_token })).status).toBe(200);
  });

  it('asks a person who is signed in and agreed before for nothing', async () => {
    const { browser } = await signIn();
    const verifier = client.randomPKCECodeVerifier();
    const url = client.buildAuthorizationUrl(config, { redirect_uri: CALLBACK, scope: 'openid agents:read', state: 's', code_challenge: await client.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256' });
    const answer = await browser.open(url.href);
    expect(answer.url.startsWith(CALLBACK)).toBe(true);
    expect(new URL(answer.url).searchParams.get('code')).toEqual(expect.any(String));
  });

  it('tells the client access_denied with iss when the person refuses', async () => {
    const url = client.buildAuthorizationUrl(config, { redirect_uri: CALLBACK, scope: 'openid', state: 's', code_challenge: 'x'.repeat(43), code_challenge_method: 'S256' });
    const callback = await new FormBrowser().authorize(url.href, ADMIN, 'deny');
    expect(Object.fromEntries(callback.searchParams)).toMatchObject({ error: 'access_denied', iss: server.issuer, state: 's' });
  });

  it('pushes the request first when asked to (RFC 9126), and takes each pushed request once', async () => {
    const verifier = client.randomPKCECodeVerifier();
    const url = await client.buildAuthorizationUrlWithPAR(config, { redirect_uri: CALLBACK, scope: 'openid agents:read', state: 'p', code_challenge: await client.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256' });
    const browser = new FormBrowser();
    const callback = await browser.authorize(url.href, ADMIN);
    const tokens = await client.authorizationCodeGrant(config, callback, { pkceCodeVerifier: verifier, expectedState: 'p' });
    expect(tokens.access_token).toEqual(expect.any(String));
    const again = await browser.open(url.href);
    expect(new URL(again.url).searchParams.get('error')).toBe('invalid_request_uri');
  });

  it('binds tokens to the key of a DPoP proof (RFC 9449), and the API takes them with a proof only', async () => {
    const dpop = client.getDPoPHandle(config, await client.randomDPoPKeyPair('ES256'));
    const { tokens } = await signIn({}, new FormBrowser(), { DPoP: dpop });
    expect(tokens.token_type).toBe('dpop');
    expect(await client.tokenIntrospection(config, tokens.access_token)).toMatchObject({ active: true, token_type: 'DPoP', cnf: { jkt: expect.any(String) } });
    expect((await call(server, 'GET', '/api/agents', { token: tokens.access_token })).status).toBe(401);
    const answer = await client.fetchProtectedResource(config, tokens.access_token, new URL(`${server.issuer}/api/agents?limit=1`), 'GET', undefined, undefined, { DPoP: dpop });
    expect(answer.status).toBe(200);
    const refreshed = await client.refreshTokenGrant(config, tokens.refresh_token!, undefined, { DPoP: dpop });
    expect(refreshed.token_type).toBe('dpop');
  });

  it('binds the refresh token of a public client to its key too: without it, and with another, it is worth nothing', async () => {
    const spa = await registerClient(server, { ...WEB_CLIENT, token_endpoint_auth_method: 'none' });
    const browserless = await client.discovery(new URL(server.issuer), spa.clientId, undefined, client.None(), insecure);
    const dpop = client.getDPoPHandle(browserless, await client.randomDPoPKeyPair('ES256'));
    const verifier = client.randomPKCECodeVerifier();
    const url = client.buildAuthorizationUrl(browserless, { redirect_uri: CALLBACK, scope: 'openid agents:read', state: 's', code_challenge: await client.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256' });
    const callback = await new FormBrowser().authorize(url.href, ADMIN);
    const tokens = await client.authorizationCodeGrant(browserless, callback, { pkceCodeVerifier: verifier, expectedState: 's' }, undefined, { DPoP: dpop });
    await expect(client.refreshTokenGrant(browserless, tokens.refresh_token!)).rejects.toMatchObject({ error: 'invalid_grant' });
    const another = client.getDPoPHandle(browserless, await client.randomDPoPKeyPair('ES256'));
    await expect(client.refreshTokenGrant(browserless, tokens.refresh_token!, undefined, { DPoP: another })).rejects.toMatchObject({ error: 'invalid_grant' });
    const refreshed = await client.refreshTokenGrant(browserless, tokens.refresh_token!, undefined, { DPoP: dpop });
    expect(refreshed.token_type).toBe('dpop');
    await expect(client.refreshTokenGrant(browserless, tokens.refresh_token!, undefined, { DPoP: another })).rejects.toMatchObject({ error: 'invalid_grant' });
  });

  it('takes a code once: reuse is refused and ends what the code gave', async () => {
    const verifier = client.randomPKCECodeVerifier();
    const url = client.buildAuthorizationUrl(config, { redirect_uri: CALLBACK, scope: 'openid agents:read', state: 's', code_challenge: await client.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256' });
    const callback = await new FormBrowser().authorize(url.href, ADMIN);
    const form = { grant_type: 'authorization_code', code: callback.searchParams.get('code')!, redirect_uri: CALLBACK, code_verifier: verifier };
    const basic: [string, string] = [registered.clientId, registered.clientSecret!];
    const first = await post(server, '/api/oauth/token', form, { basic });
    expect(first.status).toBe(200);
    const second = await post(server, '/api/oauth/token', form, { basic });
    expect({ status: second.status, error: second.body['error'] }).toEqual({ status: 400, error: 'invalid_grant' });
    expect(await introspect(server, String(first.body['access_token']))).toMatchObject({ active: false });
  });

  it.each([
    ['without PKCE', { code_challenge: '', code_challenge_method: '' }],
    ['with the plain method', { code_challenge: 'x'.repeat(43), code_challenge_method: 'plain' }],
    ['with an implicit response type', { response_type: 'token' }],
    ['for a scope beyond the client', { scope: 'openid users:write' }],
    ['for an unknown resource', { resource: 'https://elsewhere.example' }],
  ])('refuses a request %s by redirect, with iss', async (_name, parameters: Record<string, string>) => {
    const url = client.buildAuthorizationUrl(config, { redirect_uri: CALLBACK, scope: 'openid', state: 's', code_challenge: 'x'.repeat(43), code_challenge_method: 'S256' });
    for (const [name, value] of Object.entries(parameters)) if (value === '') url.searchParams.delete(name); else url.searchParams.set(name, value);
    const answer = await new FormBrowser().open(url.href);
    expect(answer.url.startsWith(CALLBACK)).toBe(true);
    const back = new URL(answer.url);
    const sent = new URLSearchParams(back.search || back.hash.slice(1));
    expect(sent.get('error')).toEqual(expect.any(String));
    expect(sent.get('iss')).toBe(server.issuer);
  });

  it('never redirects to an address that is not registered to the letter', async () => {
    for (const redirectUri of [`${CALLBACK}/`, `${CALLBACK}?x=1`, 'http://127.0.0.1:49152/other', 'https://evil.example/callback']) {
      const url = client.buildAuthorizationUrl(config, { redirect_uri: redirectUri, scope: 'openid', code_challenge: 'x'.repeat(43), code_challenge_method: 'S256' });
      const answer = await new FormBrowser().open(url.href);
      expect({ redirectUri, status: answer.status, stays: answer.url.startsWith(server.issuer) }).toEqual({ redirectUri, status: 400, stays: true });
      expect(answer.headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
    }
  });

  it('refuses the wrong verifier, and a code that another client was given', async () => {
    const other = await registerClient(server, WEB_CLIENT);
    const verifier = client.randomPKCECodeVerifier();
    const url = client.buildAuthorizationUrl(config, { redirect_uri: CALLBACK, scope: 'openid', state: 's', code_challenge: await client.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256' });
    const callback = await new FormBrowser().authorize(url.href, ADMIN);
    const form = { grant_type: 'authorization_code', code: callback.searchParams.get('code')!, redirect_uri: CALLBACK, code_verifier: verifier };
    expect((await post(server, '/api/oauth/token', { ...form, code_verifier: 'y'.repeat(43) }, { basic: [registered.clientId, registered.clientSecret!] })).body['error']).toBe('invalid_grant');
    expect((await post(server, '/api/oauth/token', form, { basic: [other.clientId, other.clientSecret!] })).body['error']).toBe('invalid_grant');
    expect((await post(server, '/api/oauth/token', form, { basic: [registered.clientId, registered.clientSecret!] })).status).toBe(200);
  });

  it('gives the same response to the same refresh token inside the replay window, and rotates', async () => {
    const { tokens } = await signIn();
    const form = { grant_type: 'refresh_token', refresh_token: tokens.refresh_token! };
    const basic: [string, string] = [registered.clientId, registered.clientSecret!];
    const first = await post(server, '/api/oauth/token', form, { basic });
    const again = await post(server, '/api/oauth/token', form, { basic });
    expect(first.status).toBe(200);
    expect(again.body).toEqual(first.body);
    expect(first.body['refresh_token']).not.toBe(tokens.refresh_token);
    const other = await registerClient(server, WEB_CLIENT);
    const stolen = await post(server, '/api/oauth/token', form, { basic: [other.clientId, other.clientSecret!] });
    expect(stolen.body['error']).toBe('invalid_grant');
    expect((await introspect(server, String(first.body['access_token'])))['active']).toBe(true);
  });

  it('ends the refresh token and everything beside it when it is revoked', async () => {
    const { tokens } = await signIn();
    await client.tokenRevocation(config, tokens.refresh_token!);
    await expect(client.refreshTokenGrant(config, tokens.refresh_token!)).rejects.toMatchObject({ error: 'invalid_grant' });
    expect(await introspect(server, tokens.access_token)).toMatchObject({ active: false });
    expect((await call(server, 'GET', '/api/agents', { token: tokens.access_token })).status).toBe(401);
  });

  it('ends one access token alone when that is revoked', async () => {
    const { tokens } = await signIn();
    const refreshed = await client.refreshTokenGrant(config, tokens.refresh_token!);
    await client.tokenRevocation(config, tokens.access_token);
    expect(await introspect(server, tokens.access_token)).toMatchObject({ active: false });
    expect(await introspect(server, refreshed.access_token)).toMatchObject({ active: true });
  });

  it('ends the session on RP-initiated logout, after asking', async () => {
    const { tokens, browser } = await signIn();
    const page = await browser.open(client.buildEndSessionUrl(config, { id_token_hint: tokens.id_token! }).href);
    expect(page.html).toContain('sign-out-confirm');
    const done = await browser.submit(page, { logout: 'yes' });
    expect(done.status).toBe(200);
    const url = client.buildAuthorizationUrl(config, { redirect_uri: CALLBACK, scope: 'openid', code_challenge: 'x'.repeat(43), code_challenge_method: 'S256' });
    expect((await browser.open(url.href)).html).toContain('id="login-submit"');
  });

  it('refuses a form without the token of the page that was shown', async () => {
    const browser = new FormBrowser();
    const url = client.buildAuthorizationUrl(config, { redirect_uri: CALLBACK, scope: 'openid', code_challenge: 'x'.repeat(43), code_challenge_method: 'S256' });
    const page = await browser.open(url.href);
    const answer = await browser.submit(page, { username: ADMIN.email, password: ADMIN.password, csrf_token: randomBytes(32).toString('base64url') });
    expect(answer.status).toBe(403);
    const stranger = await new FormBrowser().open(page.url);
    expect(stranger.status).toBe(400);
  });

  it('says the same to an unknown person and to a wrong password', async () => {
    const texts: string[] = [];
    for (const username of [ADMIN.email, 'nobody@example.com']) {
      const browser = new FormBrowser();
      const page = await browser.open(client.buildAuthorizationUrl(config, { redirect_uri: CALLBACK, scope: 'openid', code_challenge: createHash('sha256').update('v').digest('base64url'), code_challenge_method: 'S256' }).href);
      const answer = await browser.submit(page, { username, password: 'wrong horse battery staple' });
      expect(answer.status).toBe(400);
      texts.push(/role="alert"[^>]*>([\s\S]*?)<\/div>/.exec(answer.html)?.[1]?.replace(/\s+/g, ' ').trim() ?? '');
    }
    expect(texts[0]).not.toBe('');
    expect(texts[1]).toBe(texts[0]);
  });
});
