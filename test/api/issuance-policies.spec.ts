import * as jose from 'jose';
import { DataSource } from 'typeorm';
import { vi } from 'vitest';
import { PolicySets } from '../../src/modules/policies/policy-sets.service.js';
import { bootstrapToken, call, post } from '../support/api.js';
import { startApplication, type TestApplication } from '../support/application.js';
import { registerAgent } from '../support/clients.js';
import { auditTrail } from '../support/directory.js';
import { signIn } from '../support/people.js';
import { ADMIN } from '../support/server.js';

let server: TestApplication;
let token: string;
let agent: { clientId: string; clientSecret: string };
let tools: Record<string, string>;

beforeAll(async () => {
  server = await startApplication();
  token = await bootstrapToken(server);
  agent = await registerAgent(server, { scopes: ['weather:read', 'stocks:read', 'delegations:write'], agent_type: 'assistant' });
  const made = await Promise.all([['forecast', ['weather:read']], ['quote', ['stocks:read']], ['refund', ['users:write']]].map(async ([name, permissions]) => {
    const { body } = await call(server, 'POST', '/api/tools', { token, body: { name, description: name, permissions_required: permissions } });
    return [name, String(body['id'])] as [string, string];
  }));
  tools = Object.fromEntries(made);
  for (const id of Object.values(tools)) await call(server, 'POST', `/api/agents/${agent.clientId}/tools/${id}`, { token });
});
afterAll(() => server.stop());

const ask = (form: Record<string, string> = {}) => post(server, '/api/oauth/token', { grant_type: 'client_credentials', ...form }, { basic: [agent.clientId, agent.clientSecret] });
const claimsOf = ({ body }: { body: Record<string, unknown> }) => jose.decodeJwt(String(body['access_token']));
const refusal = ({ status, body }: { status: number; body: Record<string, unknown> }) => ({ status, error: body['error'] });

/** With a policy of the organization in force, which is gone afterwards. */
async function withPolicy(rule: object, run: () => Promise<void>): Promise<void> {
  const { status, body } = await call(server, 'POST', '/api/policies', { token, body: { name: `policy ${Math.random()}`, rule } });
  if (status !== 201) throw new Error(JSON.stringify(body));
  try {
    await run();
  } finally {
    await call(server, 'DELETE', `/api/policies/${String(body['id'])}`, { token });
  }
}

describe('the tools of a token', () => {
  it('are those of the agent whose permissions its scopes cover', async () => {
    expect(claimsOf(await ask())['tools']).toEqual(['forecast', 'quote']);
    expect(claimsOf(await ask({ scope: 'weather:read' }))['tools']).toEqual(['forecast']);
  });

  it('are exactly those that are required, or there is no token', async () => {
    expect(claimsOf(await ask({ required_tools: 'quote' }))['tools']).toEqual(['quote']);
    for (const required_tools of ['refund', 'quote refund', 'nothing']) expect(refusal(await ask({ required_tools }))).toEqual({ status: 400, error: 'access_denied' });
    expect(refusal(await ask({ required_tools: 'quote', scope: 'weather:read' }))).toEqual({ status: 400, error: 'access_denied' });
  });

  it('are nothing that a token of an agent without tools speaks of', async () => {
    const other = await registerAgent(server);
    const answer = await post(server, '/api/oauth/token', { grant_type: 'client_credentials' }, { basic: [other.clientId, other.clientSecret] });
    expect(claimsOf(answer)).not.toHaveProperty('tools');
  });
});

describe('policies', () => {
  it('have allowed what every token carries, and its event says which', async () => {
    const claims = claimsOf(await ask({ scope: 'weather:read' }));
    const [event] = (await auditTrail(server.inside(DataSource))).filter(({ type, token_id }) => type === 'token.issued' && token_id === claims.jti);
    expect(event!['details']).toMatchObject({ decision: { id: expect.any(String), policies: [expect.stringContaining('agents-have-what-is-assigned')] } });
  });

  it('deny a scope that is asked for with access_denied and a record of which policy it was, and leave it out where it is not', async () => {
    await withPolicy({ effect: 'deny', who: { agents: [agent.clientId] }, what: { actions: ['issue'], scopes: ['stocks:read'] } }, async () => {
      const answer = await ask({ scope: 'weather:read stocks:read' });
      expect(refusal(answer)).toEqual({ status: 400, error: 'access_denied' });
      expect(String(answer.body['error_description'])).toContain('stocks:read');
      const [event] = (await auditTrail(server.inside(DataSource))).filter(({ source }) => (source as { request_id: string } | undefined)?.request_id === answer.headers.get('x-request-id'));
      expect(event).toMatchObject({ type: 'token.refused', reason: 'access_denied', details: { decision: { id: expect.any(String), policies: [expect.any(String)] } } });
      expect(String(claimsOf(await ask())['scope']).split(' ').sort()).toEqual(['delegations:write', 'weather:read']);
    });
    expect(claimsOf(await ask({ scope: 'stocks:read' }))['scope']).toBe('stocks:read');
  });

  it('deny a tool in the same way', async () => {
    await withPolicy({ effect: 'deny', who: { agents: ['*'] }, what: { actions: ['issue'], tools: ['quote'] }, when: { attribute: 'subject.agent_type', equals: 'assistant' } }, async () => {
      expect(claimsOf(await ask())['tools']).toEqual(['forecast']);
      expect(refusal(await ask({ required_tools: 'quote' }))).toEqual({ status: 400, error: 'access_denied' });
    });
  });

  it('look at how and for what the token is asked for', async () => {
    await withPolicy({ effect: 'deny', who: { agents: ['*'] }, what: { actions: ['issue'], scopes: ['stocks:read'] }, when: { attribute: 'context.launch_reason', equals: 'system_job' } }, async () => {
      expect(refusal(await ask({ scope: 'stocks:read', launch_reason: 'system_job' }))).toEqual({ status: 400, error: 'access_denied' });
      expect((await ask({ scope: 'stocks:read', launch_reason: 'user_interactive' })).status).toBe(200);
    });
  });

  it('have a say on tokens that REST routes hand out, and on those of people', async () => {
    await withPolicy({ effect: 'deny', who: { agents: ['*'], users: ['*'] }, what: { actions: ['issue'], scopes: ['stocks:read'] } }, async () => {
      const login = await call(server, 'POST', '/api/auth/login', { body: { api_key: agent.clientSecret, scope: 'stocks:read' } });
      expect({ status: login.status, code: login.body['code'] }).toEqual({ status: 403, code: 'access_denied' });
      const person = jose.decodeJwt((await signIn(server, ADMIN)).accessToken);
      expect(String(person['scope']).split(' ')).toContain('weather:read');
      expect(String(person['scope']).split(' ')).not.toContain('stocks:read');
    });
  });

  it('have a say on what is delegated', async () => {
    const person = (await signIn(server, ADMIN)).accessToken;
    const body = { agent_id: agent.clientId, scopes: ['weather:read'] };
    await withPolicy({ effect: 'deny', who: { users: ['*'] }, what: { actions: ['delegate'], scopes: ['weather:read'] } }, async () => {
      const answer = await call(server, 'POST', '/api/delegations', { token: person, body });
      expect({ status: answer.status, code: answer.body['code'] }).toEqual({ status: 403, code: 'delegation_denied' });
    });
    expect((await call(server, 'POST', '/api/delegations', { token: person, body })).status).toBe(201);
  });
});

describe('policies that cannot be read', () => {
  /** As if the database did not answer while they are read. */
  async function unread(error: Error, run: () => Promise<void>): Promise<void> {
    const sets = server.inside(PolicySets);
    const spies = [vi.spyOn(sets, 'peek').mockReturnValue(undefined), vi.spyOn(sets, 'of').mockRejectedValue(error)];
    try {
      await run();
    } finally {
      for (const spy of spies) spy.mockRestore();
    }
  }
  const lost = () => Object.assign(new Error('Connection terminated unexpectedly'), { code: '08006' });
  const recordOf = async ({ headers }: { headers: Headers }) =>
    (await auditTrail(server.inside(DataSource))).filter(({ source }) => (source as { request_id: string } | undefined)?.request_id === headers.get('x-request-id'));

  it.each([['plain', { accept: 'application/json' }], ['whole', {}]])('issue nothing, which may be asked for again and is on record, on the %s way through the server', async (_way, headers) => {
    const form = { grant_type: 'client_credentials', scope: 'weather:read' };
    const send = () => post(server, '/api/oauth/token', form, { basic: [agent.clientId, agent.clientSecret], headers });
    await unread(lost(), async () => {
      const answer = await send();
      expect({ status: answer.status, body: answer.body }).toEqual({ status: 503, body: { error: 'temporarily_unavailable', error_description: 'The policies cannot be read at the moment; nothing was issued.' } });
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
      expect(await recordOf(answer)).toMatchObject([{
        type: 'token.refused', outcome: 'refused', reason: 'policies_unavailable', actor: { kind: 'client', id: agent.clientId },
        details: { client_id: agent.clientId, grant_type: 'client_credentials', scope: 'weather:read', decision: { id: expect.any(String), policies: [] } },
      }]);
    });
    expect((await send()).status).toBe(200);
  });

  it('issue nothing over the REST API either, with the same record', async () => {
    await unread(lost(), async () => {
      const answer = await call(server, 'POST', '/api/auth/login', { body: { api_key: agent.clientSecret } });
      expect({ status: answer.status, code: answer.body['code'] }).toEqual({ status: 503, code: 'policies_unavailable' });
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
      expect(await recordOf(answer)).toMatchObject([{ type: 'token.refused', reason: 'policies_unavailable', details: { grant_type: 'client_credentials' } }]);
    });
  });

  it('deny, where it is not the database that failed, or where there are none that could be used', async () => {
    await unread(new Error('something else'), async () => {
      expect(refusal(await ask({ scope: 'weather:read' }))).toEqual({ status: 400, error: 'access_denied' });
    });
    const spies = [vi.spyOn(server.inside(PolicySets), 'peek').mockReturnValue(undefined), vi.spyOn(server.inside(PolicySets), 'of').mockResolvedValue(undefined)];
    try {
      expect(refusal(await ask({ scope: 'weather:read' }))).toEqual({ status: 400, error: 'access_denied' });
    } finally {
      for (const spy of spies) spy.mockRestore();
    }
  });
});
