import 'reflect-metadata';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { NestFactory } from '@nestjs/core';
import { useClock } from '../../kernel/clock.js';
import { createLog } from '../logging/create-log.js';
import { Log } from '../logging/log.js';
import { HealthChecks } from './health-checks.js';
import { HealthController } from './health.controller.js';
import { Lifecycle } from './lifecycle.js';

const lines: Record<string, unknown>[] = [];
const log = createLog({ logLevel: 'info', logFormat: 'json' }, { write: (line) => { lines.push(JSON.parse(line) as Record<string, unknown>); } });
let time: number;
let restoreClock: () => void;
let app: NestFastifyApplication;
let checks: HealthChecks;

beforeEach(async () => {
  time = 1_000_000;
  restoreClock = useClock({ now: () => time });
  lines.length = 0;
  const root = { module: class Root {}, controllers: [HealthController], providers: [HealthChecks, Lifecycle, { provide: Log, useValue: log }] };
  app = await NestFactory.create<NestFastifyApplication>(root, new FastifyAdapter(), { logger: false });
  await app.init();
  await app.getHttpAdapter().getInstance().ready();
  checks = app.get(HealthChecks);
});
afterEach(async () => {
  restoreClock();
  await app.close();
});

async function get(url: string): Promise<{ status: number; body: unknown }> {
  const { statusCode, body } = await app.inject({ method: 'GET', url });
  return { status: statusCode, body: JSON.parse(body) as unknown };
}

describe('readiness', () => {
  it('is given when every required check passes, and shows the facts they tell', async () => {
    checks.register('database', async () => ({ embedded: true }));
    checks.register('redis', async () => { throw new Error('gone'); }, { isRequired: false });
    expect(await get('/health/ready')).toEqual({
      status: 200, body: { status: 'ready', checks: { database: { status: 'up', required: true, embedded: true }, redis: { status: 'down', required: false } } },
    });
  });

  it('is refused while a required check fails, without saying why to anybody', async () => {
    checks.register('database', async () => { throw new Error('password authentication failed for user legate'); });
    expect(await get('/health/ready')).toEqual({ status: 503, body: { status: 'not_ready', checks: { database: { status: 'down', required: true } } } });
    expect(lines).toMatchObject([{ level: 'warn', check: 'database', err: { message: expect.stringContaining('password authentication failed') } }]);
  });

  it('is refused when a check does not answer in time', async () => {
    checks.register('database', () => new Promise(() => undefined));
    expect(await get('/health/ready')).toMatchObject({ status: 503 });
  }, 10_000);

  it('is refused from the moment the server begins to shut down', async () => {
    app.get(Lifecycle).beginShutdown();
    expect(await get('/health/ready')).toMatchObject({ status: 503, body: { status: 'shutting_down' } });
    expect(await get('/health/live')).toEqual({ status: 200, body: { status: 'alive' } });
  });

  it('asks the checks at most once a second, however often it is asked', async () => {
    let asked = 0;
    checks.register('database', async () => { asked += 1; });
    await Promise.all(Array.from({ length: 50 }, () => get('/health/ready')));
    time += 999;
    await get('/health/ready');
    expect(asked).toBe(1);
    time += 1;
    await get('/health/ready');
    expect(asked).toBe(2);
  });

  it('does not begin a check again that has not ended yet, and is given again when it has', async () => {
    let asked = 0;
    let end = () => undefined as void;
    checks.register('database', () => {
      asked += 1;
      return asked === 1 ? new Promise<void>((resolve) => { end = resolve; }) : Promise.resolve();
    });
    expect((await get('/health/ready')).status).toBe(503);
    time += 1000;
    const second = get('/health/ready');
    await new Promise((resolve) => { setTimeout(resolve, 100); });
    expect(asked).toBe(1);
    end();
    expect((await second).status).toBe(200);
    time += 1000;
    expect((await get('/health/ready')).status).toBe(200);
    expect(asked).toBe(2);
  }, 10_000);

  it('logs when a check begins to fail and when it passes again, and nothing in between', async () => {
    let isDown = true;
    checks.register('database', async () => { if (isDown) throw new Error('down'); });
    for (let second = 0; second < 5; second += 1) {
      await get('/health/ready');
      time += 1000;
      if (second === 3) isDown = false;
    }
    expect(lines.map(({ level, message }) => [level, message])).toEqual([['warn', 'a health check fails'], ['info', 'a health check passes again']]);
  });
});
