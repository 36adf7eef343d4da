import type { Page } from 'playwright-core';
import * as client from 'openid-client';
import { bootstrapToken, call } from '../support/api.js';
import { startApplication, type TestApplication } from '../support/application.js';
import { describeInChromium, PATIENCE } from '../support/chromium.js';
import { startClientSite, type ClientSite } from '../support/client-site.js';
import { registerClient } from '../support/clients.js';
import { ADMIN } from '../support/server.js';

const WITHOUT_SCRIPT = { javaScriptEnabled: false };

describeInChromium('signing in with a browser that runs no script', (browser) => {
  let server: TestApplication;
  let site: ClientSite;
  let config: client.Configuration;

  beforeAll(async () => {
    [server, site] = await Promise.all([startApplication(), startClientSite()]);
    const { clientId, clientSecret } = await registerClient(server, {
      client_name: 'Umbrella reminder', grant_types: ['authorization_code', 'refresh_token'], redirect_uris: [site.callback], post_logout_redirect_uris: [`${site.origin}/bye`],
      scopes: ['openid', 'profile', 'email', 'offline_access', 'agents:read'],
    });
    config = await client.discovery(new URL(server.issuer), clientId, clientSecret, client.ClientSecretBasic(clientSecret), { execute: [client.allowInsecureRequests] });
  }, PATIENCE);
  afterAll(async () => {
    await Promise.all([server.stop(), site.close()]);
  });

  async function request(parameters: Record<string, string> = {}) {
    const verifier = client.randomPKCECodeVerifier();
    const state = client.randomState();
    const url = client.buildAuthorizationUrl(config, {
      redirect_uri: site.callback, scope: 'openid email agents:read', state, code_challenge: await client.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256', ...parameters,
    });
    return { url: url.href, checks: { pkceCodeVerifier: verifier, expectedState: state } };
  }

  async function signIn(page: Page, url: string): Promise<void> {
    await page.goto(url);
    await page.locator('#username').fill(ADMIN.email);
    await page.locator('#password').fill(ADMIN.password);
    await page.locator('#login-submit').click();
  }

  it('takes the keyboard alone, from the address to the client, and sets only cookies that no script reads', async () => {
    const { context, trouble } = await browser.open(WITHOUT_SCRIPT);
    const page = await context.newPage();
    const { url, checks } = await request();
    await page.goto(url);
    await page.locator('#username:focus').waitFor();
    await page.keyboard.type(ADMIN.email);
    await page.keyboard.press('Tab');
    await page.keyboard.type(ADMIN.password);
    await page.keyboard.press('Enter');
    await page.locator('#consent-allow').waitFor();
    expect(await page.locator('main').innerText()).toMatch(/Umbrella reminder[\s\S]*127\.0\.0\.1[\s\S]*agents:read/);
    for (let step = 0; step < 10 && await page.locator('#consent-allow:focus').count() === 0; step += 1) await page.keyboard.press('Tab');
    const cookies = await context.cookies(server.issuer);
    await page.keyboard.press('Enter');
    await page.locator('#client').waitFor();

    const tokens = await client.authorizationCodeGrant(config, new URL(page.url()), checks);
    expect(tokens.claims()).toMatchObject({ email: ADMIN.email });
    expect(cookies.map(({ name }) => name.replace(/\.sig$/, ''))).toEqual(expect.arrayContaining(['legate_session']));
    expect(cookies.filter((cookie) => !cookie.httpOnly || cookie.sameSite !== 'Lax' || cookie.domain !== 'localhost' || !cookie.name.startsWith('legate_'))).toEqual([]);
    expect(trouble.complaints).toEqual([]);
    expect([...trouble.origins].sort()).toEqual([site.origin, server.issuer].sort());
  }, PATIENCE);

  it('says that a password is wrong, keeps the name, and takes the right one after it', async () => {
    const { context, trouble } = await browser.open(WITHOUT_SCRIPT);
    const page = await context.newPage();
    const { url } = await request();
    await page.goto(url);
    await page.locator('#username').fill(ADMIN.email);
    await page.locator('#password').fill('wrong horse battery staple');
    await page.locator('#login-submit').click();
    expect(await page.getByRole('alert').innerText()).toMatch(/wrong/);
    expect(await page.locator('#username').inputValue()).toBe(ADMIN.email);
    expect(await page.locator('#password').inputValue()).toBe('');
    expect(await page.locator('#password:focus').count()).toBe(1);
    // The browser itself notes the status of the page.
    expect(trouble.complaints).toEqual([expect.stringMatching(/^error: Failed to load resource: the server responded with a status of 400 .*\/sign-in\)$/)]);
    await page.keyboard.type(ADMIN.password);
    await page.keyboard.press('Enter');
    await page.locator('#consent-allow').waitFor();
  }, PATIENCE);

  it('tells the client when the person refuses', async () => {
    const { context, trouble } = await browser.open(WITHOUT_SCRIPT);
    const page = await context.newPage();
    const { url, checks } = await request();
    await signIn(page, url);
    await page.locator('#consent-deny').click();
    await page.locator('#client').waitFor();
    expect(Object.fromEntries(new URL(page.url()).searchParams)).toMatchObject({ error: 'access_denied', state: checks.expectedState, iss: server.issuer });
    expect(trouble.complaints).toEqual([]);
  }, PATIENCE);

  it.each([['without script, by a button', false], ['with script, by itself', true]])('hands the answer over as a form %s (response_mode=form_post)', async (_how, javaScriptEnabled) => {
    const { context, trouble } = await browser.open({ javaScriptEnabled });
    const page = await context.newPage();
    const { url, checks } = await request({ response_mode: 'form_post' });
    await signIn(page, url);
    await page.locator('#consent-allow').click();
    if (!javaScriptEnabled) await page.locator('#continue').click();
    await page.locator('#client').waitFor();
    const visit = site.visits.at(-1)!;
    expect([visit.method, page.url()]).toEqual(['POST', site.callback]);
    const answer = new URL(`${site.callback}?${new URLSearchParams(visit.parameters).toString()}`);
    expect((await client.authorizationCodeGrant(config, answer, checks)).claims()).toMatchObject({ email: ADMIN.email });
    expect(trouble.complaints).toEqual([]);
  }, PATIENCE);

  it('signs out after asking, and goes on to the client; a second time there is nothing to ask', async () => {
    const { context, trouble } = await browser.open(WITHOUT_SCRIPT);
    const page = await context.newPage();
    const { url, checks } = await request();
    await signIn(page, url);
    await page.locator('#consent-allow').click();
    await page.locator('#client').waitFor();
    const { id_token } = await client.authorizationCodeGrant(config, new URL(page.url()), checks);

    const signOut = client.buildEndSessionUrl(config, { id_token_hint: id_token!, post_logout_redirect_uri: `${site.origin}/bye`, state: 'goodbye' }).href;
    await page.goto(signOut);
    expect(await page.locator('main').innerText()).toContain('Umbrella reminder');
    await page.locator('#sign-out-confirm').click();
    await page.locator('#client').waitFor();
    expect(page.url()).toBe(`${site.origin}/bye?state=goodbye`);

    await page.goto('about:blank');
    await page.goto(signOut);
    expect(page.url()).toBe(`${site.origin}/bye?state=goodbye`);
    await page.goto(`${server.issuer}/api/oauth/logout`);
    expect(await page.locator('h1').innerText()).toBe('You are signed out');
    await page.goto((await request()).url);
    await page.locator('#login-submit').waitFor();
    expect(trouble.complaints).toEqual([]);
  }, PATIENCE);

  it.each([['of no application', undefined, 'goes on'], ['of an application', 'Umbrella reminder', 'Umbrella reminder']])('keeps the session of a person who changes their mind about the sign-out %s', async (_whose, name, sentence) => {
    const { context, trouble } = await browser.open(WITHOUT_SCRIPT);
    const page = await context.newPage();
    await signIn(page, (await request()).url);
    await page.locator('#consent-allow').click();
    await page.locator('#client').waitFor();
    await page.goto(`${server.issuer}/api/oauth/logout${name ? `?client_id=${config.clientMetadata().client_id}` : ''}`);
    await page.locator('#sign-out-cancel').click();
    await page.getByRole('heading', { name: 'You are still signed in' }).waitFor();
    expect(await page.locator('main').innerText()).toContain(sentence);
    await page.goto((await request({ prompt: 'consent' })).url);
    await page.locator('#consent-allow').waitFor();
    expect(trouble.complaints).toEqual([]);
  }, PATIENCE);

  it('lets somebody else sign in where a session is open, which ends it', async () => {
    const { context, trouble } = await browser.open(WITHOUT_SCRIPT);
    const page = await context.newPage();
    await signIn(page, (await request()).url);
    await page.locator('#consent-allow').click();
    await page.locator('#client').waitFor();
    const other = { email: 'other@example.com', password: 'entirely different words 9' };
    await addPerson(other);

    const { url, checks } = await request({ prompt: 'login' });
    await page.goto(url);
    await page.locator('#username').fill(other.email);
    await page.locator('#password').fill(other.password);
    await page.locator('#login-submit').click();
    await page.locator('#continue').click();
    await page.locator('#consent-allow').click();
    await page.locator('#client').waitFor();
    expect((await client.authorizationCodeGrant(config, new URL(page.url()), checks)).claims()).toMatchObject({ email: other.email });
    expect(trouble.complaints).toEqual([]);
  }, PATIENCE);

  it.each([
    ['an application that does not exist', (url: URL) => url.searchParams.set('client_id', 'nobody'), 'does not know the application'],
    ['an address that is not registered', (url: URL) => url.searchParams.set('redirect_uri', 'https://evil.example/callback'), 'has not registered'],
  ])('shows a page of our own for %s, and goes nowhere', async (_what, spoil, sentence) => {
    const { context, trouble } = await browser.open(WITHOUT_SCRIPT);
    const page = await context.newPage();
    const url = new URL((await request()).url);
    spoil(url);
    const answer = await page.goto(url.href);
    expect(answer!.status()).toBe(400);
    expect(await page.locator('main').innerText()).toContain(sentence);
    expect([...trouble.origins]).toEqual([server.issuer]);
  }, PATIENCE);

  async function addPerson(person: { email: string; password: string }): Promise<void> {
    const { status, body } = await call(server, 'POST', '/api/users', { token: await bootstrapToken(server), body: person });
    if (status !== 201) throw new Error(`no person: ${JSON.stringify(body)}`);
  }
});
