import { DataSource } from 'typeorm';
import { call, post } from '../support/api.js';
import { startApplication, type TestApplication } from '../support/application.js';
import { registerAgent } from '../support/clients.js';
import { auditTrail } from '../support/directory.js';
import { addPerson, signIn, type TestPerson } from '../support/people.js';
import { ADMIN } from '../support/server.js';

interface Delegation { id: string; scopes: string[]; max_depth: number; is_active: boolean; origin: string; principal: object; subject: object; parent_grant_id: string | null; expires_at: string }

let server: TestApplication;
let admin: string;
let member: string;
let person: TestPerson;
let agents: { clientId: string; clientSecret: string; token: string }[];

const API_PARTS = ['delegations:read', 'delegations:write'];

beforeAll(async () => {
  server = await startApplication();
  admin = (await signIn(server, ADMIN)).accessToken;
  for (const name of ['trips:read', 'trips:book', 'trips:book:rail', 'trips:cancel']) await call(server, 'POST', '/api/scopes', { token: admin, body: { name, description: name } });
  person = await addPerson(server, admin, 'member');
  member = (await signIn(server, person)).accessToken;
  agents = await Promise.all(['one', 'two', 'three'].map(async () => {
    const agent = await registerAgent(server, { scopes: ['trips:read', 'trips:book', ...API_PARTS] });
    const { body } = await post(server, '/api/oauth/token', { grant_type: 'client_credentials' }, { basic: [agent.clientId, agent.clientSecret] });
    return { ...agent, token: String(body['access_token']) };
  }));
});
afterAll(() => server.stop());

const delegate = (token: string, body: object) => call<Delegation & { code?: string; widenings?: object[] }>(server, 'POST', '/api/delegations', { token, body });
const handOn = (token: string, id: string, body: object) => call<Delegation & { code?: string; widenings?: object[] }>(server, 'POST', `/api/delegations/${id}/delegate`, { token, body });
const get = (token: string, id: string) => call<Delegation>(server, 'GET', `/api/delegations/${id}`, { token });

describe('delegating', () => {
  it('lets an agent act for the person who says so, within the bounds they set, and is on record', async () => {
    const made = await delegate(member, {
      agent_id: agents[0]!.clientId, scopes: ['trips:book'], purpose: 'Book the trip to Lisbon.', max_uses: 3, expires_at: '2099-01-01T00:00:00Z',
      constraints: { max_token_ttl: 60 }, authorization_details: [{ type: 'trip', actions: ['book'] }],
    });
    expect(made.status).toBe(201);
    expect(made.headers.get('location')).toBe(`/api/delegations/${made.body.id}`);
    expect(made.body).toMatchObject({
      origin: 'principal', principal: { kind: 'user', id: person.id }, subject: { kind: 'user', id: person.id }, agent_id: agents[0]!.clientId, parent_grant_id: null, scopes: ['trips:book'],
      tools: null, purpose: 'Book the trip to Lisbon.', max_depth: 0, max_uses: 3, uses: 0, is_active: true, revoked_at: null, expires_at: '2099-01-01T00:00:00.000Z',
      constraints: { resources: null, not_before: null, max_token_ttl: 60 }, authorization_details: [{ type: 'trip', actions: ['book'] }],
    });
    expect((await get(member, made.body.id)).body).toEqual(made.body);
    const events = (await auditTrail(server.inside(DataSource))).filter(({ target }) => (target as { id?: string } | undefined)?.id === made.body.id);
    expect(events).toHaveLength(1);
    expect(events[0]).toMatchObject({ type: 'delegation.created', outcome: 'success', actor: { kind: 'user', id: person.id }, subject: person.id, details: { scope: 'trips:book', agent_id: agents[0]!.clientId } });
  });

  it('ends by itself within a year unless it says when', async () => {
    const { body } = await delegate(member, { agent_id: agents[0]!.clientId, scopes: ['trips:read'] });
    const days = (Date.parse(body.expires_at) - Date.now()) / 86_400_000;
    expect(days).toBeGreaterThan(364);
    expect(days).toBeLessThanOrEqual(365);
  });

  it('is done by an agent with what it has itself, and no more', async () => {
    const made = await delegate(agents[0]!.token, { agent_id: agents[1]!.clientId, scopes: ['trips:read'] });
    expect(made.body).toMatchObject({ origin: 'principal', principal: { kind: 'agent', id: agents[0]!.clientId }, subject: { kind: 'agent', id: agents[0]!.clientId } });
    const refused = await delegate(agents[0]!.token, { agent_id: agents[1]!.clientId, scopes: ['trips:cancel'] });
    expect({ status: refused.status, code: refused.body.code }).toEqual({ status: 403, code: 'authority_not_held' });
  });

  it('is done for somebody else by whoever runs the organization, and is on record as that', async () => {
    const made = await delegate(admin, { agent_id: agents[0]!.clientId, principal_id: person.id, scopes: ['trips:read'] });
    expect(made.body).toMatchObject({ origin: 'administrator', principal: { kind: 'user', id: person.id } });
    const [event] = (await auditTrail(server.inside(DataSource))).filter(({ target }) => (target as { id?: string } | undefined)?.id === made.body.id);
    expect(event).toMatchObject({ actor: { kind: 'user' }, subject: person.id, details: { origin: 'administrator' } });
    expect((event!['actor'] as { id: string }).id).not.toBe(person.id);
  });

  it.each<[string, () => [token: string, body: object], number, string]>([
    ['for somebody else, being a member', () => [member, { agent_id: agents[0]!.clientId, principal_id: agents[1]!.clientId, scopes: ['trips:read'] }], 403, 'principal_not_yours'],
    ['for somebody else, being an agent', () => [agents[0]!.token, { agent_id: agents[1]!.clientId, principal_id: person.id, scopes: ['trips:read'] }], 403, 'principal_not_yours'],
    ['for nobody', () => [admin, { agent_id: agents[0]!.clientId, principal_id: '00000000-0000-7000-8000-000000000000', scopes: ['trips:read'] }], 400, 'principal_not_found'],
    ['to nobody', () => [member, { agent_id: '00000000-0000-7000-8000-000000000000', scopes: ['trips:read'] }], 400, 'delegate_not_found'],
    ['to oneself', () => [agents[0]!.token, { agent_id: agents[0]!.clientId, scopes: ['trips:read'] }], 400, 'delegation_to_self'],
    ['what the role does not allow', () => [member, { agent_id: agents[0]!.clientId, scopes: ['clients:write'] }], 403, 'authority_not_held'],
    ['what nobody knows', () => [member, { agent_id: agents[0]!.clientId, scopes: ['trips:unknown'] }], 400, 'unknown_scope'],
    ['who one is', () => [member, { agent_id: agents[0]!.clientId, scopes: ['openid'] }], 400, 'unknown_scope'],
    ['nothing', () => [member, { agent_id: agents[0]!.clientId, scopes: [] }], 400, 'invalid_request'],
    ['without saying what', () => [member, { agent_id: agents[0]!.clientId }], 400, 'invalid_request'],
    ['at an unknown place', () => [member, { agent_id: agents[0]!.clientId, scopes: ['trips:read'], constraints: { resources: ['https://unknown.example'] } }], 400, 'unknown_resource'],
    ['what is over before it begins', () => [member, { agent_id: agents[0]!.clientId, scopes: ['trips:read'], expires_at: '2020-01-01T00:00:00Z' }], 400, 'expiry_in_the_past'],
    ['further than chains may be long', () => [member, { agent_id: agents[0]!.clientId, scopes: ['trips:read'], max_depth: 5 }], 403, 'delegation_widens'],
    ['details without a type', () => [member, { agent_id: agents[0]!.clientId, scopes: ['trips:read'], authorization_details: [{ actions: ['x'] }] }], 400, 'invalid_request'],
  ])('is refused %s', async (_what, request, status, code) => {
    const answer = await delegate(...request());
    expect({ status: answer.status, code: answer.body.code }).toEqual({ status, code });
  });

  it('is refused beyond what the token carries of this server\'s own API', async () => {
    const narrow = (await signIn(server, ADMIN, { scope: 'delegations:write' })).accessToken;
    const answer = await delegate(narrow, { agent_id: agents[0]!.clientId, scopes: ['agents:write'] });
    expect({ status: answer.status, code: answer.body.code }).toEqual({ status: 403, code: 'scopes_not_held' });
  });
});

describe('handing on', () => {
  it('gives another agent less, and shows the way up and the tree below', async () => {
    const top = (await delegate(member, { agent_id: agents[0]!.clientId, scopes: ['trips:read', 'trips:book'], max_depth: 2, purpose: 'A trip.' })).body;
    const middle = await handOn(agents[0]!.token, top.id, { agent_id: agents[1]!.clientId, scopes: ['trips:book:rail'] });
    expect(middle.status).toBe(201);
    expect(middle.body).toMatchObject({
      origin: 'delegate', principal: { kind: 'agent', id: agents[0]!.clientId }, subject: { kind: 'user', id: person.id }, agent_id: agents[1]!.clientId, parent_grant_id: top.id,
      scopes: ['trips:book:rail'], max_depth: 1, purpose: 'A trip.', expires_at: top.expires_at,
    });
    const last = (await handOn(agents[1]!.token, middle.body.id, { agent_id: agents[2]!.clientId })).body;
    expect(last).toMatchObject({ scopes: ['trips:book:rail'], max_depth: 0 });
    const chain = await call<{ path: Delegation[]; descendants: Delegation[] }>(server, 'GET', `/api/delegations/${middle.body.id}/chain`, { token: member });
    expect(chain.body.path.map(({ id }) => id)).toEqual([top.id, middle.body.id]);
    expect(chain.body.descendants.map(({ id }) => id)).toEqual([last.id]);
  });

  it('is refused where anything widens, and says what', async () => {
    const top = (await delegate(member, { agent_id: agents[0]!.clientId, scopes: ['trips:read'], max_depth: 1, max_uses: 2, expires_at: '2090-01-01T00:00:00Z' })).body;
    const answer = await handOn(agents[0]!.token, top.id, { agent_id: agents[1]!.clientId, scopes: ['trips:book'], max_depth: 1, max_uses: 3, expires_at: '2091-01-01T00:00:00Z' });
    expect({ status: answer.status, code: answer.body.code }).toEqual({ status: 403, code: 'delegation_widens' });
    expect(answer.body.widenings).toEqual([
      { member: 'scopes', beyond: ['trips:book'] }, { member: 'max_depth', beyond: ['1'] }, { member: 'expires_at', beyond: ['3818448000'] }, { member: 'max_uses', beyond: ['3'] },
    ]);
  });

  it('is refused at the end of the chain, to strangers and to the principal', async () => {
    const top = (await delegate(member, { agent_id: agents[0]!.clientId, scopes: ['trips:read'] })).body;
    expect((await handOn(agents[0]!.token, top.id, { agent_id: agents[1]!.clientId })).body.code).toBe('delegation_widens');
    expect((await handOn(agents[1]!.token, top.id, { agent_id: agents[2]!.clientId })).body.code).toBe('delegation_not_found');
    expect((await handOn(member, top.id, { agent_id: agents[2]!.clientId })).body.code).toBe('not_the_delegate');
  });
});

describe('a delegation', () => {
  it('is over with everything below it once it is taken back, and one event says how much that was', async () => {
    const top = (await delegate(member, { agent_id: agents[0]!.clientId, scopes: ['trips:read'], max_depth: 2 })).body;
    const middle = (await handOn(agents[0]!.token, top.id, { agent_id: agents[1]!.clientId })).body;
    const last = (await handOn(agents[1]!.token, middle.id, { agent_id: agents[2]!.clientId })).body;
    expect((await call(server, 'DELETE', `/api/delegations/${top.id}`, { token: member })).status).toBe(204);
    for (const { id } of [top, middle, last]) expect((await get(admin, id)).body.is_active).toBe(false);
    expect((await handOn(agents[1]!.token, middle.id, { agent_id: agents[2]!.clientId })).body.code).toBe('delegation_over');
    const events = (await auditTrail(server.inside(DataSource))).filter(({ type, target }) => type === 'delegation.revoked' && (target as { id: string }).id === top.id);
    expect(events).toHaveLength(1);
    expect(events[0]).toMatchObject({ details: { ended: { delegations: 2 } } });
    expect((await call(server, 'DELETE', `/api/delegations/${top.id}`, { token: member })).status).toBe(204);
    expect((await auditTrail(server.inside(DataSource))).filter(({ type, target }) => type === 'delegation.revoked' && (target as { id: string }).id === top.id)).toHaveLength(1);
  });

  it('is given back by the agent that it was made to', async () => {
    const top = (await delegate(member, { agent_id: agents[0]!.clientId, scopes: ['trips:read'] })).body;
    expect((await call(server, 'DELETE', `/api/delegations/${top.id}`, { token: agents[0]!.token })).status).toBe(204);
    expect((await get(member, top.id)).body.is_active).toBe(false);
  });

  it('is over while an agent on its way is suspended', async () => {
    const between = await registerAgent(server, { scopes: ['trips:read', ...API_PARTS] });
    const { body } = await post(server, '/api/oauth/token', { grant_type: 'client_credentials' }, { basic: [between.clientId, between.clientSecret] });
    const top = (await delegate(member, { agent_id: between.clientId, scopes: ['trips:read'], max_depth: 1 })).body;
    const last = (await handOn(String(body['access_token']), top.id, { agent_id: agents[1]!.clientId })).body;
    await call(server, 'POST', `/api/agents/${between.clientId}/suspend`, { token: admin });
    expect((await get(admin, last.id)).body.is_active).toBe(false);
    await call(server, 'POST', `/api/agents/${between.clientId}/resume`, { token: admin });
    expect((await get(admin, last.id)).body.is_active).toBe(true);
  });

  it('is seen by its principal, its agent and whoever runs the organization, and by nobody else', async () => {
    const other = (await signIn(server, await addPerson(server, admin, 'member', 'other'))).accessToken;
    const { id } = (await delegate(member, { agent_id: agents[0]!.clientId, scopes: ['trips:read'] })).body;
    for (const token of [member, admin, agents[0]!.token]) expect((await get(token, id)).status).toBe(200);
    for (const token of [other, agents[1]!.token]) {
      expect((await get(token, id)).status).toBe(404);
      expect((await call(server, 'DELETE', `/api/delegations/${id}`, { token })).status).toBe(404);
      expect((await call<{ data: Delegation[] }>(server, 'GET', '/api/delegations?limit=200', { token })).body.data.map((one) => one.id)).not.toContain(id);
    }
    const ofPrincipal = await call<{ data: Delegation[] }>(server, 'GET', `/api/delegations/principal/${person.id}?limit=200`, { token: admin });
    expect(ofPrincipal.body.data.map((one) => one.id)).toContain(id);
    const ofAgent = await call<{ data: Delegation[] }>(server, 'GET', `/api/delegations?agent_id=${agents[0]!.clientId}&active=true&limit=200`, { token: admin });
    expect(ofAgent.body.data.map((one) => one.id)).toContain(id);
    expect(ofAgent.body.data.every((one) => one.is_active)).toBe(true);
  });
});
