import { now, useClock } from '../../src/kernel/clock.js';
import { Preparation } from '../../src/preparation.service.js';
import { call, post } from '../support/api.js';
import { startApplication, type TestApplication } from '../support/application.js';
import { authorize, firstPartyClient, signIn } from '../support/people.js';
import { ADMIN, startServer, type TestServer } from '../support/server.js';

/** Settings that are empty are not set. */
const NO_BOOTSTRAP = { LEGATE_BOOTSTRAP_ADMIN_EMAIL: '', LEGATE_BOOTSTRAP_ADMIN_PASSWORD: '', LEGATE_BOOTSTRAP_CLIENT_SECRET: '' };
const FOUNDER = { email: 'founder@example.com', password: 'seldom heard piano 4711' };
const HALF_AN_HOUR = 30 * 60 * 1000;

function setUp(server: { issuer: string }, secret: string, fields: Record<string, unknown> = {}) {
  return call(server, 'POST', '/api/setup', { body: { secret, ...FOUNDER, organization_name: 'Example & Co', ...fields } });
}

describe('an installation that nobody has set up', () => {
  let server: TestApplication;
  let secret: string;

  beforeAll(async () => {
    server = await startApplication(NO_BOOTSTRAP);
    const link = server.inside(Preparation).firstStart.setupLink!;
    expect(link.startsWith(`${server.issuer}/setup#lgt_setup_`)).toBe(true);
    secret = link.split('#')[1]!;
  });

  afterAll(() => server.stop());

  it('has no account and no client that somebody could guess', async () => {
    const { callback } = await authorize(server, ADMIN, firstPartyClient(server));
    expect(callback.pathname).toMatch(/^\/api\/oauth\/interaction\/[^/]+\/sign-in$/);
    const { status } = await post(server, '/api/oauth/token', { grant_type: 'client_credentials' }, { basic: ['bootstrap', 'bootstrap'] });
    expect(status).toBe(401);
  });

  it('shows a page to whoever opens the link, which the secret never leaves the browser for', async () => {
    const page = await fetch(`${server.issuer}/setup`);
    expect({ status: page.status, type: page.headers.get('content-type') }).toEqual({ status: 200, type: expect.stringContaining('text/html') as string });
    expect(page.headers.get('referrer-policy')).toBe('no-referrer');
  });

  it('refuses a secret that it did not print', async () => {
    for (const wrong of ['', 'x', `${secret}x`, secret.slice(0, -1), `${secret.slice(0, -1)}${secret.endsWith('a') ? 'b' : 'a'}`]) {
      const { status, body } = await setUp(server, wrong);
      expect({ wrong, status, code: body['code'] }).toEqual({ wrong, status: 403, code: 'invalid_setup_secret' });
    }
  });

  it('refuses the secret half an hour after it was printed', async () => {
    const moment = now() + HALF_AN_HOUR;
    const putBack = useClock({ now: () => moment });
    try {
      const { status, body } = await setUp(server, secret);
      expect({ status, code: body['code'] }).toEqual({ status: 403, code: 'invalid_setup_secret' });
    } finally {
      putBack();
    }
  });

  it('does not use the secret up on an answer that cannot be taken', async () => {
    expect((await setUp(server, secret, { password: 'password' })).body).toMatchObject({ status: 400, code: 'weak_password' });
    expect((await setUp(server, secret, { email: 'nobody' })).body).toMatchObject({ status: 400, code: 'invalid_request' });
    expect((await setUp(server, secret, { organization_name: 'a\u202Eb' })).body).toMatchObject({ status: 400, code: 'invalid_request' });
    expect((await setUp(server, secret, { is_platform_administrator: true })).body).toMatchObject({ status: 400, code: 'invalid_request' });
  });

  it('is set up once, by one of all who try with the secret at the same moment, and by nobody after', async () => {
    const answers = await Promise.all(Array.from({ length: 5 }, (_, index) => setUp(server, secret, { email: index === 0 ? FOUNDER.email : `other${index}@example.com` })));
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 403, 403, 403, 403]);
    const winner = answers.find(({ status }) => status === 201)!;
    expect(winner.headers.get('location')).toBe(`/api/users/${String(winner.body['user_id'])}`);
    expect(winner.headers.get('cache-control')).toContain('no-store');
    expect(winner.body).toEqual({ user_id: expect.any(String), email: expect.any(String), organization_id: expect.any(String), organization_slug: 'default' });
    expect((await setUp(server, secret, { email: 'late@example.com' })).body).toMatchObject({ status: 403, code: 'invalid_setup_secret' });

    const { accessToken: token } = await signIn(server, { email: String(winner.body['email']), password: FOUNDER.password });
    expect((await call(server, 'GET', '/api/users/me', { token })).body).toMatchObject({ is_platform_administrator: true, role: 'owner' });
    expect((await call(server, 'GET', winner.headers.get('location')!, { token })).status).toBe(200);
    expect((await call<{ data: unknown[] }>(server, 'GET', '/api/users', { token })).body.data).toHaveLength(1);
    expect((await call(server, 'GET', `/api/organizations/${String(winner.body['organization_id'])}`, { token })).body).toMatchObject({ name: 'Example & Co', slug: 'default' });
  });
});

describe('starting again', () => {
  const linkOf = (server: TestServer) => /\/setup#(\S+)/.exec(server.output())?.[1];
  let first: TestServer;
  let running: TestServer;

  beforeAll(async () => {
    first = await startServer({ environment: NO_BOOTSTRAP });
  });

  afterAll(async () => {
    await running.stop();
    await first.stop();
  });

  it('before anybody has set it up prints a new link, and the one before stops working', async () => {
    await first.kill();
    running = await startServer({ beside: first });
    const [former, fresh] = [linkOf(first), linkOf(running)];
    expect([former, fresh]).toEqual([expect.stringMatching(/^lgt_setup_/), expect.stringMatching(/^lgt_setup_/)]);
    expect(fresh).not.toBe(former);
    expect((await setUp(running, former!)).body).toMatchObject({ status: 403, code: 'invalid_setup_secret' });
    expect((await setUp(running, fresh!)).status).toBe(201);
  });

  it('with bootstrap settings does nothing once there is somebody, and says so', async () => {
    await running.stop();
    const other = { email: 'attacker@example.com', password: 'another horse battery staple 8' };
    const clientSecret = 'another secret of more than 32 characters';
    running = await startServer({
      beside: first,
      environment: { LEGATE_BOOTSTRAP_ADMIN_EMAIL: other.email, LEGATE_BOOTSTRAP_ADMIN_PASSWORD: other.password, LEGATE_BOOTSTRAP_CLIENT_SECRET: clientSecret, LOG_LEVEL: 'info' },
    });
    expect(running.output()).toContain('LEGATE_BOOTSTRAP_ADMIN_EMAIL and LEGATE_BOOTSTRAP_ADMIN_PASSWORD did nothing');
    expect(running.output()).toContain('LEGATE_BOOTSTRAP_CLIENT_SECRET did nothing');
    expect(running.output()).not.toMatch(/another horse battery staple 8|another secret of more|lgt_setup_/);
    const refused = await post(running, '/api/oauth/token', { grant_type: 'client_credentials' }, { basic: ['bootstrap', clientSecret] });
    expect(refused.status).toBe(401);
    const { callback } = await authorize(running, other, firstPartyClient(first));
    expect(callback.pathname).toMatch(/\/sign-in$/);
    expect((await setUp(running, 'lgt_setup_x')).status).toBe(403);
  });
});
