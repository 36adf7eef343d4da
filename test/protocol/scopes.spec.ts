import { createHash } from 'node:crypto';
import { decodeJwt } from 'jose';
import { DataSource } from 'typeorm';
import { vi } from 'vitest';
import { ResourcesService } from '../../src/modules/resources/resources.service.js';
import { ChangeFeed } from '../../src/platform/database/change-feed.js';
import { bootstrapToken, call, introspect, post } from '../support/api.js';
import { startApplication, type TestApplication } from '../support/application.js';
import { FormBrowser } from '../support/browser.js';
import { CALLBACK, MACHINE_CLIENT, registerAgent, registerClient } from '../support/clients.js';
import { auditTrail } from '../support/directory.js';
import { authorize, signIn, type PublicClient } from '../support/people.js';
import { ADMIN } from '../support/server.js';

const API = 'https://scopes.example/api';
const OPAQUE_API = 'https://scopes.example/opaque';
/** Says the same of an ASCII form as UTF-8 does, but only the library reads it. */
const LONG_WAY = { headers: { 'content-type': 'application/x-www-form-urlencoded; charset=us-ascii' } };
const VERIFIER = 'x'.repeat(43);

let server: TestApplication;
let admin: string;
let machine: [string, string];
let web: PublicClient;
const ids = new Map<string, string>();

beforeAll(async () => {
  server = await startApplication();
  admin = await bootstrapToken(server);
  await scope('cal:read');
  await scope('cal:write', { implies: ['cal:read'] });
  await scope('cal:all', { implies: ['cal:write'] });
  await scope('mail:read');
  await scope('pay:send', { requires_approval: true });
  await scope('pay:all', { implies: ['pay:send'] });
  const all = [...ids.keys()];
  await made('/api/resources', { identifier: API, name: 'An API', scopes: ['cal:read', 'cal:write', 'mail:read', 'pay:send', 'pay:all'] });
  await made('/api/resources', { identifier: OPAQUE_API, name: 'An opaque API', scopes: ['cal:all', 'mail:read'], token_format: 'opaque' });
  const registered = await registerClient(server, { ...MACHINE_CLIENT, scopes: all.filter((name) => !['cal:read', 'cal:write'].includes(name)) });
  machine = [registered.clientId, registered.clientSecret!];
  const { clientId } = await registerClient(server, {
    grant_types: ['authorization_code', 'refresh_token'], redirect_uris: [CALLBACK], token_endpoint_auth_method: 'none', scopes: ['openid', 'offline_access', ...all],
  });
  web = { clientId, redirectUri: CALLBACK };
});
afterAll(() => server.stop());

async function made(path: string, body: object): Promise<string> {
  const answer = await call(server, 'POST', path, { token: admin, body });
  expect({ path, status: answer.status, body: answer.body }).toMatchObject({ status: 201 });
  return String(answer.body['id']);
}

async function scope(name: string, more: object = {}): Promise<void> {
  ids.set(name, await made('/api/scopes', { name, description: `Use ${name}.`, ...more }));
}

async function setActive(name: string, isActive: boolean): Promise<void> {
  const answer = await call(server, 'PUT', `/api/scopes/${ids.get(name)}`, { token: admin, body: { is_active: isActive } });
  expect(answer.status).toBe(200);
}

async function whileInactive(name: string, act: () => Promise<void>): Promise<void> {
  await setActive(name, false);
  try {
    await act();
  } finally {
    await setActive(name, true);
  }
}

const ask = (form: Record<string, string>, options: object = {}) => post(server, '/api/oauth/token', { grant_type: 'client_credentials', resource: API, ...form }, { basic: machine, ...options });
const refresh = (token: string, form: Record<string, string> = {}) => post(server, '/api/oauth/token', { grant_type: 'refresh_token', refresh_token: token, client_id: web.clientId, ...form });

function authorizationUrl(parameters: Record<string, string>): string {
  const url = new URL('/api/oauth/authorize', server.issuer);
  url.search = new URLSearchParams({
    response_type: 'code', client_id: web.clientId, redirect_uri: CALLBACK, state: 's', code_challenge: createHash('sha256').update(VERIFIER).digest('base64url'), code_challenge_method: 'S256', ...parameters,
  }).toString();
  return url.href;
}

/** What a person's tokens of the code flow say: for one resource, with these scopes. */
async function tokensOfPerson(scopes: string, resource = API, browser = new FormBrowser()): Promise<{ access: string; refresh: string; scope: string }> {
  const callback = await browser.authorize(authorizationUrl({ scope: scopes, resource }), ADMIN);
  const { status, body } = await post(server, '/api/oauth/token', {
    grant_type: 'authorization_code', code: callback.searchParams.get('code')!, redirect_uri: CALLBACK, client_id: web.clientId, code_verifier: VERIFIER, resource,
  });
  expect({ callback: callback.search, status, body }).toMatchObject({ status: 200 });
  return { access: String(body['access_token']), refresh: String(body['refresh_token']), scope: String(body['scope']) };
}

describe('a token', () => {
  it.each([['cal:read', 'cal:read'], ['cal:read:busy cal:write', 'cal:read:busy cal:write'], ['mail:read cal:write', 'mail:read cal:write']])(
    'for a client that holds what implies %s carries what was asked for, and not what that covers', async (asked, granted) => {
      const { status, body } = await ask({ scope: asked });
      expect({ status, scope: body['scope'], claim: decodeJwt(String(body['access_token']))['scope'] }).toEqual({ status: 200, scope: granted, claim: granted });
    });

  it('is for what the resource offers, be it by what that implies', async () => {
    expect((await ask({ resource: OPAQUE_API, scope: 'cal:read mail:read:x' })).body).toMatchObject({ scope: 'cal:read mail:read:x' });
    const beyond = await ask({ scope: 'cal:all' });
    expect({ status: beyond.status, body: beyond.body }).toMatchObject({ status: 400, body: { error: 'invalid_scope', scope: 'cal:all' } });
  });

  it('of a person carries a part of what is registered, or what is implied, when that was asked for', async () => {
    const part = await tokensOfPerson('openid offline_access cal:read:busy');
    expect(part.scope).toBe('cal:read:busy');
    expect((await refresh(part.refresh)).body).toMatchObject({ scope: 'cal:read:busy' });
    expect((await tokensOfPerson('cal:read', OPAQUE_API)).scope).toBe('cal:read');
  });
});

describe('an inactive scope', () => {
  it('is granted to no client, however it is asked for', async () => {
    await whileInactive('cal:read', async () => {
      for (const options of [{}, LONG_WAY]) {
        const { status, body } = await ask({ scope: 'cal:read:busy' }, options);
        expect({ status, body }).toMatchObject({ status: 400, body: { error: 'invalid_scope', scope: 'cal:read:busy' } });
      }
      expect((await ask({ scope: 'cal:write' })).status).toBe(200);
      expect((await ask({})).body['scope']).toBe('cal:write mail:read');
    });
    expect((await ask({})).body['scope']).toBe('cal:read cal:write mail:read');
  });

  it('is back at once on the node where it is made active, however late that node hears from the database of the change', async () => {
    const deaf = vi.spyOn(server.inside(ChangeFeed) as unknown as { deliver: () => void }, 'deliver').mockReturnValue();
    try {
      await whileInactive('cal:read', async () => {
        server.inside(ResourcesService).invalidate();
        expect((await ask({})).body['scope']).toBe('cal:write mail:read');
      });
      expect((await ask({})).body['scope']).toBe('cal:read cal:write mail:read');
    } finally {
      deaf.mockRestore();
    }
  });

  it('is left out of what introspection says of tokens that have it, and comes back with its scope', async () => {
    const jwt = String((await ask({ scope: 'cal:read mail:read' })).body['access_token']);
    const opaque = String((await ask({ resource: OPAQUE_API, scope: 'cal:all mail:read' })).body['access_token']);
    const ofOne = String((await ask({ scope: 'mail:read:x' })).body['access_token']);
    const seen = async (token: string) => {
      const [fast, long, inspected] = [
        await post(server, '/api/oauth/introspect', { token }, { basic: machine }), await post(server, '/api/oauth/introspect', { token }, { basic: machine, ...LONG_WAY }),
        await call(server, 'POST', '/api/admin/tokens/introspect', { token: admin, body: { token } }),
      ];
      expect(fast.body).toEqual(long.body);
      expect({ active: inspected.body['active'], scope: inspected.body['scope'] }).toEqual({ active: fast.body['active'], scope: fast.body['scope'] });
      return fast.body;
    };
    await whileInactive('mail:read', async () => {
      expect(await seen(jwt)).toMatchObject({ active: true, scope: 'cal:read' });
      expect(await seen(opaque)).toMatchObject({ active: true, scope: 'cal:all' });
      expect(await seen(ofOne)).not.toHaveProperty('scope');
      expect(await seen(ofOne)).toMatchObject({ active: true });
    });
    expect(await seen(jwt)).toMatchObject({ scope: 'cal:read mail:read' });
    expect(await seen(opaque)).toMatchObject({ scope: 'cal:all mail:read' });
  });

  it('is left out when tokens are refreshed, and refused to whoever names it', async () => {
    const tokens = await tokensOfPerson('openid offline_access cal:read mail:read');
    let latest = tokens.refresh;
    await whileInactive('mail:read', async () => {
      const refused = await refresh(latest, { scope: 'mail:read' });
      expect({ status: refused.status, body: refused.body }).toMatchObject({ status: 400, body: { error: 'invalid_scope' } });
      const { status, body } = await refresh(latest);
      expect({ status, scope: body['scope'] }).toEqual({ status: 200, scope: 'cal:read' });
      latest = String(body['refresh_token']);
      expect((await post(server, '/api/oauth/introspect', { token: latest }, { basic: ['bootstrap', server.clientSecret] })).body['scope'] ?? '').not.toContain('mail:read');
    });
    expect((await refresh(latest)).body).toMatchObject({ scope: 'cal:read mail:read' });
  });

  it('cannot be asked for on the way to the consent page, and that shows none', async () => {
    const browser = new FormBrowser();
    await tokensOfPerson('openid mail:read cal:read', API, browser);
    await whileInactive('mail:read', async () => {
      const { callback } = await authorize(server, ADMIN, web, 'openid mail:read');
      expect(callback.searchParams.get('error')).toBe('invalid_scope');
      const page = await browser.open(authorizationUrl({ scope: 'openid cal:write', resource: API }));
      expect(page.html).toContain('Use cal:write.');
      expect(page.html).toContain('Use cal:read.');
      expect(page.html).not.toContain('mail:read');
    });
  });

  it('opens nothing of this server either', async () => {
    const token = String((await post(server, '/api/oauth/token', { grant_type: 'client_credentials', scope: 'weather:read' }, { basic: [...await demoClient()] as [string, string] })).body['access_token']);
    expect((await call(server, 'GET', '/api/demo/weather', { token })).status).toBe(200);
    const database = server.inside(DataSource);
    await database.query(`UPDATE scopes SET is_active = false WHERE name = 'weather:read'`);
    await database.query(`SELECT pg_notify('legate_changed', 'scope:x')`);
    await expectSoon(async () => (await call(server, 'GET', '/api/demo/weather', { token })).status, 403);
    await database.query(`UPDATE scopes SET is_active = true WHERE name = 'weather:read'`);
    await database.query(`SELECT pg_notify('legate_changed', 'scope:x')`);
    await expectSoon(async () => (await call(server, 'GET', '/api/demo/weather', { token })).status, 200);
  });
});

async function demoClient(): Promise<[string, string]> {
  const { clientId, clientSecret } = await registerClient(server, { ...MACHINE_CLIENT, scopes: ['weather:read'] });
  return [clientId, clientSecret!];
}

/** Within the second for which answers may be kept. */
async function expectSoon(look: () => Promise<unknown>, expected: unknown): Promise<void> {
  for (let attempt = 0; attempt < 12 && await look() !== expected; attempt += 1) await new Promise((done) => { setTimeout(done, 100); });
  expect(await look()).toBe(expected);
}

describe('a scope that only a person may grant', () => {
  it.each(['pay:send', 'pay:send:eu', 'pay:all'])('is refused to a client that asks for %s for itself, and that is on record', async (name) => {
    for (const options of [{}, LONG_WAY]) {
      const { status, body } = await ask({ scope: `mail:read ${name}` }, options);
      expect({ status, body }).toMatchObject({ status: 400, body: { error: 'invalid_scope', scope: name } });
    }
    const refused = (await auditTrail(server.inside(DataSource))).filter(({ type, actor }) => type === 'token.refused' && (actor as { id: string }).id === machine[0]);
    expect(refused.at(-1)).toMatchObject({ outcome: 'refused', reason: 'invalid_scope' });
  });

  it('is left out of what a client gets without asking', async () => {
    expect((await ask({})).body['scope']).toBe('cal:read cal:write mail:read');
  });

  it('is granted by a person who agrees to it', async () => {
    const tokens = await tokensOfPerson('openid offline_access pay:send');
    expect(tokens.scope).toBe('pay:send');
    expect(await introspect(server, tokens.access)).toMatchObject({ active: true, scope: 'pay:send' });
    expect((await refresh(tokens.refresh)).body).toMatchObject({ scope: 'pay:send' });
  });

  it('is got by no agent that logs in, and by nobody for one', async () => {
    // Of this server's API, where an organization's own scopes are not; an operator's are.
    const database = server.inside(DataSource);
    await database.query(`UPDATE scopes SET requires_approval = true WHERE name = 'stocks:read'`);
    await database.query(`SELECT pg_notify('legate_changed', 'scope:x')`);
    const agent = await registerAgent(server, { scopes: ['stocks:read', 'weather:read'] });
    const login = (more: object) => call(server, 'POST', '/api/auth/login', { body: { api_key: agent.clientSecret, ...more } });
    await expectSoon(async () => (await login({ scope: 'stocks:read' })).body['code'], 'person_has_to_agree');
    expect((await login({})).body).toMatchObject({ scope: 'weather:read' });
    const forAgent = await call(server, 'POST', '/api/agents/token', { token: (await signIn(server, ADMIN)).accessToken, body: { agent_id: agent.clientId, scopes: ['stocks:read'] } });
    expect({ status: forAgent.status, code: forAgent.body['code'] }).toEqual({ status: 403, code: 'person_has_to_agree' });
    await database.query(`UPDATE scopes SET requires_approval = false WHERE name = 'stocks:read'`);
    await database.query(`SELECT pg_notify('legate_changed', 'scope:x')`);
  });
});

describe('expanding scopes', () => {
  it('tells what they cover and why, and which cover nothing', async () => {
    const { status, body } = await call(server, 'POST', '/api/scopes/expand', { token: admin, body: { scopes: ['cal:write', 'agents:read', 'gone:read', 'openid'] } });
    expect({ status, body }).toEqual({
      status: 200,
      body: {
        data: [
          { name: 'agents:read', because: 'itself', through: null }, { name: 'cal:read', because: 'implied', through: 'cal:write' }, { name: 'cal:write', because: 'itself', through: null },
        ],
        inactive: ['gone:read'],
      },
    });
  });

  it('is refused without the scope for it, and with what is no scope', async () => {
    const [id, secret] = await demoClient();
    const token = String((await post(server, '/api/oauth/token', { grant_type: 'client_credentials' }, { basic: [id, secret] })).body['access_token']);
    expect((await call(server, 'POST', '/api/scopes/expand', { token, body: { scopes: [] } })).status).toBe(403);
    for (const scopes of [undefined, 'cal:read', ['a b'], ['cal:read', 'cal:read'], Array.from({ length: 201 }, (_, index) => `a:${index}`)]) {
      expect((await call(server, 'POST', '/api/scopes/expand', { token: admin, body: { scopes } })).status).toBe(400);
    }
  });
});
