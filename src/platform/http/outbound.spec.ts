import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Config, environmentSchema } from '../config/config.js';
import { Outbound } from './outbound.js';

const development = new Outbound(new Config(environmentSchema.parse({})));
const production = new Outbound({ isProduction: true } as Config);

describe('what is sent to an address that a caller named', () => {
  let server: Server;
  let url: string;
  let answer: RequestListener;

  beforeAll(async () => {
    server = createServer((request, response) => answer(request, response)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  });
  afterAll(() => {
    development.onApplicationShutdown();
    production.onApplicationShutdown();
    server.closeAllConnections();
    server.close();
  });

  it('goes to this machine over http in development, and never in production', async () => {
    answer = (request, response) => { response.writeHead(202, { 'retry-after': '3' }).end(request.headers['x-test']); };
    expect(await development.post(url, { 'x-test': 'there' }, 'body')).toEqual({ status: 202, headers: { 'retry-after': '3' }, body: 'there' });
    await expect(production.post(url, {}, 'body')).rejects.toThrow('the address is not an https URL');
  });

  it.each(['https://127.0.0.1/', 'https://[::1]/', 'https://localhost/', 'https://10.1.2.3/', 'https://169.254.169.254/', 'http://example.com/', 'https://a:b@example.com/', 'https://example.com/#x', 'ftp://example.com/', 'x'])(
    '%s is nowhere to send to', async (target) => {
      expect(development.objectionTo(target)).toBeDefined();
      await expect(development.post(target, {}, '')).rejects.toThrow(/^the address /);
    });

  it.each<[string, string[]]>([['to this machine', ['127.0.0.1']], ['to a public address and to this machine', ['8.8.8.8', '127.0.0.1']], ['to this machine, mapped', ['::ffff:127.0.0.1']], ['nowhere', []]])(
    'is not sent where a name leads %s, however harmless the name', async (_where, addresses) => {
      let connections = 0;
      server.on('connection', () => { connections += 1; });
      const outbound = new Outbound({ isProduction: true } as Config);
      outbound.resolve = (_hostname, _options, callback) => { callback(null, addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }))); };
      const target = `https://harmless.example:${new URL(url).port}/`;
      expect(outbound.objectionTo(target)).toBeUndefined();
      await expect(outbound.post(target, {}, '')).rejects.toThrow('the name leads to an address of special use');
      expect(connections).toBe(0);
      outbound.onApplicationShutdown();
    });

  it('does not follow a redirect', async () => {
    let asked = 0;
    answer = (_request, response) => {
      asked += 1;
      response.writeHead(302, { location: url }).end();
    };
    expect((await development.post(url, {}, '')).status).toBe(302);
    expect(asked).toBe(1);
  });

  it('reads no more of an answer than it needs', async () => {
    answer = (_request, response) => { response.writeHead(200).end('x'.repeat(10_000_000)); };
    expect((await development.post(url, {}, '')).body.length).toBe(16 * 1024);
  });

  it('does not wait for an answer that does not come', async () => {
    answer = () => { /* never */ };
    await expect(development.post(url, {}, '')).rejects.toThrow();
  });
});
