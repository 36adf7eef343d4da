import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { vi } from 'vitest';
import { loadConfig } from '../../src/platform/config/load-config.js';
import { RouteTable } from '../../src/platform/http/route-table.js';
import { createLog } from '../../src/platform/logging/create-log.js';
import { silenceRuntimeNotice } from '../../src/runtime-notice.js';
import { ADMIN, freePort, type ServerAddress } from './server.js';
import { copyTemplateDatabase, copyTemplateFolder, dropDatabase } from './template-database.js';

export interface RegisteredRoute {
  readonly method: string;
  /** In the router's form: `/api/agents/:id`, `/api/docs/*`. */
  readonly pattern: string;
}

/** The whole server inside the test, on a database of its own: for questions that only its inside can answer. */
export interface TestApplication extends ServerAddress {
  /** Everything that its router was ever told, by controllers or otherwise. */
  readonly routes: readonly RegisteredRoute[];
  /** What the server made of this class, e.g. its `DataSource`. */
  inside<T>(type: abstract new (...given: never[]) => T): T;
  stop(): Promise<void>;
}

export async function startApplication(environment: Readonly<Record<string, string>> = {}): Promise<TestApplication> {
  silenceRuntimeNotice();
  const { createApplication } = await import('../../src/application.js');
  const databaseServer = process.env['TEST_DATABASE_URL'];
  const name = `legate_test_${randomBytes(6).toString('hex')}`;
  const folder = mkdtempSync(join(tmpdir(), 'legate-application-'));
  if (!databaseServer) copyTemplateFolder(folder);
  const clientSecret = randomBytes(32).toString('base64url');
  const port = await freePort();
  const issuer = `http://localhost:${port}`;
  const config = loadConfig({
    LEGATE_ISSUER: issuer, PORT: String(port), LEGATE_DATA_DIR: folder, LOG_LEVEL: 'warn',
    LEGATE_BOOTSTRAP_ADMIN_EMAIL: ADMIN.email, LEGATE_BOOTSTRAP_ADMIN_PASSWORD: ADMIN.password, LEGATE_BOOTSTRAP_CLIENT_SECRET: clientSecret,
    ...(databaseServer && { DATABASE_URL: await copyTemplateDatabase(databaseServer, name) }),
    ...environment,
  });
  const routes: RegisteredRoute[] = [];
  const watch = vi.spyOn(RouteTable.prototype, 'add');
  const app = await createApplication(config, createLog(config, { write: (line) => { process.stderr.write(line); } }));
  for (const [methods, pattern] of watch.mock.calls) for (const method of [methods].flat()) routes.push({ method, pattern });
  watch.mockRestore();
  await app.listen(port, '127.0.0.1');
  return {
    issuer, clientSecret, routes,
    inside: (type) => app.get(type),
    stop: async () => {
      await app.close();
      rmSync(folder, { recursive: true, force: true });
      if (databaseServer) await dropDatabase(databaseServer, name);
    },
  };
}
