import { DataSource } from 'typeorm';
import { call, introspect, post } from '../support/api.js';
import { startApplication, type TestApplication } from '../support/application.js';
import { registerAgent, registerClient } from '../support/clients.js';
import { auditTrail } from '../support/directory.js';
import { addPerson, signIn } from '../support/people.js';
import { ADMIN } from '../support/server.js';

const CALLBACK = 'http://127.0.0.1:49152/callback';
const API = 'https://trips.example/api';
const EXCHANGE = { grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange', subject_token_type: 'urn:ietf:params:oauth:token-type:access_token' };

interface Agent { id: string; basic: [string, string]; token: string }

let server: TestApplication;
let admin: string;

beforeAll(async () => {
  server = await startApplication();
  admin = (await signIn(server, ADMIN)).accessToken;
  await call(server, 'POST', '/api/scopes', { token: admin, body: { name: 'trips:read', description: 'Trips' } });
  await call(server, 'POST', '/api/resources', { token: admin, body: { identifier: API, name: 'Trips', scopes: ['trips:read'] } });
});
afterAll(() => server.stop());

async function agent(): Promise<Agent> {
  const { clientId, clientSecret } = await registerAgent(server, { scopes: ['trips:read', 'delegations:write'] });
  const by = { id: clientId, basic: [clientId, clientSecret] as [string, string], token: '' };
  return { ...by, token: await get(by, { resource: `${server.issuer}/api` }) };
}

async function get({ basic }: Pick<Agent, 'basic'>, form: Record<string, string> = {}): Promise<string> {
  const { status, body } = await post(server, '/api/oauth/token', { grant_type: 'client_credentials', resource: API, ...form }, { basic });
  if (status !== 200) throw new Error(JSON.stringify(body));
  return String(body['access_token']);
}

async function made(path: string, token: string, body: object): Promise<string> {
  const answer = await call(server, 'POST', path, { token, body });
  if (answer.status !== 201) throw new Error(JSON.stringify(answer.body));
  return String(answer.body['id']);
}

/**
 * A person delegates to one agent, which hands on to another. Each has a token for the person, the second also one exchanged for
 * the first one's; there is one that expired in effect: it was revoked. Beside all that each agent has a token of its own.
 */
async function world() {
  const person = await addPerson(server, admin, 'member');
  const personal = (await signIn(server, person)).accessToken;
  const [first, second] = [await agent(), await agent()];
  const grant = await made('/api/delegations', personal, { agent_id: first.id, scopes: ['trips:read'], max_depth: 1 });
  const onwards = await made(`/api/delegations/${grant}/delegate`, first.token, { agent_id: second.id });
  const root = await get(first, { delegation_grant_id: grant });
  const exchanged = await post(server, '/api/oauth/token', { ...EXCHANGE, subject_token: root, delegation_grant_id: onwards }, { basic: second.basic });
  const other = await get(second, { delegation_grant_id: onwards });
  const gone = await get(second, { delegation_grant_id: onwards });
  await post(server, '/api/oauth/revoke', { token: gone }, { basic: second.basic });
  return { person, personal, first, second, grant, onwards, root, exchanged: String(exchanged.body['access_token']), other };
}

const active = async (tokens: readonly string[]) => Promise.all(tokens.map(async (token) => (await introspect(server, token))['active']));

/** What the one event of this kind about this thing says ended with it. */
async function endedWith(type: string, id: string): Promise<unknown> {
  const events = (await auditTrail(server.inside(DataSource))).filter((event) => event['type'] === type && (event['target'] as { id?: string } | undefined)?.id === id);
  expect(events).toHaveLength(1);
  return (events[0]!['details'] as { ended: unknown }).ended;
}

describe('one event says how much was alive and ended', () => {
  it('with a token: what descends from it', async () => {
    const { first, root, exchanged, other } = await world();
    await post(server, '/api/oauth/revoke', { token: root }, { basic: first.basic });
    expect(await active([root, exchanged, other])).toEqual([false, false, true]);
    const { token_id: id } = JSON.parse(Buffer.from(root.split('.')[1]!, 'base64url').toString()) as { token_id: string };
    expect(await endedWith('token.revoked', id)).toEqual({ tokens: 1 });
  });

  it('with a delegation: those handed on from it, and the tokens of all of them', async () => {
    const { personal, grant, root, exchanged, other } = await world();
    await call(server, 'DELETE', `/api/delegations/${grant}`, { token: personal });
    expect(await active([root, exchanged, other])).toEqual([false, false, false]);
    expect(await endedWith('delegation.revoked', grant)).toEqual({ delegations: 1, tokens: 3 });
  });

  it('with a delegation that was handed on: nothing above it', async () => {
    const { personal, onwards, root, exchanged, other } = await world();
    await call(server, 'DELETE', `/api/delegations/${onwards}`, { token: personal });
    expect(await active([root, exchanged, other])).toEqual([true, false, false]);
    expect(await endedWith('delegation.revoked', onwards)).toEqual({ delegations: 0, tokens: 2 });
  });

  it.each([['suspend', 'agent.suspended'], ['deactivate', 'agent.deactivated']])('with an agent, by %s: its tokens, what was exchanged for them, what it had handed on', async (action, type) => {
    const { first, root, exchanged, other, second } = await world();
    expect((await call(server, 'POST', `/api/agents/${first.id}/${action}`, { token: admin })).status).toBe(200);
    expect(await active([first.token, root, exchanged, other, second.token])).toEqual([false, false, false, false, true]);
    expect(await endedWith(type, first.id)).toEqual({ delegations: 2, tokens: 4 });
  });

  it('with an agent at the end of the chain: nothing of the others', async () => {
    const { second, root, exchanged, other } = await world();
    await call(server, 'POST', `/api/agents/${second.id}/suspend`, { token: admin });
    expect(await active([root, exchanged, other])).toEqual([true, false, false]);
    expect(await endedWith('agent.suspended', second.id)).toEqual({ delegations: 1, tokens: 3 });
  });

  it('with a person: their tokens and refresh tokens, and all that anybody does for them', async () => {
    const { person, personal, root, exchanged, other, first } = await world();
    const before = (await active([personal, root, exchanged, other, first.token])).filter(Boolean);
    expect(before).toHaveLength(5);
    expect((await call(server, 'PUT', `/api/users/${person.id}`, { token: admin, body: { status: 'disabled' } })).status).toBe(200);
    expect(await active([personal, root, exchanged, other, first.token])).toEqual([false, false, false, false, true]);
    // The fifth renews the sign-in.
    expect(await endedWith('user.disabled', person.id)).toEqual({ delegations: 2, tokens: 5 });
  });

  it('with a consent: the tokens that stand on it', async () => {
    const person = await addPerson(server, admin, 'member');
    const { clientId } = await registerClient(server, {
      grant_types: ['authorization_code', 'refresh_token'], redirect_uris: [CALLBACK], token_endpoint_auth_method: 'none', scopes: ['openid', 'offline_access', 'agents:read'],
    });
    const personal = (await signIn(server, person)).accessToken;
    const { accessToken } = await signIn(server, person, { client: { clientId, redirectUri: CALLBACK } });
    const consents = await call<{ data: { id: string; client: { client_id: string } }[] }>(server, 'GET', '/api/users/me/consents', { token: personal });
    const { id } = consents.body.data.find(({ client }) => client.client_id === clientId)!;
    expect((await call(server, 'DELETE', `/api/users/me/consents/${id}`, { token: personal })).status).toBe(204);
    expect(await active([accessToken, personal])).toEqual([false, true]);
    expect(await endedWith('consent.revoked', id)).toEqual({ delegations: 0, tokens: 2 });
  });
});
