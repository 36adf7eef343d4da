import { createHash, randomBytes } from 'node:crypto';
import { request as send, type IncomingHttpHeaders } from 'node:http';
import { bootstrapToken, call, introspect, post } from '../support/api.js';
import { startApplication, type TestApplication } from '../support/application.js';
import { FormBrowser } from '../support/browser.js';
import { CALLBACK, registerClient, WEB_CLIENT } from '../support/clients.js';
import { addPerson, signIn as signInToServer, type Credentials } from '../support/people.js';
import { ADMIN, startServer, type TestServer } from '../support/server.js';

const GOODBYE = 'http://127.0.0.1:49152/goodbye';

describe('the best current practice of OAuth security (RFC 9700)', () => {
  let server: TestApplication;
  let basic: [string, string];

  beforeAll(async () => {
    server = await startApplication();
    const { clientId, clientSecret } = await registerClient(server, { ...WEB_CLIENT, post_logout_redirect_uris: [GOODBYE] });
    basic = [clientId, clientSecret!];
  });
  afterAll(() => server.stop());

  const verifier = randomBytes(32).toString('base64url');
  const authorizationUrl = (parameters: Record<string, string> = {}) => `${server.issuer}/api/oauth/authorize?${new URLSearchParams({
    client_id: basic[0], response_type: 'code', redirect_uri: CALLBACK, scope: 'openid agents:read', state: 's',
    code_challenge: createHash('sha256').update(verifier).digest('base64url'), code_challenge_method: 'S256', ...parameters,
  }).toString()}`;

  async function signIn(browser: FormBrowser, person: Credentials = ADMIN, parameters: Record<string, string> = {}): Promise<{ accessToken: string; refreshToken: string }> {
    const callback = await browser.authorize(authorizationUrl(parameters), person);
    const { status, body } = await post(server, '/api/oauth/token', {
      grant_type: 'authorization_code', code: callback.searchParams.get('code')!, redirect_uri: CALLBACK, code_verifier: verifier,
    }, { basic });
    expect(status).toBe(200);
    return { accessToken: String(body['access_token']), refreshToken: String(body['refresh_token']) };
  }

  const refresh = async (refreshToken: string) => (await post(server, '/api/oauth/token', { grant_type: 'refresh_token', refresh_token: refreshToken }, { basic })).body;

  it('takes another port of a loopback address from native clients, whose port is the system’s choice, and nothing else of it (section 4.1.3)', async () => {
    const { clientId: native } = await registerClient(server, {
      application_type: 'native', token_endpoint_auth_method: 'none', grant_types: ['authorization_code'], redirect_uris: ['http://127.0.0.1/done'], scopes: ['openid'],
    });
    const opens = async (client: string, redirectUri: string) =>
      (await new FormBrowser().open(authorizationUrl({ client_id: client, scope: 'openid', redirect_uri: redirectUri }))).html.includes('id="login-submit"');
    expect(await opens(native, 'http://127.0.0.1:51234/done')).toBe(true);
    for (const other of ['http://127.0.0.1:51234/else', 'http://localhost:51234/done', 'http://127.0.0.2:51234/done', 'https://127.0.0.1:51234/done', 'http://127.0.0.1:51234@evil.example/done']) {
      expect({ other, opens: await opens(native, other) }).toEqual({ other, opens: false });
    }
    expect(await opens(basic[0], CALLBACK)).toBe(true);
    expect(await opens(basic[0], CALLBACK.replace('49152', '51234'))).toBe(false);
  });

  it('answers every form with 303, so that no browser sends a password on (section 4.12)', async () => {
    const browser = new FormBrowser();
    await browser.authorize(authorizationUrl(), ADMIN);
    expect(browser.formAnswers).toEqual([303, 303]);
  });

  it('refuses parameters that come twice (RFC 6749 section 3.1), and tells the client where it can', async () => {
    const twice = await new FormBrowser().open(`${authorizationUrl()}&scope=openid`);
    expect(twice.url.startsWith(CALLBACK)).toBe(true);
    expect(Object.fromEntries(new URL(twice.url).searchParams)).toMatchObject({ error: 'invalid_request', iss: server.issuer });
    const client = await new FormBrowser().open(`${authorizationUrl()}&client_id=${basic[0]}`);
    expect({ status: client.status, stays: client.url.startsWith(server.issuer) }).toEqual({ status: 400, stays: true });
  });

  it('names no address with a code or a request in it to the page that a redirect leads to (section 4.2.4), and lets nobody keep an answer, nor a browser guess what it is', async () => {
    const browser = new FormBrowser();
    await browser.authorize(authorizationUrl(), ADMIN);
    for (const [answer, parameters] of [['code', {}], ['error', { code_challenge_method: 'plain' }]] as const) {
      const { url, headers } = await browser.open(authorizationUrl(parameters));
      expect(new URL(url).searchParams.get(answer)).toEqual(expect.any(String));
      expect([headers.get('referrer-policy'), headers.get('cache-control')]).toEqual(['no-referrer', 'no-store']);
    }
    for (const path of ['token', 'introspect', 'revoke', 'par']) {
      for (const options of [{ basic }, {}]) {
        const { headers } = await post(server, `/api/oauth/${path}`, { token: 'x' }, options);
        expect([headers.get('cache-control'), headers.get('x-content-type-options')]).toEqual(['no-store', 'nosniff']);
      }
    }
  });

  it('takes no access token from the address (section 4.3.2)', async () => {
    const { accessToken } = await signIn(new FormBrowser());
    for (const path of ['/api/agents', '/api/oauth/userinfo']) {
      const { status, body } = await call(server, 'GET', `${path}?access_token=${accessToken}`);
      expect({ path, isRefused: status === 400 || status === 401, names: typeof (body['code'] ?? body['error']) }).toEqual({ path, isRefused: true, names: 'string' });
      expect((await call(server, 'GET', path, { token: accessToken })).status).toBe(200);
    }
  });

  it('ends what a session gave when the person signs out, but not what they allowed for while they are away (section 4.14.2)', async () => {
    const browser = new FormBrowser();
    const here = await signIn(browser);
    const away = await signIn(browser, ADMIN, { scope: 'openid offline_access agents:read', prompt: 'consent' });
    const renewed = await refresh(here.refreshToken);
    expect(renewed).toMatchObject({ access_token: expect.any(String) });
    const page = await browser.open(`${server.issuer}/api/oauth/logout?${new URLSearchParams({ client_id: basic[0], post_logout_redirect_uri: GOODBYE }).toString()}`);
    expect((await browser.submit(page, { logout: 'yes' })).url).toBe(GOODBYE);
    expect(await refresh(String(renewed['refresh_token']))).toMatchObject({ error: 'invalid_grant' });
    expect(await refresh(away.refreshToken)).toMatchObject({ access_token: expect.any(String) });
  });

  it('ends everything that a person’s old password gave when they change it, also what works while they are away (section 4.14.2)', async () => {
    const person = await addPerson(server, await bootstrapToken(server), 'member');
    const browser = new FormBrowser();
    const here = await signIn(browser, person);
    const away = await signIn(browser, person, { scope: 'openid offline_access agents:read', prompt: 'consent' });
    const password = `${randomBytes(12).toString('base64url')} harbour`;
    const { accessToken } = await signInToServer(server, person);
    const changed = await call(server, 'POST', '/api/users/me/password', { token: accessToken, body: { current_password: person.password, new_password: password } });
    expect(changed.status).toBe(204);
    for (const { accessToken: token, refreshToken } of [here, away]) {
      expect(await introspect(server, token)).toEqual({ active: false });
      expect(await refresh(refreshToken)).toMatchObject({ error: 'invalid_grant' });
    }
    expect((await browser.open(authorizationUrl())).html).toContain('id="login-submit"');
    await signIn(new FormBrowser(), { ...person, password });
  });
});

describe('the cookies of a server under https', () => {
  let server: TestServer;
  const issuer = 'https://auth.example.com';
  beforeAll(async () => { server = await startServer({ environment: { LEGATE_ISSUER: issuer } }); });
  afterAll(() => server.stop());

  /** As the proxy in front of it would ask. */
  const ask = (url: string, cookies: readonly string[] = [], form?: Record<string, string>) => new Promise<{ headers: IncomingHttpHeaders; html: string }>((resolve, reject) => {
    const { pathname, search } = new URL(url, issuer);
    send({
      host: '127.0.0.1', port: server.environment['PORT'], path: pathname + search, method: form ? 'POST' : 'GET',
      headers: { host: 'auth.example.com', accept: 'text/html', cookie: cookies.map((cookie) => cookie.split(';')[0]).join('; '), ...(form && { 'content-type': 'application/x-www-form-urlencoded' }) },
    }, (response) => {
      let html = '';
      response.on('data', (chunk: Buffer) => { html += chunk.toString(); }).on('end', () => resolve({ headers: response.headers, html }));
    }).on('error', reject).end(form && new URLSearchParams(form).toString());
  });

  it('belong to this host alone, are sent over https alone, and no script reads them', async () => {
    const begun = await ask(`/api/oauth/authorize?${new URLSearchParams({
      client_id: 'swagger-ui', response_type: 'code', redirect_uri: `${issuer}/api/docs/oauth2-redirect.html`, scope: 'openid', code_challenge: 'x'.repeat(43), code_challenge_method: 'S256',
    }).toString()}`);
    const cookies = begun.headers['set-cookie']!;
    const page = await ask(begun.headers.location!, cookies);
    const csrfToken = /name="csrf_token" value="([^"]+)"/.exec(page.html)![1]!;
    const signedIn = await ask(`${begun.headers.location!}/sign-in`, cookies, { csrf_token: csrfToken, username: ADMIN.email, password: ADMIN.password });
    const resumed = await ask(signedIn.headers.location!, cookies);

    expect(begun.headers['strict-transport-security']).toContain('max-age=');
    const all = [...cookies, ...resumed.headers['set-cookie']!];
    expect([...new Set(all.map((cookie) => cookie.split('=')[0]!.replace('.sig', '')))].sort()).toEqual(['__Host-legate_session', '__Secure-legate_interaction', '__Secure-legate_resume']);
    for (const cookie of all) {
      for (const attribute of [/; secure/i, /; httponly/i, /; samesite=lax/i]) expect(cookie).toMatch(attribute);
      expect(cookie).not.toMatch(/; domain=/i);
      if (cookie.startsWith('__Host-')) expect(cookie).toMatch(/; path=\/(;|$)/i);
    }
  });
});
