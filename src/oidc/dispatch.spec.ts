import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { loadConfig } from '../platform/config/load-config.js';
import { dispatchingServer } from './dispatch.js';

interface Served { readonly by: string; readonly path?: string; readonly host?: string; readonly accept?: string }

/** A dispatcher whose two sides say what they were given. */
async function dispatcher(settings: Record<string, string>): Promise<Server> {
  const tell = (by: string, { url, headers }: IncomingMessage) => JSON.stringify({ by, path: url, host: headers.host, accept: headers.accept } satisfies Served);
  const server = dispatchingServer({
    config: loadConfig({ LEGATE_MASTER_KEY: 'A'.repeat(43), ...settings }),
    openRequest: () => ({ requestId: 'r', ip: '127.0.0.1' }),
    admit: ({ headers }, response) => {
      if (headers['x-too-often'] === undefined) return true;
      response.writeHead(429).end();
      return false;
    },
    protocol: async (request, response) => {
      if (request.url?.includes('fail')) throw new Error('secret reason');
      response.end(tell('protocol', request));
    },
  }, (request, response) => { response.end(tell('rest', request)); });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

function ask(server: Server, path: string, headers: Record<string, string>, method = 'GET'): Promise<{ status: number; headers: Record<string, unknown>; body: Served & Record<string, unknown> }> {
  return new Promise((resolve, reject) => {
    httpRequest({ port: (server.address() as AddressInfo).port, path, headers, method }, (response) => {
      let text = '';
      response.on('data', (chunk) => { text += String(chunk); });
      response.on('end', () => { resolve({ status: response.statusCode!, headers: response.headers, body: JSON.parse(text || '{}') as Served & Record<string, unknown> }); });
    }).on('error', reject).end();
  });
}

describe('where requests part ways', () => {
  let server: Server;

  beforeAll(async () => { server = await dispatcher({ LEGATE_ISSUER: 'https://id.example', LEGATE_ALLOWED_HOSTS: 'inside.example:8443' }); });
  afterAll(() => { server.close(); });

  it('takes the protocol to its engine, under the name of the issuer, and the rest to the rest', async () => {
    expect((await ask(server, '/API/oauth/Token/?x=1', { host: 'inside.example:8443', accept: 'text/html' }, 'POST')).body).toEqual({ by: 'protocol', path: '/api/oauth/token?x=1', host: 'id.example', accept: 'application/json' });
    expect((await ask(server, '/api/oauth/authorize?x=1', { host: 'id.example', accept: 'text/html' })).body).toEqual({ by: 'protocol', path: '/api/oauth/authorize?x=1', host: 'id.example', accept: 'text/html' });
    expect((await ask(server, '/api/agents', { host: 'inside.example:8443' })).body).toEqual({ by: 'rest', path: '/api/agents', host: 'inside.example:8443' });
  });

  it('refuses hosts that it does not answer for, except to those who ask how it is', async () => {
    expect(await ask(server, '/api/agents', { host: 'evil.example' })).toMatchObject({ status: 421, body: { error: 'misdirected_request' } });
    expect(await ask(server, '/health/live', { host: '10.0.0.7:3000' })).toMatchObject({ status: 200, body: { by: 'rest' } });
  });

  it.each([
    ['GET', '/api/oauth/token', 'POST, OPTIONS'], ['DELETE', '/api/oauth/userinfo', 'GET, HEAD, POST, OPTIONS'], ['POST', '/api/discovery', 'GET, HEAD, OPTIONS'],
    ['OPTIONS', '/api/oauth/authorize', 'GET, HEAD'], ['POST', '/api/oauth/authorize/some-id', 'GET, HEAD'], ['GET', '/api/oauth/logout/confirm', 'POST'],
  ])('refuses %s %s in JSON, and says what it takes', async (method, path, allow) => {
    const answer = await ask(server, path, { host: 'id.example', accept: 'text/html' }, method);
    expect(answer).toMatchObject({ status: 405, body: { error: 'invalid_request', error_description: `This address takes ${allow}.` } });
    expect(answer.headers).toMatchObject({ allow, 'content-type': 'application/json' });
  });

  it('takes preflights to the engine, and answers who only asks what there is', async () => {
    expect((await ask(server, '/api/oauth/token', { host: 'id.example', 'access-control-request-method': 'POST' }, 'OPTIONS')).body).toMatchObject({ by: 'protocol' });
    expect(await ask(server, '/api/oauth/token', { host: 'id.example' }, 'OPTIONS')).toMatchObject({ status: 204, headers: { allow: 'POST, OPTIONS' } });
  });

  it('takes what comes too often to neither', async () => {
    for (const path of ['/api/oauth/token', '/api/agents']) expect((await ask(server, path, { host: 'id.example', 'x-too-often': '1' }, 'POST')).status).toBe(429);
  });

  it('answers a failure of the engine without its reason', async () => {
    const { status, body } = await ask(server, '/api/oauth/authorize?fail', { host: 'id.example' });
    expect([status, body]).toEqual([500, { error: 'server_error', error_description: expect.not.stringContaining('secret') }]);
  });

  it.each([
    ['of the engine', 'POST', '/api/oauth/token', {}], ['of its failure', 'GET', '/api/oauth/authorize?fail', {}], ['of a method that is not taken', 'GET', '/api/oauth/token', {}],
    ['of what there is', 'OPTIONS', '/api/oauth/token', {}], ['of an unknown host', 'GET', '/api/oauth/token', { host: 'evil.example' }],
  ])('has no browser guess what an answer is: %s', async (_name, method, path, headers) => {
    expect((await ask(server, path, { host: 'id.example', ...headers }, method)).headers['x-content-type-options']).toBe('nosniff');
  });

  it('tells browsers to stay with https, where there is https', async () => {
    expect((await ask(server, '/api/oauth/authorize', { host: 'id.example' })).headers['strict-transport-security']).toBe('max-age=63072000');
    const plain = await dispatcher({ LEGATE_ISSUER: 'http://localhost:3000' });
    expect((await ask(plain, '/api/oauth/authorize', { host: 'localhost:3000' })).headers).not.toHaveProperty('strict-transport-security');
    plain.close();
  });
});
