import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { copyTemplateDatabase, copyTemplateFolder, dropDatabase } from './template-database.js';

/** What it takes to talk to a server. */
export interface ServerAddress {
  readonly issuer: string;
  /** Of the client `bootstrap`, which may do everything in the organization `default`. */
  readonly clientSecret: string;
}

/** A server process of the built product, on a database of its own. */
export interface TestServer extends ServerAddress {
  /** Environment it was started with, for a second process beside it. */
  readonly environment: Readonly<Record<string, string>>;
  readonly process: ChildProcess;
  /** What it has written so far. */
  output(): string;
  /** Ends the process; the database stays. */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** Ends the process and removes the database. */
  stop(): Promise<void>;
}

export const ADMIN = { email: 'admin@example.com', password: 'correct horse battery staple 7' } as const;

export interface TestServerOptions {
  /** Settings beside the usual ones. With a DATABASE_URL of the suite's own no database is made. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Runs on the database of this server, as a second node. */
  readonly beside?: TestServer;
}

/** Starts `dist/server/main.js` and waits until it is ready. `global-setup.mjs` has built it. */
export async function startServer({ environment = {}, beside }: TestServerOptions = {}): Promise<TestServer> {
  const port = await freePort();
  const name = `legate_test_${randomBytes(6).toString('hex')}`;
  const dataDir = mkdtempSync(join(tmpdir(), 'legate-server-'));
  const database = beside || environment['DATABASE_URL'] ? undefined : await ownDatabase(name, dataDir);
  const clientSecret = beside?.clientSecret ?? randomBytes(32).toString('base64url');
  const issuer = beside?.issuer ?? `http://localhost:${port}`;
  const settings: Record<string, string> = {
    LEGATE_ISSUER: issuer,
    LEGATE_DATA_DIR: dataDir,
    LEGATE_MASTER_KEY: randomBytes(32).toString('base64url'),
    LEGATE_BOOTSTRAP_ADMIN_EMAIL: ADMIN.email,
    LEGATE_BOOTSTRAP_ADMIN_PASSWORD: ADMIN.password,
    LEGATE_BOOTSTRAP_CLIENT_SECRET: clientSecret,
    LOG_LEVEL: 'warn',
    LEGATE_LOG_FORMAT: 'json',
    ...database,
    ...beside?.environment,
    ...environment,
    PORT: String(port),
  };
  let output = '';
  const child = spawn(process.execPath, [resolve('dist/server/main.js')], { env: { PATH: process.env['PATH'] ?? '', ...settings }, stdio: ['ignore', 'pipe', 'pipe'] });
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => { output += chunk.toString(); });
  const kill = async (signal: NodeJS.Signals = 'SIGTERM') => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
  };
  await untilReady(`http://127.0.0.1:${port}/health/ready`, child, () => output);
  return {
    issuer: beside ? `http://localhost:${port}` : issuer,
    clientSecret, environment: settings, process: child, output: () => output, kill,
    stop: async () => {
      await kill();
      rmSync(dataDir, { recursive: true, force: true });
      const server = process.env['TEST_DATABASE_URL'];
      if (database && server) await dropDatabase(server, name);
    },
  };
}

export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as { port: number };
  probe.close();
  await once(probe, 'close');
  return port;
}

async function ownDatabase(name: string, dataDir: string): Promise<Record<string, string>> {
  const server = process.env['TEST_DATABASE_URL'];
  if (server) return { DATABASE_URL: await copyTemplateDatabase(server, name) };
  copyTemplateFolder(dataDir);
  return {};
}

async function untilReady(url: string, child: ChildProcess, output: () => string): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (Date.now() < deadline) {
    if (child.exitCode !== null) throw new Error(`the server ended before it was ready:\n${output()}`);
    const answer = await fetch(url).catch(() => undefined);
    if (answer?.ok) return;
    await new Promise((done) => { setTimeout(done, 50); });
  }
  throw new Error(`the server did not get ready:\n${output()}`);
}
