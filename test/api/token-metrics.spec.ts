import { decodeJwt } from 'jose';
import { DataSource } from 'typeorm';
import { Metrics } from '../../src/platform/metrics/metrics.js';
import { bootstrapToken, call, post } from '../support/api.js';
import { startApplication, type TestApplication } from '../support/application.js';
import { firstPartyClient, signIn } from '../support/people.js';
import { ADMIN } from '../support/server.js';

const PASSWORD = 'seldom heard piano 4711';

let server: TestApplication;
let operator: string;
let agent: { agent_id: string; api_key: string };

beforeAll(async () => {
  server = await startApplication({ LOG_LEVEL: 'silent' });
  operator = await bootstrapToken(server);
  agent = await given('/api/auth/register', { name: 'counted', password: PASSWORD, scopes: ['weather:read'] }, operator);
});
afterAll(() => server.stop());

function send<Body = Record<string, unknown>>(path: string, body?: unknown, token?: string) {
  return call<Body>(server, 'POST', path, { token, body });
}

async function given<Body = Record<string, unknown>>(path: string, body?: unknown, token?: string): Promise<Body> {
  const answer = await send<Body>(path, body, token);
  if (answer.status >= 300) throw new Error(`${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
  return answer.body;
}

/** `grant outcome` → how many. */
async function counted(): Promise<Record<string, number>> {
  const text = await server.inside(Metrics).render();
  return Object.fromEntries([...text.matchAll(/^legate_tokens_total\{grant="(\w+)",outcome="(\w+)"\} (\d+)$/gm)].map(([, grant, outcome, many]) => [`${grant} ${outcome}`, Number(many)]));
}

/** What a request adds. */
async function added(by: () => Promise<unknown>): Promise<Record<string, number>> {
  const before = await counted();
  await by();
  return Object.fromEntries(Object.entries(await counted()).filter(([series, many]) => many !== (before[series] ?? 0)).map(([series, many]) => [series, many - (before[series] ?? 0)]));
}

const byKey = () => given<{ access_token: string }>('/api/auth/login', { api_key: agent.api_key });

describe('the metric of tokens', () => {
  it.each<[string, () => Promise<unknown>, string]>([
    ['a login with an API key', byKey, 'client_credentials'],
    ['a login with name and password', () => given('/api/auth/login', { name: 'counted', password: PASSWORD }), 'agent_password'],
    ['a token for an agent that somebody manages', () => given('/api/agents/token', { agent_id: agent.agent_id }, operator), 'agent_token'],
  ])('counts %s', async (_, ask, grant) => {
    expect(await added(ask)).toEqual({ [`${grant} issued`]: 1 });
  });

  it('counts a renewal', async () => {
    const { access_token: token } = await byKey();
    expect(await added(() => given('/api/auth/refresh', {}, token))).toEqual({ 'token_renewal issued': 1 });
  });

  it('counts a switch to another organization, and the sign-in before it', async () => {
    let token = '';
    expect(await added(async () => { token = (await signIn(server, ADMIN)).accessToken; })).toEqual({ 'authorization_code issued': 1 });
    const { id } = await given('/api/organizations', { name: 'Elsewhere', owner_user_id: decodeJwt(token).sub }, operator);
    expect(await added(() => given(`/api/organizations/${String(id)}/switch`, undefined, token))).toEqual({ 'organization_switch issued': 1 });
  });

  it.each<[string, () => Promise<{ status: number }>, string]>([
    ['a wrong key', () => send('/api/auth/login', { api_key: 'lgt_client_wrong' }), 'client_credentials'],
    ['a wrong password', () => send('/api/auth/login', { name: 'counted', password: 'wrong' }), 'agent_password'],
    ['a login that makes no sense', () => send('/api/auth/login', { api_key: [1] }), 'client_credentials'],
    ['an agent that does not exist', () => send('/api/agents/token', { agent_id: '01890000-0000-7000-8000-000000000000' }, operator), 'agent_token'],
    ['more scopes than there were', async () => send('/api/auth/refresh', { scope: 'agents:read' }, (await given<{ access_token: string }>('/api/auth/login', { api_key: agent.api_key })).access_token), 'token_renewal'],
    ['a switch of somebody who is no person', () => send('/api/organizations/01890000-0000-7000-8000-000000000000/switch', undefined, operator), 'organization_switch'],
  ])('counts %s as refused', async (_, ask, grant) => {
    let status = 0;
    expect(await added(async () => { ({ status } = await ask()); })).toMatchObject({ [`${grant} refused`]: 1 });
    expect(status).toBeGreaterThanOrEqual(400);
    expect(status).toBeLessThan(500);
  });

  it('counts what the token endpoint decides, and puts grants that do not exist together', async () => {
    const basic: [string, string] = ['bootstrap', server.clientSecret];
    const ask = (form: Record<string, string>) => post(server, '/api/oauth/token', form, { basic });
    expect(await added(() => ask({ grant_type: 'client_credentials' }))).toEqual({ 'client_credentials issued': 1 });
    expect(await added(() => ask({ grant_type: 'client_credentials', scope: 'no:such' }))).toEqual({ 'client_credentials refused': 1 });
    expect(await added(() => post(server, '/api/oauth/token', { grant_type: 'authorization_code', code: 'none', client_id: firstPartyClient(server).clientId, redirect_uri: firstPartyClient(server).redirectUri })))
      .toEqual({ 'authorization_code refused': 1 });
    // Names that only the REST API's routes have, and names that nothing has.
    expect(await added(() => Promise.all(['agent_password', 'made-up', '__proto__'].map((grant_type) => ask({ grant_type }))))).toEqual({ 'other refused': 3 });
  });

  it('has as many issued tokens of every grant as the ledger has access tokens', async () => {
    const rows = await server.inside(DataSource).query<{ grant_type: string; many: number }[]>(`SELECT grant_type, count(*)::int AS many FROM tokens WHERE kind = 'access_token' GROUP BY 1`);
    const issued = Object.entries(await counted()).filter(([series]) => series.endsWith(' issued')).map(([series, many]) => [series.split(' ')[0], many]);
    expect(rows.length).toBeGreaterThan(5);
    expect(Object.fromEntries(issued)).toEqual(Object.fromEntries(rows.map((row) => [row.grant_type, row.many])));
  });

  it('counts a token that could not be recorded as failed', async () => {
    const dataSource = server.inside(DataSource);
    await dataSource.query('ALTER TABLE audit_heads RENAME TO audit_heads_elsewhere');
    try {
      expect(await added(() => send('/api/auth/login', { api_key: agent.api_key }))).toEqual({ 'client_credentials failed': 1 });
      expect(await added(() => post(server, '/api/oauth/token', { grant_type: 'client_credentials' }, { basic: ['bootstrap', server.clientSecret] }))).toEqual({ 'client_credentials failed': 1 });
    } finally {
      await dataSource.query('ALTER TABLE audit_heads_elsewhere RENAME TO audit_heads');
    }
  });
});
