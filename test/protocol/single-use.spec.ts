import { randomUUID } from 'node:crypto';
import * as jose from 'jose';
import * as client from 'openid-client';
import { introspect, post, type Answer } from '../support/api.js';
import { FormBrowser } from '../support/browser.js';
import { CALLBACK, registerClient, WEB_CLIENT } from '../support/clients.js';
import { ADMIN, startServer, type TestServer } from '../support/server.js';

const USES = 20;

/** On PostgreSQL two server processes share the load; the embedded database belongs to one. */
describe('what may be used once is used once, by however many at once and on whichever node', () => {
  let nodes: TestServer[];
  let server: TestServer;
  let registered: { clientId: string; clientSecret?: string };
  let basic: [string, string];

  beforeAll(async () => {
    server = await startServer();
    nodes = process.env['TEST_DATABASE_URL'] ? [server, await startServer({ beside: server })] : [server];
    registered = await registerClient(server, WEB_CLIENT);
    basic = [registered.clientId, registered.clientSecret!];
  });

  afterAll(async () => {
    for (const node of [...nodes].reverse()) await node.stop();
  });

  const together = (form: () => Promise<Record<string, string>>, options: { basic?: [string, string] }): Promise<Answer[]> =>
    Promise.all(Array.from({ length: USES }, async (_, index) => post(nodes[index % nodes.length]!, '/api/oauth/token', await form(), options)));

  const tally = (answers: Answer[]) => {
    const counts: Record<string, number> = {};
    for (const { status, body } of answers) counts[status === 200 ? 'success' : String(body['error'])] = (counts[status === 200 ? 'success' : String(body['error'])] ?? 0) + 1;
    return counts;
  };

  async function code(): Promise<Record<string, string>> {
    const config = await client.discovery(new URL(server.issuer), registered.clientId, registered.clientSecret, undefined, { execute: [client.allowInsecureRequests] });
    const verifier = client.randomPKCECodeVerifier();
    const url = client.buildAuthorizationUrl(config, { redirect_uri: CALLBACK, scope: 'openid agents:read', state: 's', code_challenge: await client.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256' });
    const callback = await new FormBrowser().authorize(url.href, ADMIN);
    return { grant_type: 'authorization_code', code: callback.searchParams.get('code')!, redirect_uri: CALLBACK, code_verifier: verifier };
  }

  it('gives exactly one success for 20 parallel uses of one authorization code', async () => {
    const form = await code();
    expect(tally(await together(() => Promise.resolve(form), { basic }))).toEqual({ success: 1, invalid_grant: USES - 1 });
  });

  it('gives the one identical response for 20 parallel uses of one refresh token inside its window', async () => {
    const first = await post(server, '/api/oauth/token', await code(), { basic });
    expect(first.status).toBe(200);
    const form = { grant_type: 'refresh_token', refresh_token: String(first.body['refresh_token']) };
    const answers = await together(() => Promise.resolve(form), { basic });
    expect(tally(answers)).toEqual({ success: USES });
    expect(new Set(answers.map(({ body }) => JSON.stringify(body))).size).toBe(1);
    expect(await introspect(server, String(answers[0]!.body['access_token']))).toMatchObject({ active: true });
  });

  it('gives exactly one success for 20 parallel uses of one client assertion', async () => {
    const { privateKey, publicKey } = await jose.generateKeyPair('ES256', { extractable: true });
    const assertor = await registerClient(server, {
      grant_types: ['client_credentials'], scopes: ['weather:read'], token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [{ ...await jose.exportJWK(publicKey), alg: 'ES256', use: 'sig' }] },
    });
    const assertion = await new jose.SignJWT({ jti: randomUUID() }).setProtectedHeader({ alg: 'ES256' })
      .setIssuer(assertor.clientId).setSubject(assertor.clientId).setAudience(server.issuer).setIssuedAt().setExpirationTime('60s').sign(privateKey);
    const form = { grant_type: 'client_credentials', client_assertion: assertion, client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer' };
    expect(tally(await together(() => Promise.resolve(form), {}))).toEqual({ success: 1, invalid_client: USES - 1 });
  });

  it('takes one DPoP proof once', async () => {
    const { privateKey, publicKey } = await jose.generateKeyPair('ES256', { extractable: true });
    const machine = await registerClient(server, { grant_types: ['client_credentials'], scopes: ['weather:read'] });
    const proof = await new jose.SignJWT({ jti: randomUUID(), htm: 'POST', htu: `${server.issuer}/api/oauth/token` })
      .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk: await jose.exportJWK(publicKey) }).setIssuedAt().sign(privateKey);
    const answers = await Promise.all(Array.from({ length: USES }, (_, index) => post(nodes[index % nodes.length]!, '/api/oauth/token', { grant_type: 'client_credentials' }, {
      basic: [machine.clientId, machine.clientSecret!], headers: { dpop: proof },
    })));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
  });
});
