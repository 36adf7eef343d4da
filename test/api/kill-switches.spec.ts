import { decodeJwt } from 'jose';
import { DataSource } from 'typeorm';
import { API_SCOPES } from '../../src/modules/organizations/roles.js';
import { call, post } from '../support/api.js';
import { startApplication, type TestApplication } from '../support/application.js';
import { CodeFlow } from '../support/code-flow.js';
import { auditTrail } from '../support/directory.js';
import { addPerson, firstPartyClient, signIn } from '../support/people.js';
import { ADMIN } from '../support/server.js';
import { machineToken, makeTenant, type Machine, type Tenant } from '../security/tenant.js';

const EXCHANGE = { grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange', subject_token_type: 'urn:ietf:params:oauth:token-type:access_token' };
const NONE = { tokens: 0, refresh_tokens: 0, people: 0, delegations: 0, consents: 0, tasks: 0, sessions: 0, agents: 0 };

type Counts = Record<keyof typeof NONE, number>;
interface Kind { count: number; is_minimum: boolean; names: { id: string; name: string | null; count: number }[]; more: number }
type Ending = Record<keyof typeof NONE, Kind> & { counts: Counts };
interface Used { ended: Ending; not_before: string | null; since_preview: Partial<Counts> | null }

let server: TestApplication;
let administrator: string;
let other: Tenant;
let names = 0;

beforeAll(async () => {
  server = await startApplication();
  administrator = (await signIn(server, ADMIN)).accessToken;
  other = await tenant();
});
afterAll(() => server.stop());

function tenant(): Promise<Tenant> {
  names += 1;
  return makeTenant(server, administrator, `Org${names}`, Object.keys(API_SCOPES));
}

/** Does the access token, for this server's API, still open it? */
const works = async (...tokens: readonly string[]) => Promise.all(tokens.map(async (token) => (await call(server, 'GET', '/api/auth/me', { token })).status === 200));

const preview = (token: string, target: object) => call<Ending>(server, 'POST', '/api/admin/kill-switches/preview', { token, body: { target } });
const use = (token: string, target: object, previewed?: Partial<Counts>) =>
  call<Used>(server, 'POST', '/api/admin/kill-switches', { token, body: { target, reason: 'A drill.', previewed } });

/** Previews it, uses it, and finds that it ended what the preview said: which is then on record once. */
async function end(token: string, target: object, on?: string): Promise<Ending> {
  const seen = await preview(token, target);
  expect(seen.status).toBe(200);
  const recordedBefore = await recorded();
  const used = await use(token, target, seen.body.counts);
  expect(used.status).toBe(200);
  expect(used.body.ended).toEqual(seen.body);
  expect(used.body.since_preview).toEqual(NONE);
  const since = (await recorded()).slice(recordedBefore.length);
  expect(since).toHaveLength(1);
  const { kind, ...more } = target as { kind: string };
  expect(since[0]).toMatchObject({ type: 'kill_switch.used', outcome: 'success', details: { switch: kind, because: 'A drill.' } });
  const counted = (since[0]!['details'] as { ended: Partial<Counts> }).ended;
  expect({ ...NONE, ...counted }).toEqual(seen.body.counts);
  if (on !== undefined) expect(since[0]).toMatchObject({ target: { id: on } });
  else expect(more).not.toHaveProperty('id');
  return used.body.ended;
}

/** Events that tell of an ending, in whatever log. */
async function recorded(): Promise<Record<string, unknown>[]> {
  return (await auditTrail(server.inside(DataSource))).filter(({ type }) => /^(kill_switch\.|tokens\.|key\.rev|task\.|delegation\.rev|consent\.rev|token\.rev|agent\.(susp|deact)|user\.dis|organization\.upd)/.test(String(type)));
}

async function made(path: string, token: string, body: object): Promise<Record<string, unknown>> {
  const answer = await call(server, 'POST', path, { token, body });
  if (answer.status !== 201) throw new Error(`POST ${path} answered ${answer.status}: ${JSON.stringify(answer.body)}`);
  return answer.body;
}

async function agentOf({ tokens }: Tenant): Promise<Machine> {
  names += 1;
  const { credentials } = await made('/api/agents/register', tokens.owner, { agent_name: `agent ${names}`, scopes: ['agents:read', 'tools:read', 'delegations:write'] }) as { credentials: Record<string, string> };
  await call(server, 'POST', '/api/agents/activate', { body: { registration_token: credentials['registration_token'] } });
  return { id: credentials['client_id']!, secret: credentials['client_secret']!, secretId: '' };
}

async function exchanged({ id, secret }: Machine, subject: string, parameters: Record<string, string>): Promise<string> {
  const { status, body } = await post(server, '/api/oauth/token', { ...EXCHANGE, subject_token: subject, ...parameters }, { basic: [id, secret] });
  if (status !== 200) throw new Error(`no token: ${JSON.stringify(body)}`);
  return String(body['access_token']);
}

const refused = (answer: { status: number; body: object }) => expect({ status: answer.status, ...answer.body }).toMatchObject({ status: 400, error: 'invalid_grant' });

/** A person lets an agent act for them, and that hands on to another. */
async function delegated(of: Tenant, first: Machine, person: string) {
  const second = await agentOf(of);
  const own = [await machineToken(server, first, { scope: 'agents:read delegations:write' }), await machineToken(server, second, { scope: 'agents:read' })] as const;
  const grant = String((await made('/api/delegations', person, { agent_id: first.id, scopes: ['agents:read'], max_depth: 1 }))['id']);
  const onwards = String((await made(`/api/delegations/${grant}/delegate`, own[0], { agent_id: second.id }))['id']);
  const root = await machineToken(server, first, { delegation_grant_id: grant, scope: 'agents:read' });
  return {
    second, own, grant, onwards, root,
    exchanged: await exchanged(second, root, { delegation_grant_id: onwards }),
    besides: await machineToken(server, second, { delegation_grant_id: onwards, scope: 'agents:read' }),
  };
}

describe('the kill switch of an agent', () => {
  it('ends its tokens, what was exchanged for them, and what was delegated to it and through it, and all that for good', async () => {
    const of = await tenant();
    const first = await agentOf(of);
    const { second, own, grant, onwards, root, exchanged: below, besides } = await delegated(of, first, of.tokens.member);
    const seen = await preview(of.tokens.admin, { kind: 'agent', id: first.id });
    expect(seen.body.counts).toEqual({ ...NONE, tokens: 4, people: 1, delegations: 2, agents: 1 });
    expect(seen.body.tokens).toMatchObject({ is_minimum: false, more: 0 });
    expect(new Map(seen.body.tokens.names.map(({ id, count }) => [id, count]))).toEqual(new Map([[first.id, 2], [second.id, 2]]));
    expect(seen.body.people.names).toEqual([{ id: of.people.member.id, name: expect.stringContaining('member') as string, count: 3 }]);
    expect(new Set(seen.body.delegations.names.map(({ id }) => id))).toEqual(new Set([first.id, second.id]));
    expect(seen.body.agents.names).toEqual([{ id: first.id, name: expect.stringMatching(/^agent \d+$/) as string, count: 1 }]);
    expect(await works(own[0], root, below, besides)).toEqual([true, true, true, true]);

    await end(of.tokens.admin, { kind: 'agent', id: first.id }, first.id);
    expect(await works(own[0], root, below, besides, own[1])).toEqual([false, false, false, false, true]);
    expect((await preview(of.tokens.admin, { kind: 'agent', id: first.id })).body.counts).toEqual(NONE);
    expect((await post(server, '/api/oauth/token', { grant_type: 'client_credentials' }, { basic: [first.id, first.secret] })).status).toBe(401);

    expect((await call(server, 'POST', `/api/agents/${first.id}/resume`, { token: of.tokens.admin })).status).toBe(200);
    expect(await works(own[0], root, below, besides)).toEqual([false, false, false, false]);
    expect(await works(await machineToken(server, first))).toEqual([true]);
    for (const [by, delegation_grant_id] of [[first, grant], [second, onwards]] as const) {
      refused(await post(server, '/api/oauth/token', { grant_type: 'client_credentials', delegation_grant_id }, { basic: [by.id, by.secret] }));
    }
  });

  it('works on one that is suspended already, and then nothing comes back with it', async () => {
    const of = await tenant();
    const token = of.tokens.agent;
    await call(server, 'POST', `/api/agents/${of.agent.id}/suspend`, { token: of.tokens.owner });
    expect((await end(of.tokens.owner, { kind: 'agent', id: of.agent.id }, of.agent.id)).counts).toEqual(NONE);
    await call(server, 'POST', `/api/agents/${of.agent.id}/resume`, { token: of.tokens.owner });
    expect(await works(token)).toEqual([false]);
    await call(server, 'DELETE', `/api/agents/${of.agent.id}`, { token: of.tokens.owner });
    expect(await use(of.tokens.owner, { kind: 'agent', id: of.agent.id })).toMatchObject({ status: 409, body: { code: 'agent_deactivated' } });
  });
});

describe('the kill switch of a task', () => {
  it('cancels it with all below, and ends what was issued there', async () => {
    const inTask = (parameters: Record<string, string>) => machineToken(server, other.agent, { scope: 'agents:read', ...parameters });
    const root = await inTask({ task_description: 'Send the mail' });
    const task = String(decodeJwt(root)['task_id']);
    const tokens = [root, await inTask({ task_id: task }), await inTask({ parent_task_id: task })];
    const besides = await inTask({});
    const ended = await end(other.tokens.admin, { kind: 'task', id: task }, task);
    expect(ended.counts).toEqual({ ...NONE, tokens: 3, tasks: 2 });
    expect(ended.tasks.names).toContainEqual({ id: task, name: 'Send the mail', count: 1 });
    expect(await works(...tokens, besides)).toEqual([false, false, false, true]);
    refused(await post(server, '/api/oauth/token', { grant_type: 'client_credentials', task_id: task }, { basic: [other.agent.id, other.agent.secret] }));
    expect((await end(other.tokens.admin, { kind: 'task', id: task }, task)).counts).toEqual(NONE);
  });
});

describe('the kill switch of a person', () => {
  it('disables them, and ends their sessions, tokens, consents and whatever is done for them, and all that for good', async () => {
    const of = await tenant();
    const person = await addPerson(server, of.tokens.owner, 'member', 'person');
    const flow = new CodeFlow(server, of.application, person);
    const tokens = await flow.tokens();
    const code = await flow.code();
    const personal = (await signIn(server, person)).accessToken;
    const { own, root, exchanged: below, besides } = await delegated(of, await agentOf(of), personal);
    const ended = await end(of.tokens.owner, { kind: 'user', id: person.id }, person.id);
    // Two sign-ins, each with an access token and one that renews it.
    expect(ended.counts).toEqual({ ...NONE, tokens: 7, refresh_tokens: 2, people: 1, delegations: 2, consents: 2, sessions: 2 });
    expect(ended.sessions.names).toEqual([{ id: person.id, name: 'person', count: 2 }]);
    expect(ended.consents.names.map(({ id }) => id).sort()).toEqual([of.application.clientId, 'swagger-ui'].sort());
    expect(await works(tokens.accessToken, personal, root, below, besides, ...own)).toEqual([false, false, false, false, false, true, true]);

    expect((await call(server, 'PUT', `/api/users/${person.id}`, { token: of.tokens.owner, body: { status: 'active' } })).status).toBe(200);
    expect(await works(tokens.accessToken, personal, root, below, besides)).toEqual([false, false, false, false, false]);
    refused(await flow.refresh(tokens.refreshToken));
    refused(await flow.redeem(code));
    expect(await flow.isAskedToSignIn()).toBe(true);
    const again = (await signIn(server, person)).accessToken;
    expect((await call<{ data: { client: { client_id: string } }[] }>(server, 'GET', '/api/users/me/consents', { token: again })).body.data.map(({ client }) => client.client_id)).toEqual(['swagger-ui']);
    expect((await call<{ data: object[] }>(server, 'GET', '/api/delegations?active=true', { token: again })).body.data).toEqual([]);
  });

  it('is for whoever is in charge of the account', async () => {
    expect(await use(other.tokens.admin, { kind: 'user', id: other.people.owner.id })).toMatchObject({ status: 403, body: { code: 'role_above_own' } });
    expect(await use(other.tokens.owner, { kind: 'user', id: other.people.owner.id })).toMatchObject({ status: 403, body: { code: 'account_not_yours' } });
    expect(await works(other.tokens.owner)).toEqual([true]);
  });
});

describe('the kill switch of an organization', () => {
  it('ends everything in it and lets nothing new come to be, and leaves the others alone', async () => {
    const of = await tenant();
    const flow = new CodeFlow(server, of.application, of.people.member);
    const tokens = await flow.tokens();
    const ended = await end(administrator, { kind: 'organization', id: of.id }, of.id);
    expect(ended.counts).toMatchObject({ agents: 1, people: 3, delegations: 0, tasks: 0 });
    expect(ended.counts.tokens).toBeGreaterThanOrEqual(8);
    expect(ended.sessions.names.map(({ id }) => id)).toEqual(expect.arrayContaining([of.people.member.id, of.people.owner.id]));
    expect(await works(...Object.values(of.tokens), tokens.accessToken)).toEqual([false, false, false, false, false, false]);
    expect(await works(...Object.values(other.tokens))).toEqual([true, true, true, true, true]);
    expect((await post(server, '/api/oauth/token', { grant_type: 'client_credentials' }, { basic: [of.agent.id, of.agent.secret] })).status).not.toBe(200);
    expect((await flow.refresh(tokens.refreshToken)).status).not.toBe(200);

    expect((await call(server, 'PUT', `/api/organizations/${of.id}`, { token: administrator, body: { status: 'active' } })).status).toBe(200);
    expect(await works(...Object.values(of.tokens), tokens.accessToken)).toEqual([false, false, false, false, false, false]);
    await expect.poll(async () => (await post(server, '/api/oauth/token', { grant_type: 'client_credentials' }, { basic: [of.agent.id, of.agent.secret] })).status, { timeout: 20_000 }).toBe(200);
    // Its clients are what they were a second ago at the most.
    await expect.poll(async () => (await flow.refresh(tokens.refreshToken)).body['error'], { timeout: 20_000 }).toBe('invalid_grant');
    expect(await flow.isAskedToSignIn()).toBe(true);
    expect(await works((await new CodeFlow(server, of.application, of.people.member).tokens()).accessToken)).toEqual([true]);
  });

  it('is for platform administrators, who do not lock themselves out', async () => {
    expect(await use(other.tokens.owner, { kind: 'organization', id: other.id })).toMatchObject({ status: 403, body: { code: 'platform_administrator_required' } });
    const { organization } = (await call<{ organization: { id: string } }>(server, 'GET', '/api/auth/me', { token: administrator })).body;
    expect(await use(administrator, { kind: 'organization', id: organization.id })).toMatchObject({ status: 409, body: { code: 'own_organization' } });
    expect(await works(...Object.values(other.tokens), administrator)).toEqual([true, true, true, true, true, true]);
  });
});

describe('the kill switch of everything that was issued before a moment', () => {
  it('ends by now all that an organization has issued, and what comes after the answer counts', async () => {
    const of = await tenant();
    const flow = new CodeFlow(server, of.application, of.people.member);
    const tokens = await flow.tokens();
    const code = await flow.code();
    const ended = await end(of.tokens.owner, { kind: 'issued_before' }, of.id);
    expect(ended.counts).toMatchObject({ people: 3, agents: 0, delegations: 0, consents: 0 });
    expect(ended.counts.refresh_tokens).toBeGreaterThanOrEqual(4);
    expect(ended.sessions.names.map(({ id }) => id)).toContain(of.people.member.id);
    expect(await works(...Object.values(of.tokens), tokens.accessToken)).toEqual([false, false, false, false, false, false]);
    refused(await flow.refresh(tokens.refreshToken));
    refused(await flow.redeem(code));
    expect(await works(...Object.values(other.tokens))).toEqual([true, true, true, true, true]);
    // In the same second, where it was the next one that the answer waited for.
    const machine = await machineToken(server, of.agent);
    expect(await flow.isAskedToSignIn()).toBe(true);
    const person = await flow.tokens();
    expect(await works(machine, person.accessToken)).toEqual([true, true]);
    expect((await flow.refresh(person.refreshToken)).status).toBe(200);
    const { body } = await call<{ data: { inactive_because: string }[] }>(server, 'GET', `/api/admin/tokens?client_id=${of.agent.id}`, { token: (await signIn(server, of.people.owner)).accessToken });
    expect(body.data.map(({ inactive_because }) => inactive_because)).toEqual([null, 'issued_before_cutoff']);
  });

  it('ends what goes back to before a moment that has passed, and nothing that was issued since', async () => {
    const of = await tenant();
    const flow = new CodeFlow(server, of.application, of.people.member);
    const early = await flow.tokens();
    const before = [await machineToken(server, of.client), early.accessToken];
    await new Promise((resolve) => { setTimeout(resolve, 2100 - Date.now() % 1000); });
    const moment = new Date(Date.now() - 1000).toISOString();
    const since = [await machineToken(server, of.client), (await new CodeFlow(server, of.application, of.people.member).tokens()).accessToken];
    // Issued since, for a sign-in of before.
    const renewed = (await flow.refresh(early.refreshToken)).body as { access_token: string; refresh_token: string };
    expect(await works(...before, ...since, renewed.access_token)).toEqual([true, true, true, true, true]);
    const later = (await signIn(server, of.people.owner)).accessToken;
    await end(later, { kind: 'issued_before', before: moment }, of.id);
    expect(await works(...before, ...since, renewed.access_token, later)).toEqual([false, false, true, true, false, true]);
    refused(await flow.refresh(renewed.refresh_token));
    // An earlier moment brings nothing back.
    expect((await end(later, { kind: 'issued_before', before: '2020-01-01T00:00:00Z' }, of.id)).counts).toEqual(NONE);
    expect(await works(...before, ...since)).toEqual([false, false, true, true]);
  });

  it('ends what one client got alone, and its people sign in again for it', async () => {
    const of = await tenant();
    const flow = new CodeFlow(server, of.application, of.people.member);
    const { accessToken } = await flow.tokens();
    const target = { kind: 'issued_before', client_id: of.application.clientId };
    const ended = await end(of.tokens.admin, target, of.application.clientId);
    expect(ended.tokens.names).toEqual([{ id: of.application.clientId, name: expect.stringContaining('application') as string, count: 4 }]);
    expect(await works(accessToken, ...Object.values(of.tokens))).toEqual([false, true, true, true, true, true]);
    expect(await flow.isAskedToSignIn()).toBe(true);
    for (const client_id of [other.application.clientId, firstPartyClient(server).clientId, 'nobody']) {
      expect(await use(of.tokens.owner, { kind: 'issued_before', client_id })).toMatchObject({ status: 404, body: { code: 'client_not_found' } });
    }
  });

  it('tells what has come since the preview, and ends that too', async () => {
    const of = await tenant();
    const seen = await preview(of.tokens.owner, { kind: 'issued_before', client_id: of.client.id });
    expect(seen.body.counts).toEqual({ ...NONE, tokens: 1 });
    const more = [await machineToken(server, of.client), await machineToken(server, of.client)];
    const used = await use(of.tokens.owner, { kind: 'issued_before', client_id: of.client.id }, seen.body.counts);
    expect(used.body).toMatchObject({ ended: { counts: { tokens: 3 } }, since_preview: { ...NONE, tokens: 2 } });
    expect(await works(...more)).toEqual([false, false]);
  });
});

describe('tokens that a filter describes', () => {
  interface World { readonly of: Tenant; readonly agent: Machine; readonly second: Machine; readonly grant: string; readonly root: string; readonly below: string; readonly own: string; readonly flow: CodeFlow; readonly web: { accessToken: string; refreshToken: string } }
  let world: World;
  let organization: Tenant;

  beforeAll(async () => { organization = await tenant(); });

  /** Of one organization, since making one takes most of the time: a person and agents that no test before has touched, and everybody with a token that is good. */
  beforeEach(async () => {
    const owner = (await signIn(server, organization.people.owner)).accessToken;
    const member = await addPerson(server, owner, 'member', 'member');
    const of: Tenant = {
      ...organization,
      people: { ...organization.people, member },
      tokens: {
        owner, admin: (await signIn(server, organization.people.admin)).accessToken, member: (await signIn(server, member)).accessToken,
        agent: await machineToken(server, organization.agent), client: await machineToken(server, organization.client),
      },
    };
    const agent = await agentOf(of);
    const { second, grant, root, exchanged: below, own } = await delegated(of, agent, of.tokens.member);
    const flow = new CodeFlow(server, of.application, of.people.member);
    world = { of, agent, second, grant, root, below, own: own[0], flow, web: await flow.tokens() };
  });

  const look = (token: string, filter: object) => call<Ending>(server, 'POST', '/api/admin/tokens/revoke/preview', { token, body: { filter } });
  const revoke = (token: string, filter: object, previewed?: object) =>
    call<{ ended: Ending; since_preview: object | null }>(server, 'POST', '/api/admin/tokens/revoke', { token, body: { filter, reason: 'A drill.', previewed } });

  it.each<[name: string, filter: (world: World) => object, ended: (world: World) => (string | undefined)[], left: (world: World) => string[]]>([
    ['by client, with what descends from them', ({ agent }) => ({ client_id: agent.id }), ({ own, root, below }) => [own, root, below], ({ of, web }) => [of.tokens.agent, web.accessToken]],
    ['by agent', ({ second }) => ({ agent_id: second.id }), ({ below }) => [below], ({ own, root, web }) => [own, root, web.accessToken]],
    ['by the person for whom they speak', ({ of }) => ({ user_id: of.people.member.id }), ({ root, below, web, of }) => [root, below, web.accessToken, of.tokens.member], ({ own, of }) => [own, of.tokens.owner]],
    ['by task', ({ root }) => ({ task_id: decodeJwt(root)['task_id'] }), ({ root, below }) => [root, below], ({ own, web }) => [own, web.accessToken]],
    ['by delegation, with what it was handed on for', ({ grant }) => ({ delegation_grant_id: grant }), ({ root, below }) => [root, below], ({ own, web }) => [own, web.accessToken]],
    ['by scope', () => ({ scope: 'delegations:write' }), ({ own, of }) => [own, of.tokens.owner], ({ root, web }) => [root, web.accessToken]],
    ['by API', () => ({ resource: `${server.issuer}/api` }), ({ own, root, below, web }) => [own, root, below, web.accessToken], () => []],
    ['by the moment before which they were issued', () => ({ issued_before: new Date(Date.now() + 60_000).toISOString() }), ({ own, root, web }) => [own, root, web.accessToken], () => []],
    ['by the moment since when they were issued, and client', ({ agent }) => ({ issued_after: new Date(Date.now() - 3_600_000).toISOString(), client_id: agent.id }), ({ own, root, below }) => [own, root, below], ({ web }) => [web.accessToken]],
  ])('end %s, as many as the preview says, and no others', async (_name, filterOf, endedOf, leftOf) => {
    const { of } = world;
    const filter = filterOf(world);
    const seen = await look(of.tokens.admin, filter);
    expect(seen.status).toBe(200);
    const ended = endedOf(world).flatMap((token) => token ?? []);
    expect(seen.body.counts.tokens).toBeGreaterThanOrEqual(ended.length);
    expect(await works(...ended)).toEqual(ended.map(() => true));
    const inLedger = async () => Number((await server.inside(DataSource).query<{ count: string }[]>('SELECT count(*) FROM tokens WHERE organization_id = $1', [of.id]))[0]!.count);
    const [issued, before] = [await inLedger(), await recorded()];
    const used = await revoke(of.tokens.admin, filter, seen.body.counts);
    expect(used).toMatchObject({ status: 200, body: { ended: seen.body, since_preview: NONE } });
    expect(await inLedger()).toBe(issued);
    expect(await works(...ended)).toEqual(ended.map(() => false));
    expect(await works(...leftOf(world))).toEqual(leftOf(world).map(() => true));
    expect(await works(...Object.values(other.tokens))).toEqual([true, true, true, true, true]);
    const since = (await recorded()).slice(before.length);
    expect(since).toMatchObject([{ type: 'tokens.revoked', organization_id: of.id, details: { because: 'A drill.', filter } }]);
    expect({ ...NONE, ...(since[0]!['details'] as { ended: object }).ended }).toEqual(seen.body.counts);
    const left = await look((await signIn(server, of.people.owner)).accessToken, filter);
    if (!('resource' in filter) && !('scope' in filter) && !('issued_before' in filter)) expect(left.body.counts.tokens).toBe(0);
  });

  it('end with what renews them', async () => {
    const { of, flow, web } = world;
    const code = await flow.code();
    expect((await revoke(of.tokens.admin, { client_id: of.application.clientId, user_id: of.people.member.id })).body.ended.counts).toMatchObject({ tokens: 2, refresh_tokens: 1, consents: 1 });
    refused(await flow.refresh(web.refreshToken));
    refused(await flow.redeem(code));
  });

  it('are those of the organization, unless a platform administrator says all', async () => {
    const { of, own, agent } = world;
    for (const filter of [{ client_id: other.agent.id }, { user_id: other.people.owner.id }, { resource: other.resource.identifier }, { scope: other.scope.name }, { delegation_grant_id: other.delegationId }, { task_id: other.tokenId }]) {
      expect((await revoke(of.tokens.owner, filter)).body.ended.counts).toEqual(NONE);
    }
    expect(await works(...Object.values(other.tokens))).toEqual([true, true, true, true, true]);
    expect(await revoke(of.tokens.owner, { client_id: agent.id, organization: 'all' })).toMatchObject({ status: 403, body: { code: 'platform_administrator_required' } });
    expect((await revoke(administrator, { client_id: agent.id })).body.ended.counts.tokens).toBe(0);
    expect(await works(own)).toEqual([true]);
    expect((await revoke(administrator, { client_id: agent.id, organization: 'all' })).body.ended.counts.tokens).toBe(3);
    expect(await works(own)).toEqual([false]);
  });

  it('have to be described', async () => {
    const { owner } = world.of.tokens;
    expect(await revoke(owner, {})).toMatchObject({ status: 400, body: { code: 'filter_empty' } });
    expect(await look(owner, {})).toMatchObject({ status: 400, body: { code: 'filter_empty' } });
    for (const filter of [{ client: 'x' }, { agent_id: 'x' }, { scope: 'a b' }, { issued_before: 'yesterday' }, { issued_after: '2030-13-45T00:00:00Z' }, { client_id: null }, 'all', null]) {
      expect({ filter, ...await revoke(owner, filter as object) }).toMatchObject({ filter, status: 400, body: { code: 'invalid_request' } });
    }
  });
});

describe('kill switches', () => {
  const targets = ({ agent, tokenId, people, id }: Tenant) => [
    { kind: 'agent', id: agent.id }, { kind: 'task', id: tokenId }, { kind: 'user', id: people.member.id }, { kind: 'organization', id }, { kind: 'issued_before', client_id: agent.id },
  ];

  it('are not for members, however much their token says', async () => {
    for (const target of targets(other)) {
      expect(await preview(other.tokens.member, target)).toMatchObject({ status: 403, body: { code: 'administrator_required' } });
      expect(await use(other.tokens.member, target)).toMatchObject({ status: 403, body: { code: 'administrator_required' } });
    }
    expect(await call(server, 'POST', '/api/admin/tokens/revoke', { token: other.tokens.member, body: { filter: { client_id: other.agent.id }, reason: 'x' } })).toMatchObject({ status: 403, body: { code: 'administrator_required' } });
  });

  it('take the scope that ending the thing alone takes, beside tokens:revoke', async () => {
    const narrow = await machineToken(server, other.client, { scope: 'tokens:revoke' });
    const without = await machineToken(server, other.client, { scope: 'agents:write tasks:write users:write organizations:write' });
    for (const target of targets(other)) {
      const isPast = target.kind === 'issued_before';
      expect(await preview(narrow, target)).toMatchObject(isPast ? { status: 200 } : { status: 403, body: { code: 'insufficient_scope' } });
      expect(await preview(without, target)).toMatchObject({ status: 403, body: { code: 'insufficient_scope' } });
      if (!isPast) expect(await use(narrow, target)).toMatchObject({ status: 403, body: { code: 'insufficient_scope' } });
    }
  });

  it('find nothing of another organization, and end nothing there', async () => {
    const of = await tenant();
    const codes = ['agent_not_found', 'task_not_found', 'user_not_found', 'organization_not_found', 'client_not_found'];
    for (const caller of ['owner', 'admin', 'agent', 'client'] as const) {
      for (const [index, target] of targets(other).entries()) {
        for (const ask of [preview, use]) expect({ caller, target, ...await ask(of.tokens[caller], target) }).toMatchObject({ caller, target, status: 404, body: { code: codes[index] } });
      }
    }
    expect(await works(...Object.values(other.tokens))).toEqual([true, true, true, true, true]);
  });

  it('say what is wrong with a target', async () => {
    const { owner } = other.tokens;
    for (const target of [
      {}, { kind: 'everything' }, { kind: 'agent' }, { kind: 'agent', id: 'x' }, { kind: 'agent', id: other.agent.id, before: '2020-01-01T00:00:00Z' }, { kind: 'issued_before', id: other.agent.id },
      { kind: 'task', id: other.tokenId, organization: 'all' }, { kind: 'issued_before', before: 'noon' }, { kind: 'issued_before', before: '2020-05-45T00:00:00Z' }, { kind: 'issued_before', organization: 'mine' }, null, 'agent',
    ]) expect({ target, ...await use(owner, target as object) }).toMatchObject({ target, status: 400, body: { code: 'invalid_request' } });
    expect(await use(owner, { kind: 'issued_before', before: new Date(Date.now() + 60_000).toISOString() })).toMatchObject({ status: 400, body: { code: 'cutoff_in_the_future' } });
    expect(await call(server, 'POST', '/api/admin/kill-switches', { token: owner, body: { target: { kind: 'issued_before' } } })).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
    expect(await works(owner)).toEqual([true]);
  });

  it('keep no secret that somebody gives as the reason', async () => {
    const of = await tenant();
    const body = { target: { kind: 'issued_before', client_id: of.agent.id }, reason: `Found ${of.agent.secret} in a chat.` };
    expect((await call(server, 'POST', '/api/admin/kill-switches', { token: of.tokens.owner, body })).status).toBe(200);
    expect(JSON.stringify((await recorded()).at(-1))).not.toContain(of.agent.secret);
  });

  it('end, for platform administrators, the past of every organization at once', async () => {
    expect(await use(other.tokens.owner, { kind: 'issued_before', organization: 'all' })).toMatchObject({ status: 403, body: { code: 'platform_administrator_required' } });
    const of = await tenant();
    await end(administrator, { kind: 'issued_before', organization: 'all' });
    expect(await works(...Object.values(of.tokens), ...Object.values(other.tokens), administrator)).toEqual(Array.from({ length: 11 }, () => false));
    expect(await works(await machineToken(server, of.agent), (await signIn(server, ADMIN)).accessToken)).toEqual([true, true]);
  });
});
