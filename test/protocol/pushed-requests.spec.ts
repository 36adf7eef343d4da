import { createHash, randomBytes } from 'node:crypto';
import { post } from '../support/api.js';
import { startApplication, type TestApplication } from '../support/application.js';
import { FormBrowser } from '../support/browser.js';
import { CALLBACK, registerClient, WEB_CLIENT } from '../support/clients.js';
import { ADMIN } from '../support/server.js';

let server: TestApplication;
beforeAll(async () => { server = await startApplication(); });
afterAll(() => server.stop());

describe('pushed authorization requests (RFC 9126)', () => {
  let clientId: string;
  let basic: [string, string];
  /** Of a client whose requests must be pushed. */
  let strictId: string;
  let strict: [string, string];

  beforeAll(async () => {
    const one = await registerClient(server, WEB_CLIENT);
    const two = await registerClient(server, { ...WEB_CLIENT, require_pushed_authorization_requests: true });
    [clientId, basic] = [one.clientId, [one.clientId, one.clientSecret!]];
    [strictId, strict] = [two.clientId, [two.clientId, two.clientSecret!]];
  });

  const verifier = randomBytes(32).toString('base64url');
  const request = (changes: Record<string, string> = {}) => ({
    response_type: 'code', redirect_uri: CALLBACK, scope: 'openid agents:read', state: 'pushed', code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256', ...changes,
  });
  const push = (as: [string, string], changes: Record<string, string> = {}) => post(server, '/api/oauth/par', { client_id: as[0], ...request(changes) }, { basic: as });
  const open = (query: Record<string, string>, browser = new FormBrowser()) => browser.open(`${server.issuer}/api/oauth/authorize?${new URLSearchParams(query).toString()}`);
  const sentBack = (url: string) => Object.fromEntries(new URL(url).searchParams);

  it('are kept for a minute or more under a name that nobody can guess', async () => {
    const { status, body, headers } = await push(basic);
    expect({ status, body }).toEqual({ status: 201, body: { request_uri: expect.stringMatching(/^urn:ietf:params:oauth:request_uri:[\w-]{21,}$/), expires_in: expect.any(Number) } });
    expect(body['expires_in']).toBeGreaterThanOrEqual(5);
    expect(headers.get('cache-control')).toContain('no-store');
  });

  it('are what counts, whatever the browser adds to them', async () => {
    const { body } = await push(strict);
    const browser = new FormBrowser();
    const query = new URLSearchParams({ client_id: strictId, request_uri: String(body['request_uri']), scope: 'openid agents:read weather:read', state: 'other' });
    const callback = await browser.authorize(`${server.issuer}/api/oauth/authorize?${query.toString()}`, ADMIN);
    expect(callback.href.startsWith(CALLBACK)).toBe(true);
    expect(callback.searchParams.get('state')).toBe('pushed');
    const { status, body: tokens } = await post(server, '/api/oauth/token', { grant_type: 'authorization_code', code: callback.searchParams.get('code')!, redirect_uri: CALLBACK, code_verifier: verifier }, { basic: strict });
    expect(status).toBe(200);
    expect(String(tokens['scope']).split(' ').sort()).toEqual(['agents:read', 'openid']);
  });

  it('are all that a client takes that must push them', async () => {
    const refused = await open({ client_id: strictId, ...request() });
    expect(sentBack(refused.url)).toMatchObject({ error: 'invalid_request', iss: server.issuer });
    expect(refused.html).not.toContain('login-submit');
    const { body } = await push(strict);
    expect((await open({ client_id: strictId, request_uri: String(body['request_uri']) })).html).toContain('login-submit');
  });

  it('belong to the client that pushed them', async () => {
    const { body } = await push(basic);
    const stolen = await open({ client_id: strictId, request_uri: String(body['request_uri']) });
    expect(stolen.html).not.toContain('login-submit');
    expect(stolen.url.includes('code=')).toBe(false);
  });

  it.each(['urn:ietf:params:oauth:request_uri:unknown', 'urn:ietf:params:oauth:request_uri:', 'urn:other', 'https://evil.example/request.jwt', '\0'])('are not made up: %j', async (request_uri) => {
    const answer = await open({ client_id: clientId, request_uri });
    expect(answer.html).not.toContain('login-submit');
    expect(answer.status === 400 || sentBack(answer.url)['error'] !== undefined).toBe(true);
  });

  it.each<[string, Record<string, string>, string]>([
    ['for a scope beyond the client', { scope: 'openid users:write' }, 'invalid_scope'],
    ['for an unknown resource', { resource: 'https://elsewhere.example' }, 'invalid_target'],
    ['for a redirect URI that is not registered', { redirect_uri: 'https://evil.example/' }, 'invalid_request'],
    ['without PKCE', { code_challenge: '', code_challenge_method: '' }, 'invalid_request'],
    ['with the plain method', { code_challenge_method: 'plain' }, 'invalid_request'],
    ['for a token straight away', { response_type: 'token' }, 'unsupported_response_type'],
    ['that point to another one', { request_uri: 'urn:ietf:params:oauth:request_uri:x' }, 'request_uri_not_supported'],
    ['in the name of another client', { client_id: 'swagger-ui' }, 'invalid_request'],
  ])('are refused at once, as JSON, %s', async (_name, changes, error) => {
    const form = new URLSearchParams(Object.entries({ client_id: clientId, ...request(), ...changes }).filter(([, value]) => value !== ''));
    const { status, body, headers } = await post(server, '/api/oauth/par', form, { basic, headers: { accept: 'text/html' } });
    expect({ status: status >= 400 && status < 500, error: body['error'] }).toEqual({ status: true, error });
    expect(headers.get('content-type')).toContain('application/json');
    expect(body).toHaveProperty('error_description', expect.any(String));
    expect(body).not.toHaveProperty('request_uri');
  });

  it.each(['state', 'nonce', 'login_hint'])('end in an error that the client is told when there is NUL in %s', async (parameter) => {
    const { status, body } = await push(basic, { [parameter]: 'a\0b' });
    expect(status).toBe(201);
    const answer = await open({ client_id: clientId, request_uri: String(body['request_uri']) });
    expect(answer.html).not.toContain('login-submit');
    expect(sentBack(answer.url)).toMatchObject({ error: 'invalid_request', iss: server.issuer });
  });

  it('are taken from nobody who does not prove to be the client', async () => {
    expect((await push([clientId, 'x'.repeat(43)])).status).toBe(401);
    expect((await post(server, '/api/oauth/par', { ...request(), client_id: clientId })).status).toBe(401);
  });
});

describe('an authorization request with what no database takes', () => {
  it.each(['state', 'nonce', 'login_hint', 'ui_locales', 'acr_values', 'display', 'claims'])('is refused with NUL in %s, and is no defect', async (parameter) => {
    const redirectUri = `${server.issuer}/api/docs/oauth2-redirect.html`;
    const query = new URLSearchParams({ response_type: 'code', client_id: 'swagger-ui', redirect_uri: redirectUri, scope: 'openid', code_challenge: 'x'.repeat(43), code_challenge_method: 'S256', [parameter]: 'a\0b' });
    const response = await fetch(`${server.issuer}/api/oauth/authorize?${query.toString()}`, { redirect: 'manual' });
    expect(response.status).toBeLessThan(500);
    const location = response.headers.get('location') ?? '';
    expect(location.startsWith(`${redirectUri}?error=invalid_request`) || (parameter === 'claims' && location.includes('/interaction/'))).toBe(true);
  });
});
