import { call, post } from '../support/api.js';
import { startApplication, type TestApplication } from '../support/application.js';
import { registerClient } from '../support/clients.js';

const APP = 'https://app.example';
const OTHER = 'https://other.example';

describe('scripts of other origins', () => {
  let server: TestApplication;
  let spa: string;

  beforeAll(async () => {
    server = await startApplication();
    const { clientId } = await registerClient(server, {
      grant_types: ['authorization_code', 'refresh_token'], redirect_uris: [`${APP}/callback`], scopes: ['openid', 'agents:read'], token_endpoint_auth_method: 'none',
    });
    spa = clientId;
  });
  afterAll(() => server.stop());

  const preflight = (path: string, method: string, headers = 'authorization,dpop') =>
    fetch(`${server.issuer}${path}`, { method: 'OPTIONS', headers: { origin: APP, 'access-control-request-method': method, 'access-control-request-headers': headers } });
  const redeem = (origin: string | undefined, form: Record<string, string>, basic?: [string, string]) =>
    post(server, '/api/oauth/token', { grant_type: 'authorization_code', code: 'none', redirect_uri: `${APP}/callback`, code_verifier: 'x'.repeat(43), ...form }, { basic, headers: origin ? { origin } : {} });

  it.each(['/.well-known/openid-configuration', '/.well-known/oauth-authorization-server', '/api/discovery', '/api/.well-known/jwks.json'])('may read what is public: %s', async (path) => {
    const { status, headers } = await call(server, 'GET', path, { headers: { origin: OTHER } });
    expect({ status, origin: headers.get('access-control-allow-origin') }).toEqual({ status: 200, origin: OTHER });
    // Shared caches must not hand one origin's answer to another.
    expect(headers.get('vary')?.toLowerCase()).toContain('origin');
  });

  it('may use the token endpoint from where the public client lives', async () => {
    const { headers, body } = await redeem(APP, { client_id: spa });
    expect(body['error']).toBe('invalid_grant');
    expect(headers.get('access-control-allow-origin')).toBe(APP);
    expect(headers.get('access-control-allow-credentials')).toBeNull();
  });

  it('may not use it from elsewhere', async () => {
    const { status, headers, body } = await redeem(OTHER, { client_id: spa });
    expect({ status, error: body['error'] }).toEqual({ status: 400, error: 'invalid_request' });
    expect(headers.get('access-control-allow-origin')).toBeNull();
  });

  it('may not use confidential clients, whose secrets have no place in a browser', async () => {
    const { headers, body } = await redeem(APP, {}, ['bootstrap', server.clientSecret]);
    expect(body['error']).toBe('invalid_request');
    expect(headers.get('access-control-allow-origin')).toBeNull();
  });

  it.each([['/api/oauth/token', 'POST'], ['/api/oauth/par', 'POST'], ['/api/oauth/revoke', 'POST'], ['/api/oauth/userinfo', 'GET'], ['/api/discovery', 'GET']])('are told beforehand that %s takes %s', async (path, method) => {
    const response = await preflight(path, method);
    expect(response.status).toBe(204);
    expect(response.headers.get('access-control-allow-origin')).toBe(APP);
    expect(response.headers.get('access-control-allow-methods')?.split(',')).toContain(method);
    expect(response.headers.get('access-control-allow-credentials')).toBeNull();
  });

  it.each(['/api/oauth/authorize', '/api/oauth/logout', '/api/agents', '/api/auth/login'])('are let in nowhere else: %s', async (path) => {
    const response = await preflight(path, 'GET');
    expect(response.headers.get('access-control-allow-origin')).toBeNull();
    const answer = await call(server, 'GET', path, { headers: { origin: APP } });
    expect(answer.headers.get('access-control-allow-origin')).toBeNull();
  });
});
