import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bootstrapToken, call, introspect, post } from '../support/api.js';
import { MACHINE_CLIENT, registerClient } from '../support/clients.js';
import { startServer, type TestServer } from '../support/server.js';

const API = 'https://files.example/api';

describe('scopes that the operator keeps in a file', () => {
  let folder: string;
  let file: string;
  let server: TestServer;
  let admin: string;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'legate-scopes-file-'));
    file = join(folder, 'scopes.yaml');
    define('{ name: files:read, description: "Read files." }', '{ name: files:all, implies: [files:read] }', '{ name: files:delete, requires_approval: true }');
    server = await startServer({ environment: { LEGATE_SCOPES_FILE: file } });
    admin = await bootstrapToken(server);
  });
  afterAll(async () => {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  function define(...scopes: string[]): void {
    writeFileSync(file, `scopes:\n${scopes.map((scope) => `  - ${scope}\n`).join('')}`);
  }

  async function until(condition: () => Promise<boolean>): Promise<void> {
    for (let attempt = 0; attempt < 100 && !await condition(); attempt += 1) await new Promise((done) => { setTimeout(done, 100); });
    expect(await condition()).toBe(true);
  }

  it('are offered by resources, granted and honoured for as long as they stand there', async () => {
    expect((await call(server, 'POST', '/api/resources', { token: admin, body: { identifier: API, name: 'Files', scopes: ['files:read', 'files:delete'] } })).status).toBe(201);
    const { clientId, clientSecret } = await registerClient(server, { ...MACHINE_CLIENT, scopes: ['files:all', 'files:delete', 'weather:read'] });
    const ask = (scope: string) => post(server, '/api/oauth/token', { grant_type: 'client_credentials', resource: API, scope }, { basic: [clientId, clientSecret!] });
    const token = String((await ask('files:read')).body['access_token']);
    expect(await introspect(server, token)).toMatchObject({ active: true, scope: 'files:read' });
    expect((await ask('files:delete')).body).toMatchObject({ error: 'invalid_scope', scope: 'files:delete' });

    const listed = await call<{ data: { id: string; name: string; source: string; is_built_in: boolean }[] }>(server, 'GET', '/api/scopes?q=files:read', { token: admin });
    expect(listed.body.data).toMatchObject([{ name: 'files:read', source: 'file', is_built_in: true }]);
    const changed = await call(server, 'PUT', `/api/scopes/${listed.body.data[0]!.id}`, { token: admin, body: { is_active: false } });
    expect({ status: changed.status, code: changed.body['code'] }).toEqual({ status: 403, code: 'scope_from_file' });

    define('{ name: files:all }');
    await until(async () => (await introspect(server, token))['scope'] === undefined);
    expect(await introspect(server, token)).toMatchObject({ active: true });
    expect((await ask('files:read')).body).toMatchObject({ error: 'invalid_scope' });
    const registry = await call<{ data: { name: string }[] }>(server, 'GET', '/api/scopes/registry?q=files', { token: admin });
    expect(registry.body.data.map(({ name }) => name)).toEqual(['files:all']);
  });

  it('go on as they were while the file is wrong, of which the log says why, and after a start too', async () => {
    const remaining = async (node: TestServer) => {
      const registry = await call<{ data: { name: string }[] }>(node, 'GET', '/api/scopes/registry?q=files', { token: admin });
      return registry.body.data.map(({ name }) => name);
    };
    writeFileSync(file, 'scopes:\n  - name: files:write\n  - name: agents:write\n');
    await until(() => Promise.resolve(server.output().includes('agents:write belongs to this server')));
    expect(await remaining(server)).toEqual(['files:all']);
    await server.kill();
    const restarted = await startServer({ beside: server });
    try {
      expect(await remaining(restarted)).toEqual(['files:all']);
      expect(restarted.output()).toContain('agents:write belongs to this server');
    } finally {
      await restarted.kill();
    }
  });
});
