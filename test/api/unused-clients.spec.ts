import { DataSource } from 'typeorm';
import { ClientCollection } from '../../src/modules/admin/client-collection.service.js';
import { AuditSearch } from '../../src/modules/audit/audit-search.service.js';
import { bootstrapToken, call, post } from '../support/api.js';
import { startApplication, type TestApplication } from '../support/application.js';
import { CALLBACK, registerAgent, registerClient } from '../support/clients.js';
import { addPerson, signIn } from '../support/people.js';
import { ADMIN } from '../support/server.js';

const DAY_MS = 24 * 3600 * 1000;

let server: TestApplication;
let administrator: string;
let operator: string;

beforeAll(async () => {
  server = await startApplication();
  administrator = (await signIn(server, ADMIN)).accessToken;
  operator = await bootstrapToken(server);
});
afterAll(() => server.stop());

/** As if everything so far had happened so many days ago: the events of the log, too, of which a test database alone may be told so. */
async function daysPass(days: number): Promise<void> {
  const database = server.inside(DataSource);
  await database.query(`UPDATE clients SET created_at = created_at - $1 * interval '1 day', last_used_at = last_used_at - $1 * interval '1 day'`, [days]);
  await database.query('ALTER TABLE audit_events DISABLE TRIGGER audit_events_append_only');
  await database.query(`UPDATE audit_events SET occurred_at = occurred_at - $1 * interval '1 day'`, [days]);
  await database.query('ALTER TABLE audit_events ENABLE TRIGGER audit_events_append_only');
  await database.query(`UPDATE audit_spans SET earliest = earliest - $1 * interval '1 day', latest = latest - $1 * interval '1 day'`, [days]);
}

async function unused(days: number, token = operator): Promise<{ client_id: string; kind: string; client_name: string; created_at: string }[]> {
  const { status, body } = await call<{ data: { client_id: string; kind: string; client_name: string; created_at: string }[] }>(server, 'GET', `/api/admin/clients/unused?days=${days}&limit=200`, { token });
  if (status !== 200) throw new Error(JSON.stringify(body));
  return body.data;
}

const isUnused = async (id: string, days = 90): Promise<boolean> => (await unused(days)).some(({ client_id: client }) => client === id);
const issue = (clientId: string, clientSecret: string) => post(server, '/api/oauth/token', { grant_type: 'client_credentials', resource: `${server.issuer}/api` }, { basic: [clientId, clientSecret] });

describe('clients that nobody uses', () => {
  it('are listed once they did nothing for as long as asked, applications and agents alike', async () => {
    const agent = await registerAgent(server, { scopes: ['agents:read'] });
    const application = await registerClient(server, { grant_types: ['client_credentials'], scopes: ['agents:read'] });
    await issue(agent.clientId, agent.clientSecret);
    expect([await isUnused(agent.clientId), await isUnused(application.clientId)]).toEqual([false, false]);
    await daysPass(91);
    expect((await unused(90)).filter(({ client_id: id }) => [agent.clientId, application.clientId].includes(id)).map(({ kind }) => kind).sort()).toEqual(['agent', 'application']);
    expect([await isUnused(agent.clientId, 92), await isUnused(application.clientId, 92)]).toEqual([false, false]);
    // The agent is back.
    expect((await issue(agent.clientId, agent.clientSecret)).status).toBe(200);
    expect([await isUnused(agent.clientId), await isUnused(application.clientId)]).toEqual([false, true]);
  });

  it('are not those for which a consent or a delegation waits', async () => {
    const redirectUri = CALLBACK;
    const application = await registerClient(server, { grant_types: ['authorization_code', 'refresh_token'], redirect_uris: [redirectUri], token_endpoint_auth_method: 'none', scopes: ['openid', 'agents:read'] });
    const person = await addPerson(server, administrator, 'member');
    await signIn(server, person, { client: { clientId: application.clientId, redirectUri } });
    const agent = await registerAgent(server, { scopes: ['agents:read'] });
    const { body } = await call(server, 'POST', '/api/delegations', { token: (await signIn(server, person)).accessToken, body: { agent_id: agent.clientId, scopes: ['agents:read'] } });
    await daysPass(10);
    expect([await isUnused(application.clientId, 9), await isUnused(agent.clientId, 9)]).toEqual([false, false]);
    await call(server, 'DELETE', `/api/delegations/${String(body['id'])}`, { token: operator });
    await daysPass(10);
    expect([await isUnused(application.clientId, 9), await isUnused(agent.clientId, 9)]).toEqual([false, true]);
  });

  it('are ended by the server when the operator says so, on record, and nothing else is', async () => {
    const agent = await registerAgent(server, { agent_name: 'Forgotten', scopes: ['agents:read'] });
    const application = await registerClient(server, { client_name: 'Idle', grant_types: ['client_credentials'], scopes: ['agents:read'] });
    await daysPass(40);
    const used = await registerAgent(server, { scopes: ['agents:read'] });
    const collection = server.inside(ClientCollection);
    while (await server.inside(DataSource).transaction((manager) => collection.collect(manager, 30)));
    expect((await issue(agent.clientId, agent.clientSecret)).status).toBe(401);
    expect((await issue(application.clientId, application.clientSecret!)).status).toBe(401);
    expect((await issue(used.clientId, used.clientSecret)).status).toBe(200);
    expect(await unused(30)).toEqual([]);
    const search = server.inside(AuditSearch);
    for (const [id, type, name] of [[agent.clientId, 'agent.deactivated', 'Forgotten'], [application.clientId, 'client.deleted', 'Idle']] as const) {
      const { data } = await search.list('all', { target: id, types: [type] }, {});
      expect(data).toMatchObject([{ actor: { kind: 'system' }, reason: 'unused', details: { name, unused_since: expect.any(String) } }]);
      expect(Date.now() - Date.parse(String(data[0]!.details!['unused_since']))).toBeGreaterThanOrEqual(40 * DAY_MS);
    }
    // The name is free again.
    await registerAgent(server, { agent_name: 'Forgotten', scopes: ['agents:read'] });
  });

  it('are shown to those who run their organization alone', async () => {
    await registerClient(server, { grant_types: ['client_credentials'], scopes: ['agents:read'] });
    const owner = await addPerson(server, administrator, 'member');
    expect((await call(server, 'GET', '/api/admin/clients/unused', { token: (await signIn(server, owner)).accessToken })).status).toBe(403);
    const { body } = await call(server, 'POST', '/api/organizations', { token: administrator, body: { name: 'Elsewhere', owner_user_id: owner.id } });
    await call(server, 'POST', `/api/organizations/${String(body['id'])}/switch`, { token: (await signIn(server, owner)).accessToken });
    expect(await unused(0, (await signIn(server, owner)).accessToken)).toEqual([]);
    for (const days of ['-1', '3651', 'x']) expect((await call(server, 'GET', `/api/admin/clients/unused?days=${days}`, { token: operator })).status).toBe(400);
  });
});
