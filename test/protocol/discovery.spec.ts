import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { allowInsecureRequests, discoveryRequest, processDiscoveryResponse } from 'oauth4webapi';
import { call } from '../support/api.js';
import { startApplication, type TestApplication } from '../support/application.js';

const PATHS = ['/.well-known/openid-configuration', '/.well-known/oauth-authorization-server', '/api/.well-known/openid-configuration', '/api/discovery'];

describe('discovery (RFC 8414, OpenID Connect Discovery)', () => {
  let server: TestApplication;

  beforeAll(async () => { server = await startApplication(); });
  afterAll(() => server.stop());

  it.each(['oidc', 'oauth2'] as const)('is accepted by oauth4webapi as %s', async (algorithm) => {
    const issuer = new URL(server.issuer);
    const metadata = await processDiscoveryResponse(issuer, await discoveryRequest(issuer, { algorithm, [allowInsecureRequests]: true }));
    expect(metadata.issuer).toBe(server.issuer);
  });

  it('says the same at every path, however it is written', async () => {
    const [first, ...others] = await Promise.all([...PATHS, '/API/Discovery/'].map((path) => call(server, 'GET', path)));
    expect(first!.status).toBe(200);
    for (const other of others) expect(other.body).toEqual(first!.body);
  });

  it('names only addresses of the issuer, whatever the request pretends', async () => {
    const { body } = await call(server, 'GET', PATHS[0]!, { headers: { 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'https' } });
    const addresses = Object.values(body).filter((value): value is string => typeof value === 'string' && /^https?:/.test(value));
    expect(addresses.length).toBeGreaterThan(8);
    expect(addresses.filter((address) => address !== server.issuer && !address.startsWith(`${server.issuer}/`))).toEqual([]);
  });

  it('says what agents are, what tokens say of them, and how they come to act for others (OIDC-A)', async () => {
    const { body } = await call(server, 'GET', PATHS[0]!);
    expect(body).toMatchObject({
      agent_types_supported: expect.arrayContaining(['assistant', 'autonomous']),
      agent_claims_supported: expect.arrayContaining(['agent_type', 'delegation_chain', 'delegator_sub', 'act']),
      delegation_methods_supported: expect.arrayContaining(['urn:ietf:params:oauth:grant-type:token-exchange']),
    });
  });

  it('offers what OAuth 2.1 offers, and nothing it took away', async () => {
    const { body } = await call(server, 'GET', PATHS[0]!);
    expect(body).toMatchObject({
      response_types_supported: ['code'],
      code_challenge_methods_supported: ['S256'],
      authorization_response_iss_parameter_supported: true,
      pushed_authorization_request_endpoint: `${server.issuer}/api/oauth/par`,
      introspection_endpoint: `${server.issuer}/api/oauth/introspect`,
      revocation_endpoint: `${server.issuer}/api/oauth/revoke`,
      end_session_endpoint: `${server.issuer}/api/oauth/logout`,
    });
    expect((body['grant_types_supported'] as string[]).toSorted()).toEqual(['authorization_code', 'client_credentials', 'refresh_token', 'urn:ietf:params:oauth:grant-type:token-exchange']);
    expect((body['token_endpoint_auth_methods_supported'] as string[]).toSorted()).toEqual(['client_secret_basic', 'client_secret_post', 'none', 'private_key_jwt']);
    const algorithms = Object.entries(body).filter(([name]) => name.endsWith('_alg_values_supported')).flatMap(([, values]) => values as string[]);
    expect(algorithms.filter((algorithm) => algorithm === 'none' || algorithm.startsWith('HS'))).toEqual([]);
  });

  it('publishes public keys alone, for as long as verifiers may keep them', async () => {
    const answers = await Promise.all(['/api/.well-known/jwks.json', '/.well-known/jwks.json'].map((path) => call<{ keys: Record<string, unknown>[] }>(server, 'GET', path)));
    expect(answers[1]!.body).toEqual(answers[0]!.body);
    expect(answers[0]!.headers.get('cache-control')).toMatch(/max-age=\d+/);
    expect(answers[0]!.body.keys.map((key) => key['alg'])).toEqual(expect.arrayContaining(['ES256', 'RS256']));
    for (const key of answers[0]!.body.keys) expect(Object.keys(key).filter((member) => ['d', 'p', 'q', 'dp', 'dq', 'qi', 'k'].includes(member))).toEqual([]);
  });

  it.each(['evil.example', 'localhost', ''])('is refused under the host "%s", which is not the server’s', async (host) => {
    const asked = request(new URL(PATHS[0]!, server.issuer), { headers: { host }, setHost: false });
    asked.end();
    const [answer] = await once(asked, 'response') as [IncomingMessage];
    answer.resume();
    expect(answer.statusCode).toBe(421);
  });
});
