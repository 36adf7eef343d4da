import type { Locator, Page } from 'playwright-core';
import { describeInChromium, PATIENCE } from '../support/chromium.js';
import { ADMIN, startServer, type TestServer } from '../support/server.js';

describeInChromium('the API documentation in a browser', (browser) => {
  let server: TestServer;

  beforeAll(async () => { server = await startServer(); });
  afterAll(() => server.stop());

  it('calls the API for a person who signs in with PKCE on the real pages', async () => {
    const { context, trouble } = await browser.open();
    const page = await context.newPage();
    await page.goto(`${server.issuer}/api/docs`);
    const form = await scheme(page, 'authorization_code');
    expect(await form.getByLabel('client_id').inputValue()).toBe('swagger-ui');
    await form.getByText('agents:read', { exact: true }).click();
    await form.getByText('agents:write', { exact: true }).click();
    const opened = context.waitForEvent('page');
    await form.locator('button.authorize').click();

    const signIn = await opened;
    await signIn.locator('#username').fill(ADMIN.email);
    await signIn.locator('#password').fill(ADMIN.password);
    await signIn.locator('#login-submit').click();
    const closed = signIn.waitForEvent('close');
    await signIn.locator('#consent-allow').click();
    await closed;
    await form.getByText('Authorized', { exact: true }).waitFor();
    await closeDialog(page);

    expect(await call(page, 'get', '/api/agents')).toMatchObject({ status: 200, authorization: expect.stringMatching(/^Bearer ey/) });
    // What the page fills in can be sent as it stands.
    expect(await call(page, 'post', '/api/agents/register')).toMatchObject({ status: 201 });

    await (await scheme(page, 'authorization_code')).getByText('Logout', { exact: true }).click();
    await closeDialog(page);
    expect(trouble.complaints).toEqual([]);
    expect(await call(page, 'get', '/api/agents')).toEqual({ status: 401, authorization: undefined });
    expect([...trouble.origins]).toEqual([server.issuer]);
  }, PATIENCE);

  it('calls the API for a client that acts for itself, and forgets its secret with the window', async () => {
    const { context, trouble } = await browser.open();
    const page = await context.newPage();
    await page.goto(`${server.issuer}/api/docs`);
    const form = await scheme(page, 'client_credentials');
    expect(await form.getByLabel('client_id').inputValue()).toBe('');
    await form.getByLabel('client_id').fill('bootstrap');
    await form.getByLabel('client_secret').fill(server.clientSecret);
    await form.getByText('agents:read', { exact: true }).click();
    await form.locator('button.authorize').click();
    await form.getByText('Authorized', { exact: true }).waitFor();
    await closeDialog(page);

    expect(await call(page, 'get', '/api/agents')).toMatchObject({ status: 200, authorization: expect.stringMatching(/^Bearer ey/) });
    expect(trouble.complaints).toEqual([]);
    expect([...trouble.origins]).toEqual([server.issuer]);
    expect(await page.evaluate('JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie])')).not.toContain(server.clientSecret);
  }, PATIENCE);
});

/** The form of one way to be authorized, in the dialog that the page opens for it. */
async function scheme(page: Page, name: string): Promise<Locator> {
  await page.locator('.auth-wrapper .btn.authorize').click();
  return page.locator('.auth-container', { has: page.getByRole('heading', { name: `${name} (` }) });
}

async function closeDialog(page: Page): Promise<void> {
  await page.locator('.modal-ux .close-modal').click();
}

/** A document as long as ours is rendered only where one looks. */
async function scrollTo(page: Page, operation: Locator): Promise<void> {
  await page.evaluate('window.scrollTo(0, 0)');
  for (let screens = 0; await operation.count() === 0; screens += 1) {
    if (screens > 200) throw new Error('the operation is nowhere on the page');
    await page.evaluate('window.scrollBy(0, 300)');
    await page.waitForTimeout(100);
  }
  await operation.scrollIntoViewIfNeeded();
}

/** Sends a request with the page's own form, as it stands. */
async function call(page: Page, method: string, path: string): Promise<{ status: number; authorization?: string }> {
  const operation = page.locator(`.opblock-${method}`, { has: page.locator(`[data-path="${path}"]`) });
  await scrollTo(page, operation);
  if (await operation.locator('.execute').count() === 0) await operation.locator('.opblock-summary-control').click();
  const sent = page.waitForRequest((request) => new URL(request.url()).pathname === path && request.method() === method.toUpperCase());
  await operation.locator('.execute').click();
  const request = await sent;
  const shown = operation.locator('.live-responses-table .response-col_status').last();
  const status = (await request.response())!.status();
  await shown.getByText(String(status)).waitFor();
  return { status, authorization: (await request.allHeaders())['authorization'] };
}
