import type { Page } from 'playwright-core';
import * as client from 'openid-client';
import { startApplication, type TestApplication } from '../support/application.js';
import { describeInChromium, PATIENCE } from '../support/chromium.js';
import { startClientSite, type ClientSite } from '../support/client-site.js';
import { registerClient } from '../support/clients.js';
import { ADMIN } from '../support/server.js';

describeInChromium('an application that runs in the browser, on an origin of its own', (browser) => {
  let server: TestApplication;
  let site: ClientSite;
  let stranger: ClientSite;
  let config: client.Configuration;

  beforeAll(async () => {
    [server, site, stranger] = await Promise.all([startApplication(), startClientSite(), startClientSite()]);
    const { clientId } = await registerClient(server, {
      grant_types: ['authorization_code', 'refresh_token'], redirect_uris: [site.callback], token_endpoint_auth_method: 'none', scopes: ['openid', 'email', 'agents:read'],
    });
    config = await client.discovery(new URL(server.issuer), clientId, undefined, client.None(), { execute: [client.allowInsecureRequests] });
  }, PATIENCE);
  afterAll(async () => {
    await Promise.all([server.stop(), site.close(), stranger.close()]);
  });

  it('gets its tokens, which no other origin can with the same code', async () => {
    const { context, trouble } = await browser.open();
    const page = await context.newPage();
    const verifier = client.randomPKCECodeVerifier();
    await page.goto(client.buildAuthorizationUrl(config, {
      redirect_uri: site.callback, scope: 'openid email', state: 's', code_challenge: await client.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256',
    }).href);
    await page.locator('#username').fill(ADMIN.email);
    await page.locator('#password').fill(ADMIN.password);
    await page.locator('#login-submit').click();
    await page.locator('#consent-allow').click();
    await page.locator('#client').waitFor();
    const exchange = {
      grant_type: 'authorization_code', client_id: config.clientMetadata().client_id, redirect_uri: site.callback, code_verifier: verifier,
      code: new URL(page.url()).searchParams.get('code')!,
    };

    const elsewhere = await context.newPage();
    await elsewhere.goto(stranger.origin);
    expect(await post(elsewhere, exchange)).toBe('TypeError: Failed to fetch');
    expect(trouble.complaints.join('\n')).toMatch(/blocked by CORS policy/);

    const before = trouble.complaints.length;
    const tokens = await post(page, exchange) as { access_token: string };
    expect(tokens).toMatchObject({ token_type: 'Bearer', access_token: expect.any(String), id_token: expect.any(String) });
    expect(await get(page, '/api/oauth/userinfo', tokens.access_token)).toMatchObject({ email: ADMIN.email });
    expect(trouble.complaints.slice(before)).toEqual([]);
  }, PATIENCE);

  it('reads what everybody may know from any origin, and nothing of the rest', async () => {
    const { context } = await browser.open();
    const page = await context.newPage();
    await page.goto(stranger.origin);
    expect(await get(page, '/.well-known/openid-configuration')).toMatchObject({ issuer: server.issuer });
    expect(await get(page, '/api/.well-known/jwks.json')).toMatchObject({ keys: expect.any(Array) });
    expect(await get(page, '/api/agents')).toBe('TypeError: Failed to fetch');
  }, PATIENCE);

  /** As the page's own script would, with a header that makes the browser ask first. */
  function post(page: Page, form: Record<string, string>): Promise<unknown> {
    return request(page, '/api/oauth/token', { method: 'POST', body: new URLSearchParams(form).toString(), headers: { 'content-type': 'application/x-www-form-urlencoded', 'x-requested-with': 'script' } });
  }

  function get(page: Page, path: string, token?: string): Promise<unknown> {
    return request(page, path, { headers: token ? { authorization: `Bearer ${token}` } : {} });
  }

  function request(page: Page, path: string, init: { method?: string; body?: string; headers: Record<string, string> }): Promise<unknown> {
    return page.evaluate(([url, options]) => fetch(url, options).then((answer) => answer.json() as Promise<unknown>, String), [`${server.issuer}${path}`, init] as const);
  }
});
