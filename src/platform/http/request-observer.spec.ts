import { once } from 'node:events';
import { createServer, request, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { loadConfig } from '../config/load-config.js';
import { createLog } from '../logging/create-log.js';
import { Metrics } from '../metrics/metrics.js';
import { openRequest } from './open-request.js';
import { RequestObserver } from './request-observer.js';

const servers: Server[] = [];
afterEach(() => { for (const server of servers.splice(0)) { server.closeAllConnections(); server.close(); } });

async function observed(settings: Record<string, string>, logLevel: 'info' | 'debug' = 'info') {
  const config = loadConfig(settings);
  const lines: Record<string, unknown>[] = [];
  const metrics = new Metrics();
  const observer = new RequestObserver(config, createLog({ logLevel, logFormat: 'json' }, { write: (line) => { lines.push(JSON.parse(line) as Record<string, unknown>); } }), metrics);
  const server = createServer((incoming, response) => {
    const context = openRequest(incoming, response, config);
    observer.observe(incoming, response, context);
    context.clientId = 'client-1';
    const status = Number(incoming.url!.split('/')[1]) || 200;
    if (status !== 999) response.writeHead(status).end();
  });
  servers.push(server);
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  const { port } = server.address() as AddressInfo;
  const ask = async (path: string) => { await (await fetch(`http://127.0.0.1:${port}${path}`)).text(); await settled(); };
  return { lines, metrics, ask, port, server };
}

const settled = () => new Promise((resolve) => { setTimeout(resolve, 20); });

describe('the access log', () => {
  it('has one line for each request, without its query, with source, client and duration', async () => {
    const { lines, ask } = await observed({});
    await ask('/200?code=hunter2');
    expect(lines).toEqual([expect.objectContaining({
      level: 'info', message: 'request', method: 'GET', path: '/200', status: 200, source: '127.0.0.1', client_id: 'client-1', duration_ms: expect.any(Number), request_id: expect.any(String),
    })]);
  });

  it('warns of what the server could not do', async () => {
    const { lines, ask } = await observed({});
    await ask('/503');
    expect(lines).toMatchObject([{ level: 'warn', status: 503 }]);
  });

  it('is silent about probes that find all well, and not about others', async () => {
    const { lines, ask } = await observed({});
    await ask('/health/ready');
    expect(lines).toEqual([]);
    const detailed = await observed({}, 'debug');
    await detailed.ask('/health/ready');
    expect(detailed.lines).toMatchObject([{ level: 'debug', path: '/health/ready' }]);
  });

  it('can be kept to errors, or be off', async () => {
    const errors = await observed({ LEGATE_ACCESS_LOG: 'errors' });
    await errors.ask('/200');
    await errors.ask('/404');
    expect(errors.lines).toMatchObject([{ status: 404 }]);
    const off = await observed({ LEGATE_ACCESS_LOG: 'off' });
    await off.ask('/500');
    expect(off.lines).toEqual([]);
  });

  it('says when a client hung up before the answer', async () => {
    const { lines, port, server } = await observed({});
    const arrived = once(server, 'request');
    const call = request({ port, path: '/999' }).on('error', () => undefined);
    call.end();
    const [, response] = await arrived as [unknown, ServerResponse];
    const closed = once(response, 'close');
    call.destroy();
    await closed;
    await settled();
    expect(lines).toMatchObject([{ status: 499, path: '/999' }]);
  });

  it('hides secrets that came in the path, and cuts long ones', async () => {
    const { lines, ask } = await observed({});
    await ask(`/200/lgt_client_AbCdEf123456_0123456789abcdefghijklmnopqrstuvwxyz/${'x'.repeat(500)}`);
    expect(lines[0]!['path']).toMatch(/^\/200\/lgt_client_AbCdEf123456_\[hidden\]\/x+…$/);
  });
});

describe('request metrics', () => {
  it('count by kind of endpoint, whatever is logged', async () => {
    const { metrics, ask } = await observed({ LEGATE_ACCESS_LOG: 'off' });
    await ask('/api/oauth/token');
    await ask('/404');
    const text = await metrics.render();
    expect(text).toContain('legate_http_requests_total{route="token",method="GET",status="200"} 1');
    expect(text).toContain('legate_http_requests_total{route="other",method="GET",status="404"} 1');
    expect(text).toContain('legate_http_request_duration_seconds_count{route="token"} 1');
  });
});
