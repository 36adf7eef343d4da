import { once } from 'node:events';
import { Agent, createServer, request, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { INestApplication } from '@nestjs/common';
import { Lifecycle } from '../health/lifecycle.js';
import { createLog } from '../logging/create-log.js';
import { shutDownGracefully } from './graceful-shutdown.js';

const log = createLog({ logLevel: 'silent', logFormat: 'json' }, { write: () => undefined });
const agent = new Agent({ keepAlive: true });
const cleanUp: (() => void)[] = [];
/** Longer than a test may take: whoever waits for it never comes to an end. */
const FOR_EVER_MS = 600_000;
afterEach(() => { for (const clean of cleanUp.splice(0)) clean(); });
afterAll(() => agent.destroy());

/** What the shutdown needs of an application: a listening server, a life cycle and an end. */
async function running(listener: RequestListener, { close = () => Promise.resolve(), graceMs = 300 }: { close?: () => Promise<void>; graceMs?: number } = {}) {
  const server: Server = createServer(listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const lifecycle = new Lifecycle();
  const events: string[] = [];
  const app = {
    get: () => lifecycle, getHttpServer: () => server,
    close: async () => { events.push('closed'); await close(); },
  } as unknown as INestApplication;
  let leave: (code: number) => void;
  const exited = new Promise<number>((resolve) => { leave = resolve; });
  const codes: number[] = [];
  cleanUp.push(shutDownGracefully(app, log, { graceMs, closeMs: 200, exit: (code) => { codes.push(code); leave(code); } }), () => server.closeAllConnections());
  return { server, lifecycle, events, exited, codes, port: (server.address() as AddressInfo).port };
}

async function ask(port: number, path = '/'): Promise<{ status: number; body: string; connection: string | undefined }> {
  const call = request({ port, path, agent, host: '127.0.0.1' });
  call.end();
  const [response] = await once(call, 'response') as [IncomingMessage];
  let body = '';
  for await (const chunk of response) body += String(chunk);
  return { status: response.statusCode!, body, connection: response.headers.connection };
}

const pause = (milliseconds: number) => new Promise((resolve) => { setTimeout(resolve, milliseconds); });

describe('a server that is asked to stop', () => {
  it('finishes what is under way, takes nothing new, closes, and exits with 0', async () => {
    const asked: ServerResponse[] = [];
    const { lifecycle, events, exited, port } = await running((_, response) => { asked.push(response); }, { graceMs: FOR_EVER_MS });
    const underWay = ask(port);
    while (asked.length === 0) await pause(5);
    process.emit('SIGTERM', 'SIGTERM');
    await pause(20);
    expect(lifecycle.isShuttingDown).toBe(true);
    await expect(fetch(`http://127.0.0.1:${port}/`)).rejects.toThrow();
    expect(events).toEqual([]);
    asked[0]!.end('done');
    expect(await underWay).toMatchObject({ status: 200, body: 'done' });
    expect(await exited).toBe(0);
    expect(events).toEqual(['closed']);
  });

  it('does not wait for connections that are idle', async () => {
    const { exited, port } = await running((_, response) => { response.end('done'); }, { graceMs: FOR_EVER_MS });
    expect(await ask(port)).toMatchObject({ connection: 'keep-alive' });
    process.emit('SIGINT', 'SIGINT');
    expect(await exited).toBe(0);
  });

  it('cuts off what takes too long, and still closes', async () => {
    const { events, exited, port } = await running(() => undefined);
    const underWay = ask(port);
    underWay.catch(() => undefined);
    await pause(50);
    process.emit('SIGTERM', 'SIGTERM');
    await expect(underWay).rejects.toThrow();
    expect(await exited).toBe(0);
    expect(events).toEqual(['closed']);
  });

  it('exits at once when asked a second time', async () => {
    const { codes, port } = await running(() => undefined);
    ask(port).catch(() => undefined);
    await pause(50);
    process.emit('SIGTERM', 'SIGTERM');
    process.emit('SIGTERM', 'SIGTERM');
    expect(codes).toEqual([143]);
  });

  it('exits with 1 when something does not close', async () => {
    const { exited } = await running((_, response) => { response.end(); }, { close: () => new Promise(() => undefined) });
    process.emit('SIGTERM', 'SIGTERM');
    expect(await exited).toBe(1);
  });
});
