import { randomBytes } from 'node:crypto';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { Client } from 'pg';
import { DataSource } from 'typeorm';
import { AuditRetention } from '../../src/modules/audit/audit-retention.service.js';
import { ensureMonthPartitions } from '../../src/platform/database/time-partitions.js';
import { bootstrapToken, call, introspect } from '../support/api.js';
import { startApplication, type TestApplication } from '../support/application.js';
import { copyTemplateDatabase, dropDatabase } from '../support/template-database.js';

const run = promisify(execFile);
const server = process.env['TEST_DATABASE_URL'];
const suffix = randomBytes(6).toString('hex');
const [DATABASE, ROLE] = [`legate_test_${suffix}`, `legate_server_${suffix}`] as const;

/** The embedded database knows one role only. */
describe.skipIf(!server)('a server whose role does not own the tables', () => {
  let application: TestApplication;
  let owner: string;
  let token: string;
  const sql = (statement: string, values: unknown[] = []) => application.inside(DataSource).query<Record<string, unknown>[]>(statement, values);
  const migrate = (...options: string[]) => run(process.execPath, ['dist/cli/legate.js', 'database', 'migrate', ...options], { env: { ...process.env, DATABASE_URL: owner } });

  beforeAll(async () => {
    owner = await copyTemplateDatabase(server!, DATABASE);
    await asAdministrator(`CREATE ROLE ${ROLE} LOGIN PASSWORD '${suffix}'`);
    const { stdout } = await migrate('--grant', ROLE);
    expect(stdout).toBe(`The database is up to date.\nThe role ${ROLE} may run the server, and add to the audit log only.\n`);
    const url = new URL(owner);
    url.username = ROLE;
    url.password = suffix;
    application = await startApplication({ DATABASE_URL: url.href });
    token = await bootstrapToken(application);
  });
  afterAll(async () => {
    await application?.stop();
    await dropDatabase(server!, DATABASE);
    await asAdministrator(`DROP ROLE ${ROLE}`);
  });

  async function asAdministrator(statement: string): Promise<void> {
    const client = new Client({ connectionString: server });
    await client.connect();
    await client.query(statement).finally(() => client.end());
  }

  it('does all that a server does', async () => {
    const [{ current_user: role }] = await sql('SELECT current_user') as [{ current_user: string }];
    expect(role).toBe(ROLE);
    expect(await introspect(application, token)).toMatchObject({ active: true });
    expect((await call(application, 'POST', '/api/scopes', { token, body: { name: 'role:read' } })).status).toBe(201);
    expect((await call(application, 'GET', '/health/ready')).status).toBe(200);
    expect((await call(application, 'GET', '/api/admin/audit/checkpoints/latest', { token })).status).toBe(200);
    const source = application.inside(DataSource);
    // Pieces of the log and months of the ledger are made, and old texts let go, by what its owner left to it.
    await source.transaction((manager) => ensureMonthPartitions(manager, 'tokens', 40));
    expect(await sql('SELECT audit_cover(70000)')).toHaveLength(1);
    expect(await source.transaction((manager) => application.inside(AuditRetention).letGo(manager))).toBe(false);
  });

  it.each([
    `UPDATE audit_events SET body = NULL`, `UPDATE audit_events SET type = 'x' WHERE sequence = 0`, 'DELETE FROM audit_events WHERE sequence = 0', 'TRUNCATE audit_events', 'DROP TABLE audit_events',
    `UPDATE audit_events_from_0 SET body = NULL`, 'DELETE FROM audit_events_from_0', 'TRUNCATE audit_events_from_0', 'DROP TABLE audit_events_from_0', 'ALTER TABLE audit_events DETACH PARTITION audit_events_from_0',
    'ALTER TABLE audit_events DISABLE TRIGGER ALL', 'UPDATE audit_checkpoints SET size = 0', 'DELETE FROM audit_checkpoints', 'DELETE FROM audit_heads', `INSERT INTO audit_leaves VALUES (0, '')`,
    'UPDATE audit_partitions SET is_retired = true', 'DELETE FROM migrations', 'CREATE TABLE of_mine (id integer)', `CREATE OR REPLACE FUNCTION keep_audit_event() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'`,
  ])('cannot %s', async (statement) => {
    await expect(sql(statement)).rejects.toMatchObject({ driverError: { code: '42501' } });
  });

  it.each(['SELECT audit_forget(0, 256, 30, 30)', 'SELECT audit_retire(0, 1)', 'SELECT audit_drop(0)'])('gets nothing that is young by %s', async (statement) => {
    await expect(sql(statement)).rejects.toMatchObject({ driverError: { code: '55000' } });
  });

  it('is refused as such where the role may do everything anyway, or is not there', async () => {
    const [{ current_user: itself }] = await ownerQuery('SELECT current_user') as [{ current_user: string }];
    await expect(migrate('--grant', itself)).rejects.toMatchObject({ code: 1, stderr: expect.stringContaining('Take another one for the server') as string });
    await expect(migrate('--grant', 'nobody_of_this_name')).rejects.toMatchObject({ code: 1, stderr: expect.stringContaining('There is no role nobody_of_this_name') as string });
  });

  async function ownerQuery(statement: string): Promise<unknown[]> {
    const client = new Client({ connectionString: owner });
    await client.connect();
    return client.query(statement).then(({ rows }) => rows as unknown[]).finally(() => client.end());
  }
});
