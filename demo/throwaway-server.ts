import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { freePort, startServer } from '../bench/server-process.js';

export interface ThrowawayServer {
  readonly issuer: string;
  /** Secret of the client `bootstrap`. */
  readonly bootstrapSecret: string;
  readonly admin: { readonly email: string; readonly password: string };
  output(): string;
  stop(): Promise<void>;
}

/** A server on a free port with its own embedded database, gone without a trace after `stop`. */
export async function startThrowawayServer(): Promise<ThrowawayServer> {
  const port = await freePort();
  const issuer = `http://localhost:${port}`;
  const dataDir = mkdtempSync(join(tmpdir(), 'legate-demo-'));
  const bootstrapSecret = randomBytes(32).toString('base64url');
  const admin = { email: 'ada@example.com', password: randomBytes(18).toString('base64url') };
  const clear = (): void => rmSync(dataDir, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
  try {
    const server = await startServer('Legate', resolve(import.meta.dirname, '../server/main.js'), {
      PORT: String(port),
      LEGATE_ISSUER: issuer,
      LEGATE_DATA_DIR: dataDir,
      LEGATE_BOOTSTRAP_CLIENT_SECRET: bootstrapSecret,
      LEGATE_BOOTSTRAP_ADMIN_EMAIL: admin.email,
      LEGATE_BOOTSTRAP_ADMIN_PASSWORD: admin.password,
      LOG_LEVEL: 'warn',
    }, async () => (await fetch(`http://127.0.0.1:${port}/health/ready`)).ok);
    return { issuer, bootstrapSecret, admin, output: server.output, stop: () => server.stop().finally(clear) };
  } catch (error) {
    clear();
    throw error;
  }
}
