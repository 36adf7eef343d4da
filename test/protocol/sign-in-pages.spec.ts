import { randomBytes } from 'node:crypto';
import { DataSource } from 'typeorm';
import { auditUnavailable } from '../../src/modules/audit/audit.errors.js';
import { AuditLog } from '../../src/modules/audit/audit-log.service.js';
import { Interactions } from '../../src/oidc/interactions/interactions.service.js';
import { post } from '../support/api.js';
import { startApplication, type TestApplication } from '../support/application.js';
import { FormBrowser } from '../support/browser.js';
import { CALLBACK, registerClient, WEB_CLIENT } from '../support/clients.js';
import { ADMIN } from '../support/server.js';

describe('the pages of a sign-in', () => {
  let server: TestApplication;
  let url: string;

  beforeAll(async () => {
    server = await startApplication({ LOG_LEVEL: 'silent' });
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

  /** For people: a whole page under a policy, with what went wrong and no word of JSON. */
  function expectPage({ status, html, headers }: { status: number; html: string; headers: Headers }, expected: number, code: string): void {
    expect({ status, type: headers.get('content-type'), policy: headers.get('content-security-policy') }).toEqual({ status: expected, type: 'text/html; charset=utf-8', policy: expect.stringContaining("default-src 'none'") });
    expect(html).toContain('<h1>');
    expect(html).toContain(code);
  }

  it.each<[string, [string, string][]]>([
    ['without a name', [['password', 'x']]], ['with two names', [['username', 'a'], ['username', 'b'], ['password', 'x']]],
    ['with a name that is endless', [['username', 'x'.repeat(5000)], ['password', 'x']]], ['with a field that is not theirs', [['username', 'a'], ['password', 'x'], ['role', 'owner']]],
  ])('say on a page that a form came %s, and put it on record once', async (_how, fields) => {
    const browser = new FormBrowser();
    const before = await refusalsOnRecord();
    const page = await browser.open(url);
    const csrfToken = /name="csrf_token" value="([^"]+)"/.exec(page.html)![1]!;
    const body = new URLSearchParams([['csrf_token', csrfToken], ...fields]).toString();
    const answer = await browser.open(`${page.url}/sign-in`, { method: 'POST', body, headers: { 'content-type': 'application/x-www-form-urlencoded' } });
    expectPage(answer, 400, 'invalid_request');
    expect((await refusalsOnRecord()).slice(before.length)).toEqual(['invalid_request']);
  });

  it('say on a page that something else came than a form', async () => {
    const browser = new FormBrowser();
    const page = await browser.open(url);
    for (const contentType of ['text/plain', 'multipart/form-data; boundary=x']) {
      const answer = await browser.open(`${page.url}/sign-in`, { method: 'POST', body: 'username=a', headers: { 'content-type': contentType } });
      expectPage(answer, 415, 'unsupported_media_type');
      expect(answer.html).toContain('application/x-www-form-urlencoded');
    }
    expectPage(await browser.open(`${page.url}/nothing`), 404, 'route_not_found');
  });

  it('say on a page that the server cannot answer now, and when to try again; programs hear it as ever', async () => {
    const browser = new FormBrowser();
    const page = await browser.open(url);
    const failing = vi.spyOn(server.inside(AuditLog), 'record').mockRejectedValue(auditUnavailable(new Error('secret reason')));
    try {
      const answers = [
        await browser.submit(page, { username: ADMIN.email, password: 'x', csrf_token: 'forged' }),
        await browser.open(`${server.issuer}/api/oauth/authorize?client_id=nobody`),
        await browser.open(`${url}&prompt=none&response_mode=query`),
      ];
      for (const answer of answers) {
        expectPage(answer, 503, 'unavailable');
        expect(answer.headers.get('retry-after')).toMatch(/^\d+$/);
        expect(answer.headers.get('location')).toBeNull();
        expect(answer.html).not.toContain('secret reason');
      }
      const program = await post(server, '/api/oauth/token', { grant_type: 'nothing' }, { headers: { accept: 'text/html' } });
      expect(program).toMatchObject({ status: 503, body: { error: 'temporarily_unavailable' } });
    } finally {
      failing.mockRestore();
    }
  });

  it('say on a page that something is broken here, and not what', async () => {
    const browser = new FormBrowser();
    const page = await browser.open(url);
    const broken = vi.spyOn(server.inside(Interactions), 'step').mockRejectedValue(new TypeError('secret reason'));
    try {
      const answer = await browser.open(page.url);
      expectPage(answer, 500, 'internal_error');
      expect(answer.html).not.toContain('secret reason');
    } finally {
      broken.mockRestore();
    }
  });
});
