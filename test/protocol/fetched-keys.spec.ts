import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, type JWK } from 'jose';
import { post } from '../support/api.js';
import { startApplication, type TestApplication } from '../support/application.js';
import { clientAssertion, presenting, type KeyClient } from '../support/assertions.js';
import { registerClient } from '../support/clients.js';

describe('the keys that a client serves itself (jwks_uri)', () => {
  let server: TestApplication;
  let site: Server;
  let origin: string;
  let pair: Awaited<ReturnType<typeof generateKeyPair>>;
  let jwk: JWK;
  let asked: string[] = [];
  const pages = new Map<string, RequestListener>();

  beforeAll(async () => {
    server = await startApplication();
    pair = await generateKeyPair('ES256', { extractable: true });
    jwk = { ...await exportJWK(pair.publicKey), alg: 'ES256', use: 'sig', kid: 'one' };
    site = createServer((request, response) => {
      asked.push(request.url!);
      pages.get(request.url!)!(request, response);
    }).listen(0, '127.0.0.1');
    await once(site, 'listening');
    origin = `http://127.0.0.1:${(site.address() as AddressInfo).port}`;
    pages.set('/jwks', keySet());
  });
  beforeEach(() => { asked = []; });
  afterAll(async () => {
    site.closeAllConnections();
    site.close();
    await server.stop();
  });

  const keySet = (more: object = {}): RequestListener => (_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ keys: [jwk], ...more }));
  };

  /** Registers a client that serves its keys there; answers how it asks for a token. */
  async function clientAt(path: string) {
    const { clientId } = await registerClient(server, {
      grant_types: ['client_credentials'], scopes: ['weather:read'], token_endpoint_auth_method: 'private_key_jwt', jwks_uri: origin + path,
    });
    const client: KeyClient = { clientId, privateKey: pair.privateKey, publicJwk: jwk };
    return async () => post(server, '/api/oauth/token', { grant_type: 'client_credentials', ...presenting(await clientAssertion(server, client)) });
  }

  it('are fetched over http from this machine in development, and kept for a while', async () => {
    const ask = await clientAt('/jwks');
    expect((await ask()).status).toBe(200);
    expect((await ask()).status).toBe(200);
    expect(asked).toEqual(['/jwks']);
  });

  it.each<[string, string, RequestListener]>([
    ['are not looked for where the address redirects to', '/moved', (_request, response) => { response.writeHead(302, { location: '/jwks' }).end(); }],
    ['are not read beyond 64 KiB', '/long', (request, response) => keySet({ padding: 'x'.repeat(80_000) })(request, response)],
    ['are none when the answer is an error', '/broken', (_request, response) => { response.writeHead(500).end('{}'); }],
    ['are not waited for', '/silent', () => { /* never answers */ }],
  ])('%s: the client is refused, and the address left alone for a while', async (_name, path, page) => {
    pages.set(path, page);
    const ask = await clientAt(path);
    for (let attempt = 0; attempt < 3; attempt += 1) {
      const { status, body } = await ask();
      expect({ status, error: body['error'] }).toEqual({ status: 401, error: 'invalid_client' });
    }
    expect(asked).toEqual([path]);
  });
});
