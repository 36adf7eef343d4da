import { DataSource } from 'typeorm';
import { useClock } from '../../src/kernel/clock.js';
import { auditUnavailable } from '../../src/modules/audit/audit.errors.js';
import { AuditLog } from '../../src/modules/audit/audit-log.service.js';
import { Metrics } from '../../src/platform/metrics/metrics.js';
import { call, post, type Answer } from '../support/api.js';
import { startApplication, type TestApplication } from '../support/application.js';
import { clientAssertion, presenting, registerKeyClient } from '../support/assertions.js';
import { FormBrowser } from '../support/browser.js';
import { MACHINE_CLIENT, registerClient } from '../support/clients.js';
import { auditTrail } from '../support/directory.js';
import { addPerson, signIn } from '../support/people.js';
import { ADMIN } from '../support/server.js';

/** Says the same as usual, but only the library reads it. */
const LONG_WAY = { 'content-type': 'application/x-www-form-urlencoded; charset=us-ascii' };
const OWN_TOKEN = { grant_type: 'client_credentials' };
/** Of every limit of a source: one comes back each second and a half. */
const QUOTA = 40;
/** As many as come back while a test asks, be it on a slow machine. */
const RETURNED = 15;

let server: TestApplication;
let token: string;
let nextSource = 1;

/** The header by which a proxy names an address that nobody else in this suite has. */
const source = () => from(`198.51.100.${nextSource++}`);
const from = (address: string) => ({ 'x-forwarded-for': address });

beforeAll(async () => {
  server = await startApplication({
    LOG_LEVEL: 'silent', LEGATE_TRUSTED_PROXIES: '1',
    LEGATE_RATE_LIMIT_TOKEN: `source=${QUOTA},client=60`, LEGATE_RATE_LIMIT_VERIFICATION: `source=${QUOTA},client=60`, LEGATE_RATE_LIMIT_PAGES: `source=${QUOTA}`,
    LEGATE_RATE_LIMIT_REGISTRATION: `source=${QUOTA}`, LEGATE_RATE_LIMIT_READ: `source=${QUOTA},user=60`, LEGATE_RATE_LIMIT_WRITE: `source=${QUOTA},user=60`,
  });
  const { body } = await post(server, '/api/oauth/token', OWN_TOKEN, { basic: ['bootstrap', server.clientSecret] });
  token = String(body['access_token']);
});
afterAll(() => server.stop());

/** Asks until it is refused, and answers how often it was not, and the refusal. */
async function untilRefused(ask: () => Promise<Answer>, most = QUOTA + 60): Promise<{ times: number; refusal: Answer }> {
  for (let times = 0; times <= most; times += 1) {
    const answer = await ask();
    if (answer.status === 429) return { times, refusal: answer };
  }
  throw new Error(`${most} requests, and none refused`);
}

/** Asks until it is answered. */
async function untilAnswered(ask: () => Promise<Answer>): Promise<Answer> {
  for (let tries = 0; tries < 300; tries += 1) {
    const answer = await ask();
    if (answer.status !== 429) return answer;
    await new Promise((resolve) => { setTimeout(resolve, 200); });
  }
  throw new Error('never answered again');
}

const badToken = (headers: Record<string, string>) => post(server, '/api/oauth/token', OWN_TOKEN, { basic: ['nobody', 'x'], headers });

async function machine(): Promise<[string, string]> {
  const { clientId, clientSecret } = await registerClient(server, MACHINE_CLIENT);
  return [clientId, clientSecret!];
}

async function limitEvents(): Promise<{ type: string; outcome: string; actor: object; details: Record<string, unknown>; source?: { ip: string } }[]> {
  return (await auditTrail(server.inside(DataSource))).filter(({ type }) => type === 'request.limited') as never;
}

function expectRefusal({ headers }: Answer, policy: string): void {
  expect(headers.get('ratelimit-policy')).toMatch(new RegExp(`"${policy}";q=\\d+;w=60`));
  expect(headers.get('ratelimit')).toMatch(new RegExp(`"${policy}";r=0;t=\\d+`));
  expect(Number(headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
  expect(Number(headers.get('retry-after'))).toBeLessThanOrEqual(60);
}

describe('a source that proves nothing', () => {
  it.each<[string, (headers: Record<string, string>) => Promise<Answer>, string]>([
    ['the token endpoint', badToken, 'token-source'],
    ['the revocation endpoint', (headers) => post(server, '/api/oauth/revoke', { token: 'x', client_id: 'nobody' }, { headers }), 'token-source'],
    ['introspection', (headers) => post(server, '/api/oauth/introspect', { token: 'x' }, { basic: ['nobody', 'x'], headers }), 'verification-source'],
    ['userinfo', (headers) => call(server, 'GET', '/api/oauth/userinfo', { headers }), 'verification-source'],
  ])('is refused by %s in the words of OAuth, and heard again later', async (_endpoint, ask, policy) => {
    const headers = source();
    const { times, refusal } = await untilRefused(() => ask(headers));
    expect(times).toBeGreaterThanOrEqual(QUOTA);
    expect(times).toBeLessThanOrEqual(QUOTA + RETURNED);
    expect(refusal.body).toEqual({ error: 'slow_down', error_description: 'Too many requests; try again later.' });
    expectRefusal(refusal, policy);
    expect((await ask(source())).status).not.toBe(429);
    expect((await untilAnswered(() => ask(headers))).status).toBeGreaterThanOrEqual(400);
  });

  it.each<[string, string, string, string]>([
    ['reading', 'GET', '/api/agents', 'read-source'], ['writing', 'POST', '/api/agents', 'write-source'], ['registering', 'POST', '/api/agents/register', 'registration-source'],
    ['signing in', 'POST', '/api/auth/login', 'token-source'], ['reading discovery', 'GET', '/.well-known/openid-configuration', 'read-source'], ['asking for nothing', 'GET', '/nothing', 'read-source'],
  ])('is refused when %s with problem details, and heard again later', async (_what, method, path, policy) => {
    const headers = source();
    const ask = () => call(server, method, path, { body: method === 'POST' ? {} : undefined, headers });
    const { times, refusal } = await untilRefused(ask);
    expect(times).toBeGreaterThanOrEqual(QUOTA);
    expect(times).toBeLessThanOrEqual(QUOTA + RETURNED);
    expect(refusal.body).toMatchObject({ status: 429, title: 'Too Many Requests', code: 'too_many_requests', detail: 'Too many requests; try again later.', policy, instance: refusal.headers.get('x-request-id') });
    expect(refusal.headers.get('content-type')).toBe('application/problem+json');
    expectRefusal(refusal, policy);
    expect((await untilAnswered(ask)).status).not.toBe(429);
  });

  it('is refused by the decision endpoint in a sentence', async () => {
    const headers = source();
    const { refusal } = await untilRefused(() => call(server, 'POST', '/access/v1/evaluation', { body: {}, headers }));
    expect([refusal.headers.get('content-type'), refusal.body]).toEqual(['text/plain; charset=utf-8', { text: 'Too many requests; try again later.' }]);
    expectRefusal(refusal, 'verification-source');
  });

  it('is shown a page where people are', async () => {
    const headers = source();
    const { refusal } = await untilRefused(() => call(server, 'GET', '/api/oauth/authorize?client_id=nobody', { headers }));
    expect([refusal.headers.get('content-type'), refusal.headers.get('content-security-policy')]).toEqual(['text/html; charset=utf-8', expect.stringContaining("default-src 'none'")]);
    expect(refusal.body['text']).toContain('too_many_requests');
    expectRefusal(refusal, 'pages-source');
  });

  it('is all of an IPv6 /64, and nobody else', async () => {
    let host = 0;
    const { times } = await untilRefused(() => badToken(from(`2001:db8:1:2:${(host += 1).toString(16)}::${host.toString(16)}`)));
    expect(times).toBeLessThanOrEqual(QUOTA + RETURNED);
    expect((await badToken(from('2001:db8:1:3::1'))).status).toBe(401);
  });

  it('does not choose its address: what it says itself of where it comes from does not count', async () => {
    const { ip } = { ip: '198.51.101.1' };
    let claimed = 0;
    const { times } = await untilRefused(() => badToken(from(`203.0.113.${(claimed += 1)}, ${ip}`)));
    expect(times).toBeLessThanOrEqual(QUOTA + RETURNED);
  });

  it('is told what is left for it while it is answered', async () => {
    const headers = source();
    const answers = [await call(server, 'GET', '/api/agents', { headers }), await call(server, 'GET', '/api/agents', { headers })];
    expect(answers.map(({ headers: told }) => [told.get('ratelimit-policy'), told.get('ratelimit')])).toEqual([
      [`"read-source";q=${QUOTA};w=60`, `"read-source";r=${QUOTA - 1};t=2`], [`"read-source";q=${QUOTA};w=60`, expect.stringMatching(`"read-source";r=${QUOTA - 2};t=[23]`)],
    ]);
  });

  it('may ask how the server is, however often', async () => {
    const headers = source();
    await untilRefused(() => call(server, 'GET', '/nothing', { headers }));
    for (let times = 0; times < QUOTA + 20; times += 1) expect((await call(server, 'GET', '/health/live', { headers })).status).toBe(200);
  });
});

describe('those who prove who they are', () => {
  it('are served where their source has nothing left: clients by their secret, callers by their token, and nobody else', async () => {
    const headers = source();
    const basic = await machine();
    await untilRefused(() => badToken(headers));
    await untilRefused(() => call(server, 'GET', '/nothing', { headers }));
    await untilRefused(() => post(server, '/api/oauth/introspect', { token: 'x' }, { basic: ['nobody', 'x'], headers }));
    const issued = await post(server, '/api/oauth/token', OWN_TOKEN, { basic, headers: { ...headers, accept: 'application/json' } });
    const asked = await post(server, '/api/oauth/introspect', { token: String(issued.body['access_token']) }, { basic, headers: { ...headers, accept: 'application/json' } });
    const read = await call(server, 'GET', '/api/agents', { token, headers });
    expect([issued.status, asked.body['active'], read.status]).toEqual([200, true, 200]);
    const others = [
      await untilRefused(() => post(server, '/api/oauth/token', OWN_TOKEN, { basic: [basic[0], 'wrong'], headers: { ...headers, accept: 'application/json' } })),
      await untilRefused(() => call(server, 'GET', '/api/agents', { token: `${token}x`, headers })),
      await untilRefused(() => call(server, 'GET', '/api/openapi.json', { token: 'x', headers })),
    ];
    expect(Math.max(...others.map(({ times }) => times))).toBeLessThanOrEqual(RETURNED);
  });

  it('use up nothing of their source', async () => {
    const headers = source();
    const basic = await machine();
    for (let times = 0; times < QUOTA + 10; times += 1) expect((await post(server, '/api/oauth/token', OWN_TOKEN, { basic, headers })).status).toBe(200);
    expect((await badToken(headers)).status).toBe(401);
  });

  it.each([['on the fast path', { accept: 'application/json' }], ['on the long way', LONG_WAY]])('are limited as clients %s, wherever they ask from, and others are not', async (_way, way: Record<string, string>) => {
    const basic = await machine();
    const { times, refusal } = await untilRefused(() => post(server, '/api/oauth/token', OWN_TOKEN, { basic, headers: { ...source(), ...way } }), 150);
    expect(times).toBeGreaterThanOrEqual(60);
    expect(times).toBeLessThanOrEqual(60 + 2 * RETURNED);
    expect(refusal.body).toEqual({ error: 'slow_down', error_description: 'Too many requests; try again later.' });
    expectRefusal(refusal, 'token-client');
    // To ask about tokens is another thing, and so is another client.
    expect((await post(server, '/api/oauth/introspect', { token: 'x' }, { basic, headers: way })).status).toBe(200);
    expect((await post(server, '/api/oauth/token', OWN_TOKEN, { basic: await machine(), headers: way })).status).toBe(200);
    expect((await untilAnswered(() => post(server, '/api/oauth/token', OWN_TOKEN, { basic, headers: way }))).status).toBe(200);
  });

  it('are limited as clients that ask about tokens which are none, and that prove themselves by a key', async () => {
    const basic = await machine();
    const asking = await untilRefused(() => post(server, '/api/oauth/introspect', { token: 'x' }, { basic }), 150);
    expectRefusal(asking.refusal, 'verification-client');
    const client = await registerKeyClient(server);
    const byKey = await untilRefused(async () => post(server, '/api/oauth/token', { ...OWN_TOKEN, ...presenting(await clientAssertion(server, client)) }, { headers: source() }), 150);
    expectRefusal(byKey.refusal, 'token-client');
  });

  it('are clients also when they log in with a key, and use up nothing of their source', async () => {
    const headers = source();
    const { body: agent } = await call(server, 'POST', '/api/auth/register', { token, body: { name: 'limited', password: 'seldom heard piano 4711', scopes: ['weather:read'] } });
    const logIn = () => call(server, 'POST', '/api/auth/login', { body: { api_key: agent['api_key'] }, headers });
    for (let times = 0; times < QUOTA + 10; times += 1) expect((await logIn()).status).toBe(200);
    const { refusal } = await untilRefused(logIn, 150);
    expect(refusal.body).toMatchObject({ code: 'too_many_requests', policy: 'token-client' });
    // And guessing at the agent is on record once, and then by its number.
    const guess = () => call(server, 'POST', '/api/auth/login', { body: { name: 'limited', password: 'wrong' }, headers: source() });
    const guessFrom = source();
    const guesses = await Promise.all(Array.from({ length: 25 }, () => call(server, 'POST', '/api/auth/login', { body: { name: 'limited', password: 'wrong' }, headers: guessFrom })));
    expect(guesses.map(({ status }) => status).sort()).toEqual([...Array(10).fill(401), ...Array(15).fill(429)]);
    expect((await auditTrail(server.inside(DataSource))).filter(({ type, reason }) => type === 'token.refused' && reason === 'too_many_sign_ins')).toHaveLength(1);
    expect((await guess()).status).toBe(401);
  });

  it('are limited as people, each for themselves', async () => {
    const [ada, grace] = await Promise.all(['ada', 'grace'].map(async (name) => signIn(server, await addPerson(server, token, 'member', name))));
    const { times, refusal } = await untilRefused(() => call(server, 'GET', '/api/users/me', { token: ada!.accessToken }), 150);
    expect(times).toBeGreaterThanOrEqual(59);
    expect(refusal.body).toMatchObject({ code: 'too_many_requests', policy: 'read-user' });
    expectRefusal(refusal, 'read-user');
    expect((await call(server, 'PUT', '/api/users/me', { token: ada!.accessToken, body: {} })).status).toBe(200);
    expect((await call(server, 'GET', '/api/users/me', { token: grace!.accessToken })).status).toBe(200);
    expect((await untilAnswered(() => call(server, 'GET', '/api/users/me', { token: ada!.accessToken }))).status).toBe(200);
  });
});

describe('what is refused', () => {
  it('is on record once, whoever asks how often, and then by its number', async () => {
    const headers = source();
    const { refusal } = await untilRefused(() => badToken(headers));
    const ofSource = async () => (await auditTrail(server.inside(DataSource))).filter((event) => (event['source'] as { ip?: string } | undefined)?.ip === headers['x-forwarded-for']).length;
    const before = await ofSource();
    let refused = 1;
    for (let times = 0; times < 150; times += 1) if ((await badToken(headers)).status === 429) refused += 1;
    const own = async () => (await limitEvents()).filter(({ details }) => details['source'] === headers['x-forwarded-for']);
    const [first] = await own();
    expect(await own()).toHaveLength(1);
    expect(first).toMatchObject({ outcome: 'refused', actor: { kind: 'anonymous' }, reason: 'too_many_requests', details: { class: 'token', limit: 'source' }, source: { ip: headers['x-forwarded-for'], request_id: refusal.headers.get('x-request-id') } });
    // Those that were answered in between are there, and nothing else.
    expect(await ofSource() - before).toBe(151 - refused);
    const restore = useClock({ now: () => Date.now() + 61_000 });
    try {
      for (let tries = 0; (await own()).length < 2; tries += 1) {
        if (tries > 120) throw new Error('the others were never recorded');
        await new Promise((resolve) => { setTimeout(resolve, 500); });
      }
    } finally {
      restore();
    }
    expect((await own()).map(({ details }) => details['count'])).toEqual([undefined, refused - 1]);
  });

  it('names the client, in the log of its organization', async () => {
    const basic = await machine();
    await untilRefused(() => post(server, '/api/oauth/token', OWN_TOKEN, { basic }), 150);
    expect((await limitEvents()).at(-1)).toMatchObject({ actor: { kind: 'client', id: basic[0] }, organization_id: expect.stringMatching(/^[0-9a-f-]{36}$/), details: { class: 'token', limit: 'client' } });
  });

  it('is on record under no other name', async () => {
    const otherwise = (await auditTrail(server.inside(DataSource))).filter(({ type, reason }) => type !== 'request.limited' && ['too_many_requests', 'slow_down'].includes(String(reason)));
    expect(otherwise).toEqual([]);
  });

  it('is not refused but unavailable where it cannot be recorded', async () => {
    const headers = source();
    for (let times = 0; times < QUOTA; times += 1) await call(server, 'GET', '/nothing', { headers });
    const failing = vi.spyOn(server.inside(AuditLog), 'record').mockRejectedValue(auditUnavailable(new Error('secret reason')));
    try {
      const statuses = new Set<number>();
      for (let times = 0; times < 10; times += 1) statuses.add((await call(server, 'GET', '/nothing', { headers })).status);
      expect([...statuses].filter((status) => status !== 404)).toEqual([503]);
    } finally {
      failing.mockRestore();
    }
    await untilRefused(() => call(server, 'GET', '/nothing', { headers }));
  });

  it('is a metric', async () => {
    const headers = source();
    const metric = async () => Number(/^legate_requests_limited_total\{class="write",limit="source"\} (\d+)$/m.exec(await server.inside(Metrics).render())?.[1] ?? 0);
    const before = await metric();
    await untilRefused(() => call(server, 'POST', '/api/agents', { body: {}, headers }));
    expect(await metric()).toBe(before + 1);
  });
});

describe('an organization', () => {
  it('is limited as one, whoever of it asks, and others are not', async () => {
    const crowded = await startApplication({ LOG_LEVEL: 'silent', LEGATE_RATE_LIMIT_TOKEN: 'organization=60', LEGATE_RATE_LIMIT_READ: 'organization=60' });
    try {
      const clients = [await registerClient(crowded, MACHINE_CLIENT), await registerClient(crowded, MACHINE_CLIENT)];
      let turn = 0;
      const { refusal } = await untilRefused(() => {
        const { clientId, clientSecret } = clients[(turn += 1) % 2]!;
        return post(crowded, '/api/oauth/token', OWN_TOKEN, { basic: [clientId, clientSecret!] });
      }, 150);
      expectRefusal(refusal, 'token-organization');
    } finally {
      await crowded.stop();
    }
  });
});

describe('a person whom somebody else keeps guessing at', () => {
  it('signs in with the browser they signed in with before, from a network where attackers used up everything', async () => {
    const person = await addPerson(server, token, 'member', 'victim');
    const url = `${server.issuer}/api/oauth/authorize?${new URLSearchParams({
      client_id: 'swagger-ui', response_type: 'code', redirect_uri: `${server.issuer}/api/docs/oauth2-redirect.html`, code_challenge: 'x'.repeat(43), code_challenge_method: 'S256',
    }).toString()}`;
    const here = '198.51.102.7';
    const browser = new FormBrowser({ 'x-forwarded-for': here });
    const signInPage = () => browser.open(`${url}&prompt=login`);
    expect((await browser.submit(await signInPage(), { username: person.email, password: person.password })).html).toContain('id="consent-allow"');

    const statuses = new Set<number>();
    for (let guess = 0; guess < 14; guess += 1) {
      const attacker = new FormBrowser({ 'x-forwarded-for': here });
      const page = await attacker.open(url);
      statuses.add(page.status === 200 ? (await attacker.submit(page, { username: person.email, password: `guess ${guess}` })).status : page.status);
    }
    expect([...statuses].sort()).toEqual([400, 429]);
    await untilRefused(() => call(server, 'GET', '/api/oauth/authorize?client_id=nobody', { headers: from(here) }));

    const stranger = new FormBrowser({ 'x-forwarded-for': here });
    expect((await stranger.open(url)).status).toBe(429);
    expect((await browser.submit(await signInPage(), { username: person.email, password: person.password })).html).toContain('id="consent-allow"');
  });

  it('is known to the browser by a cookie that says nothing of them and is nothing without its proof', async () => {
    const browser = new FormBrowser();
    const page = await browser.open(`${server.issuer}/api/oauth/authorize?${new URLSearchParams({
      client_id: 'swagger-ui', response_type: 'code', redirect_uri: `${server.issuer}/api/docs/oauth2-redirect.html`, code_challenge: 'x'.repeat(43), code_challenge_method: 'S256',
    }).toString()}`);
    const answer = await fetch(`${page.url}/sign-in`, {
      method: 'POST', redirect: 'manual', headers: { 'content-type': 'application/x-www-form-urlencoded', cookie: browser.cookieHeader(page.url) },
      body: new URLSearchParams({ username: ADMIN.email, password: ADMIN.password, csrf_token: /name="csrf_token" value="([^"]+)"/.exec(page.html)![1]! }).toString(),
    });
    const cookie = answer.headers.getSetCookie().find((line) => line.startsWith('legate_device='))!;
    expect(cookie).toMatch(/^legate_device=[0-9a-f-]{36}\.[0-9a-f-]{36}\.\d+\.[\w-]{43}; Path=\/; Max-Age=7776000; HttpOnly; SameSite=Lax$/);
    expect(cookie).not.toContain(ADMIN.email);
  });
});
