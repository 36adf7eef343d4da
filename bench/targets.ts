/** The three servers that one run compares, each behind the same three facts: where it listens, how to ask, how to stop it. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { basic } from './requests.js';
import { freePort, startServer, type ServerProcess } from './server-process.js';
import { createThrowawayDatabase } from './throwaway-database.js';

export const TARGET_NAMES = ['bare', 'postgres', 'embedded'] as const;
export type TargetName = typeof TARGET_NAMES[number];

const BUNDLED = resolve(import.meta.dirname, '../server/main.js');
const UNBUNDLED = resolve(import.meta.dirname, '../src/main.js');

export interface Target {
  readonly name: TargetName;
  readonly label: string;
  /** What a reader must know to judge the numbers, e.g. the database's durability settings. */
  readonly notes: string;
  readonly pid: number;
  readonly tokenUrl: string;
  readonly introspectionUrl: string;
  /** Of Legate alone. */
  readonly legate?: {
    readonly apiUrl: string;
    readonly revocationUrl: string;
    readonly databaseUrl?: string;
    /** Starts a second process on the same database; on PostgreSQL alone. */
    readonly startBeside?: () => Promise<{ readonly url: string; stop(): Promise<void> }>;
  };
  /** HTTP Basic credentials (RFC 6749 section 2.3.1). */
  readonly authorization: string;
  /** Body of a token request whose answer is a JWT: what issuing measures. */
  readonly issueBody: string;
  /** Body of a token request that fills the pool to introspect. */
  readonly poolBody: string;
  stop(): Promise<void>;
}

/** @param nodeOptions for the server process, e.g. to profile it */
export function startTarget(name: TargetName, nodeOptions: readonly string[] = []): Promise<Target> {
  if (name === 'bare') return startBareProvider(nodeOptions);
  return name === 'postgres' ? startLegateOnPostgres(nodeOptions) : startLegateEmbedded(nodeOptions);
}

/** Legate on PostgreSQL as single modules, not as the few files that they are joined to: a profile then says which module a function is of. */
export function startUnbundled(nodeOptions: readonly string[]): Promise<Target> {
  return startLegateOnPostgres(nodeOptions, UNBUNDLED);
}

async function startBareProvider(nodeOptions: readonly string[]): Promise<Target> {
  const port = await freePort();
  const secret = newSecret();
  const base = `http://127.0.0.1:${port}`;
  const server = await startServer('bare oidc-provider', resolve(import.meta.dirname, 'servers/bare-provider.js'),
    { PORT: String(port), CLIENT_SECRET: secret }, () => answers(`${base}/.well-known/openid-configuration`), nodeOptions);
  return {
    name: 'bare',
    label: 'oidc-provider, memory',
    notes: 'oidc-provider alone with its in-memory adapter; nothing is durable',
    pid: server.pid,
    tokenUrl: `${base}/token`,
    introspectionUrl: `${base}/token/introspection`,
    authorization: basic('bench', secret),
    issueBody: 'grant_type=client_credentials&scope=agents%3Aread&resource=https%3A%2F%2Fjwt.example',
    poolBody: 'grant_type=client_credentials&scope=agents%3Aread&resource=https%3A%2F%2Fopaque.example',
    stop: () => server.stop(),
  };
}

async function startLegateOnPostgres(nodeOptions: readonly string[], main = BUNDLED): Promise<Target> {
  const database = await createThrowawayDatabase();
  const folder = mkdtempSync(join(tmpdir(), 'legate-bench-'));
  const clear = async (): Promise<void> => {
    rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
    await database.drop();
  };
  try {
    const secret = newSecret();
    const { server, target } = await startLegate(folder, secret, { DATABASE_URL: database.url }, nodeOptions, main);
    const startBeside = async (): Promise<{ url: string; stop: () => Promise<void> }> => {
      const beside = await startLegate(folder, secret, { DATABASE_URL: database.url, LEGATE_ISSUER: new URL(target.tokenUrl).origin });
      return { url: new URL(beside.target.tokenUrl).origin, stop: () => beside.server.stop() };
    };
    return {
      ...target,
      legate: { ...target.legate!, startBeside },
      name: 'postgres',
      label: 'Legate, PostgreSQL',
      notes: `every token and its audit event committed before the answer; ${database.description}`,
      stop: () => server.stop().finally(clear),
    };
  } catch (error) {
    await clear();
    throw error;
  }
}

async function startLegateEmbedded(nodeOptions: readonly string[]): Promise<Target> {
  const folder = mkdtempSync(join(tmpdir(), 'legate-bench-'));
  const clear = (): void => rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
  try {
    const secret = newSecret();
    // The first start makes the data folder; what is measured is a start as on any other day.
    const first = await startLegate(folder, secret, {});
    await first.server.stop();
    const { server, target } = await startLegate(folder, secret, {}, nodeOptions);
    return {
      ...target,
      name: 'embedded',
      label: 'Legate, embedded',
      notes: 'every token and its audit event written before the answer; the embedded database does not fsync',
      stop: () => server.stop().finally(clear),
    };
  } catch (error) {
    clear();
    throw error;
  }
}

async function startLegate(dataDir: string, secret: string, environment: Record<string, string>, nodeOptions: readonly string[] = [], main = BUNDLED): Promise<
  { server: ServerProcess; target: Omit<Target, 'name' | 'label' | 'notes' | 'stop'> }
> {
  const port = await freePort();
  const base = `http://127.0.0.1:${port}`;
  const server = await startServer('Legate', main, {
    PORT: String(port),
    LEGATE_ISSUER: base,
    LEGATE_DATA_DIR: dataDir,
    LEGATE_BOOTSTRAP_CLIENT_SECRET: secret,
    LOG_LEVEL: 'warn',
    ...environment,
  }, () => answers(`${base}/health/ready`), nodeOptions);
  const issueBody = 'grant_type=client_credentials&scope=agents%3Aread';
  return {
    server,
    target: {
      pid: server.pid,
      tokenUrl: `${base}/api/oauth/token`,
      introspectionUrl: `${base}/api/oauth/introspect`,
      legate: { apiUrl: `${base}/api`, revocationUrl: `${base}/api/oauth/revoke`, databaseUrl: environment['DATABASE_URL'] },
      authorization: basic('bootstrap', secret),
      issueBody,
      poolBody: issueBody,
    },
  };
}

function newSecret(): string {
  return randomBytes(32).toString('base64url');
}

async function answers(url: string): Promise<boolean> {
  const response = await fetch(url, { signal: AbortSignal.timeout(2000) });
  await response.arrayBuffer();
  return response.ok;
}
