import { DataSource } from 'typeorm';
import * as client from 'openid-client';
import { startApplication, type TestApplication } from '../support/application.js';
import { FormBrowser } from '../support/browser.js';
import { CALLBACK, registerClient, WEB_CLIENT } from '../support/clients.js';
import { ADMIN } from '../support/server.js';

const GOODBYE = 'http://127.0.0.1:49152/goodbye';

describe('signing out (OpenID Connect RP-Initiated Logout 1.0)', () => {
  let server: TestApplication;
  let config: client.Configuration;

  beforeAll(async () => {
    server = await startApplication();
    const { clientId, clientSecret } = await registerClient(server, { ...WEB_CLIENT, post_logout_redirect_uris: [GOODBYE] });
    config = await client.discovery(new URL(server.issuer), clientId, clientSecret, client.ClientSecretBasic(clientSecret), { execute: [client.allowInsecureRequests] });
  });

  afterAll(() => server.stop());

  const challenge = { code_challenge: 'x'.repeat(43), code_challenge_method: 'S256' };
  const authorizationUrl = () => client.buildAuthorizationUrl(config, { redirect_uri: CALLBACK, scope: 'openid', state: 's', ...challenge }).href;
  const signOutUrl = (parameters: Record<string, string>) => client.buildEndSessionUrl(config, { post_logout_redirect_uri: GOODBYE, state: 'a b', ...parameters }).href;

  async function signedIn(): Promise<FormBrowser> {
    const browser = new FormBrowser();
    await browser.authorize(authorizationUrl(), ADMIN);
    return browser;
  }

  async function signOutsOnRecord(): Promise<number> {
    const rows = await server.inside(DataSource).query<unknown[]>(`SELECT 1 FROM audit_events WHERE type = 'user.signed_out'`);
    return rows.length;
  }

  it('asks first, then ends the session, puts that on record and goes on to the client', async () => {
    const browser = await signedIn();
    const before = await signOutsOnRecord();
    const page = await browser.open(signOutUrl({}));
    expect(page.html).toContain('id="sign-out-confirm"');
    const end = await browser.submit(page, { logout: 'yes' });
    expect([end.status, end.url]).toEqual([303, `${GOODBYE}?state=a+b`]);
    expect(await signOutsOnRecord()).toBe(before + 1);
    expect((await browser.open(authorizationUrl())).html).toContain('id="login-submit"');
  });

  it('leaves a person who changes their mind signed in, and has nothing to record', async () => {
    const browser = await signedIn();
    const before = await signOutsOnRecord();
    const page = await browser.submit(await browser.open(`${server.issuer}/api/oauth/logout`), {});
    expect(page.html).toContain('You are still signed in');
    expect(await signOutsOnRecord()).toBe(before);
    expect((await browser.open(authorizationUrl())).html).not.toContain('id="login-submit"');
  });

  it('asks nothing of who is not signed in, and records nothing', async () => {
    const before = await signOutsOnRecord();
    const end = await new FormBrowser().open(signOutUrl({}));
    expect([end.status, end.url, end.html]).toEqual([303, `${GOODBYE}?state=a+b`, '']);
    expect((await new FormBrowser().open(`${server.issuer}/api/oauth/logout`)).html).toContain('You are signed out');
    expect(await signOutsOnRecord()).toBe(before);
  });

  it('never goes on to an address that is not registered', async () => {
    const page = await new FormBrowser().open(signOutUrl({ post_logout_redirect_uri: 'https://evil.example/' }));
    expect([page.status, new URL(page.url).origin]).toEqual([400, server.issuer]);
    const unnamed = await new FormBrowser().open(`${server.issuer}/api/oauth/logout?post_logout_redirect_uri=${encodeURIComponent('https://evil.example/')}`);
    expect([unnamed.status, unnamed.url]).toEqual([200, `${server.issuer}/api/oauth/logout/success`]);
  });
});
