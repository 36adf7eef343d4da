import { randomBytes } from 'node:crypto';
import { DataSource } from 'typeorm';
import { startApplication, type TestApplication } from '../support/application.js';
import { FormBrowser } from '../support/browser.js';
import { CALLBACK, registerClient, WEB_CLIENT } from '../support/clients.js';
import { ADMIN } from '../support/server.js';

describe('the pages of a sign-in', () => {
  let server: TestApplication;
  let url: string;

  beforeAll(async () => {
    server = await startApplication();
    const { clientId } = await registerClient(server, WEB_CLIENT);
    url = `${server.issuer}/api/oauth/authorize?${new URLSearchParams({
      client_id: clientId, response_type: 'code', redirect_uri: CALLBACK, scope: 'openid', code_challenge: 'x'.repeat(43), code_challenge_method: 'S256',
    }).toString()}`;
  });
  afterAll(() => server.stop());

  async function refusalsOnRecord(): Promise<string[]> {
    const rows = await server.inside(DataSource).query<{ reason: string }[]>(
      `SELECT body::json ->> 'reason' AS reason FROM audit_events WHERE body::json -> 'target' ->> 'id' LIKE '%/api/oauth/interaction/%' ORDER BY sequence`);
    return rows.map(({ reason }) => reason);
  }

  it('put on record when somebody sends a form that they did not show', async () => {
    const browser = new FormBrowser();
    const before = await refusalsOnRecord();
    const answer = await browser.submit(await browser.open(url), { username: ADMIN.email, password: ADMIN.password, csrf_token: randomBytes(32).toString('base64url') });
    expect(answer.status).toBe(403);
    expect((await refusalsOnRecord()).slice(before.length)).toEqual(['interaction_forged']);
  });

  it('put on record when another browser opens them', async () => {
    const before = await refusalsOnRecord();
    const page = await new FormBrowser().open(url);
    expect((await new FormBrowser().open(page.url)).status).toBe(400);
    expect((await refusalsOnRecord()).slice(before.length)).toEqual(['interaction_expired']);
  });

  it('put a wrong password on record once', async () => {
    const browser = new FormBrowser();
    const before = await refusalsOnRecord();
    const page = await browser.submit(await browser.open(url), { username: ADMIN.email, password: 'wrong horse battery staple' });
    expect(page.status).toBe(400);
    expect((await refusalsOnRecord()).slice(before.length)).toEqual([]);
    const [last] = await server.inside(DataSource).query<{ type: string }[]>('SELECT type FROM audit_events ORDER BY sequence DESC LIMIT 1');
    expect(last!.type).toBe('user.sign_in_refused');
  });
});
