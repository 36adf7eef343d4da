import { describeInChromium, PATIENCE } from '../support/chromium.js';
import { startServer, type TestServer } from '../support/server.js';

const FOUNDER = { name: 'Ada Lovelace', email: 'ada@northwind.example', password: 'umbrella quartz midnight 5' };

describeInChromium('the first start in a browser', (browser) => {
  let server: TestServer;

  beforeAll(async () => {
    server = await startServer({ environment: { LEGATE_BOOTSTRAP_ADMIN_EMAIL: '', LEGATE_BOOTSTRAP_ADMIN_PASSWORD: '', LEGATE_BOOTSTRAP_CLIENT_SECRET: '' } });
  }, PATIENCE);
  afterAll(() => server.stop());

  it('takes the form also from a browser that runs no script, with the code typed in', async () => {
    const { context } = await browser.open({ javaScriptEnabled: false });
    const page = await context.newPage();
    const link = await printedLink();
    await page.goto(link);
    await page.getByLabel('Setup code').fill(link.slice(link.indexOf('#') + 1));
    await page.getByLabel('Organization').fill('Northwind');
    await page.getByLabel('Your name').fill(FOUNDER.name);
    await page.getByLabel('E-mail address').fill(FOUNDER.email);
    await page.getByLabel('Password').fill('password1');
    await page.getByRole('button', { name: 'Create administrator' }).click();
    await page.waitForURL(`${server.issuer}/api/setup`);
    // The code was right, and a password that is refused does not use it up.
    expect(JSON.parse(await page.locator('body').innerText())).toMatchObject({ status: 400, code: 'weak_password' });
  }, PATIENCE);

  it('leads from the printed link to the first administrator, who signs in; the link works once', async () => {
    const link = await printedLink();
    const { context, trouble } = await browser.open();
    const page = await context.newPage();
    await page.goto(link);
    expect(page.url()).toBe(`${server.issuer}/setup`);
    expect(await page.locator('#secret').isVisible()).toBe(false);
    await page.getByLabel('Organization').fill('Northwind');
    await page.getByLabel('Your name').fill(FOUNDER.name);
    await page.getByLabel('E-mail address').fill(FOUNDER.email);
    await page.getByLabel('Password').fill(FOUNDER.password);
    await page.getByRole('button', { name: 'Create administrator' }).click();
    await page.getByRole('heading', { name: 'Ready' }).waitFor();
    await page.getByRole('link', { name: 'API documentation' }).click();

    await page.locator('.auth-wrapper .btn.authorize').click();
    const form = page.locator('.auth-container', { has: page.getByRole('heading', { name: 'authorization_code (' }) });
    const opened = context.waitForEvent('page');
    await form.locator('button.authorize').click();
    const signIn = await opened;
    await signIn.locator('#username').fill(FOUNDER.email);
    await signIn.locator('#password').fill(FOUNDER.password);
    await signIn.locator('#login-submit').click();
    expect(await signIn.locator('main').innerText()).toMatch(/Ada Lovelace[\s\S]*Northwind/);
    const closed = signIn.waitForEvent('close');
    await signIn.locator('#consent-allow').click();
    await closed;
    await form.getByText('Authorized', { exact: true }).waitFor();
    expect(trouble.complaints).toEqual([]);
    expect([...trouble.origins]).toEqual([server.issuer]);

    const again = await context.newPage();
    await again.goto(link);
    for (const [label, text] of [['Organization', 'Mallory'], ['Your name', 'Mallory'], ['E-mail address', 'mallory@example.com'], ['Password', 'other umbrella quartz 5']] as const) {
      await again.getByLabel(label).fill(text);
    }
    await again.getByRole('button', { name: 'Create administrator' }).click();
    await again.locator('#secret-error').getByText('not valid, or no longer').waitFor();
    expect(await again.getByRole('heading', { name: 'Ready' }).isVisible()).toBe(false);
  }, PATIENCE);

  async function printedLink(): Promise<string> {
    for (let attempt = 0; attempt < 600; attempt += 1) {
      const link = /^ {2}(http:\S+\/setup#\S+)$/m.exec(server.output())?.[1];
      if (link) return link;
      await new Promise((done) => { setTimeout(done, 50); });
    }
    throw new Error(`no link in:\n${server.output()}`);
  }
});
