import { createHash, randomBytes } from 'node:crypto';
import * as jose from 'jose';
import { DataSource } from 'typeorm';
import { call, introspect, post } from '../support/api.js';
import { startApplication, type TestApplication } from '../support/application.js';
import { FormBrowser } from '../support/browser.js';
import { CALLBACK, registerAgent, registerClient } from '../support/clients.js';
import { auditTrail } from '../support/directory.js';
import { addPerson, signIn, type TestPerson } from '../support/people.js';
import { ADMIN } from '../support/server.js';
import { SESSION_REVOKED, TOKEN_CLAIMS_CHANGE } from '../support/set-receiver.js';
import { idsOf, makeStream, payloadOf, pollAll, receiverOf, typeOf } from '../support/signals.js';

const API = 'https://trips.example/api';
const SCOPES = ['trips:read', 'trips:book'];
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';

let server: TestApplication;
let admin: string;
let person: TestPerson;
/** An agent that people sign in to. */
let assistant: { clientId: string; clientSecret: string };
/** One that works behind an application. */
let worker: { clientId: string; clientSecret: string; token: string };
let stranger: { clientId: string; clientSecret: string; token: string };
let application: { clientId: string; clientSecret?: string };

beforeAll(async () => {
  server = await startApplication();
  admin = (await signIn(server, ADMIN)).accessToken;
  for (const name of SCOPES) await call(server, 'POST', '/api/scopes', { token: admin, body: { name, description: name } });
  await call(server, 'POST', '/api/resources', { token: admin, body: { identifier: API, name: 'Trips', scopes: SCOPES } });
  person = await addPerson(server, admin, 'member');
  assistant = await registerAgent(server, { scopes: ['openid', 'offline_access', ...SCOPES], redirect_uris: [CALLBACK] });
  [worker, stranger] = await Promise.all([machine(), machine()]) as [typeof worker, typeof stranger];
  application = await registerClient(server, { grant_types: ['authorization_code', 'refresh_token'], redirect_uris: [CALLBACK], scopes: ['openid', 'offline_access', ...SCOPES] });
});
afterAll(() => server.stop());

async function machine() {
  const agent = await registerAgent(server, { scopes: SCOPES });
  const { body } = await post(server, '/api/oauth/token', { grant_type: 'client_credentials', resource: API }, { basic: [agent.clientId, agent.clientSecret] });
  return { ...agent, token: String(body['access_token']) };
}

interface Asked { scope?: string; extra?: Record<string, string>; unticked?: string[]; browser?: FormBrowser }

async function authorize(client: { clientId: string }, { scope = `openid ${SCOPES.join(' ')}`, extra = {}, unticked = [], browser = new FormBrowser() }: Asked = {}) {
  const verifier = randomBytes(32).toString('base64url');
  const url = new URL('/api/oauth/authorize', server.issuer);
  url.search = new URLSearchParams({
    response_type: 'code', client_id: client.clientId, redirect_uri: CALLBACK, scope, resource: API, state: 's', code_challenge_method: 'S256',
    code_challenge: createHash('sha256').update(verifier).digest('base64url'), ...extra,
  }).toString();
  return { callback: await browser.authorize(url.href, person, 'allow', unticked), verifier };
}

async function tokens(client: { clientId: string; clientSecret?: string }, asked: Asked = {}, form: Record<string, string> = {}) {
  const { callback, verifier } = await authorize(client, asked);
  const code = callback.searchParams.get('code');
  if (!code) throw new Error(callback.search);
  return post(server, '/api/oauth/token', { grant_type: 'authorization_code', code, redirect_uri: CALLBACK, code_verifier: verifier, ...form }, { basic: [client.clientId, client.clientSecret!] });
}

const claimsOf = ({ body }: { body: Record<string, unknown> }) => jose.decodeJwt(String(body['access_token']));
const refusal = ({ status, body }: { status: number; body: Record<string, unknown> }) => ({ status, error: body['error'] });
const delegationsTo = async (agentId: string) => (await call<{ data: Record<string, unknown>[] }>(server, 'GET', `/api/delegations?agent_id=${agentId}&active=true`, { token: admin })).body.data;

describe('an agent that a person signs in to', () => {
  it('acts for them by a delegation, which is in the list like any other, and whose end ends the token and the consent', async () => {
    const answer = await tokens(assistant, { scope: 'openid offline_access trips:read' });
    expect(answer.status).toBe(200);
    const claims = claimsOf(answer);
    expect(claims).toMatchObject({ sub: person.id, client_id: assistant.clientId, act: { sub: assistant.clientId }, scope: 'trips:read', delegator_sub: person.id, agent_type: 'autonomous' });
    const [delegation] = await delegationsTo(assistant.clientId);
    expect(delegation).toMatchObject({ id: claims['delegation_grant_id'], origin: 'consent', principal: { kind: 'user', id: person.id }, scopes: ['trips:read'], constraints: { resources: [API] }, max_depth: 0 });
    await call(server, 'DELETE', `/api/delegations/${String(delegation!['id'])}`, { token: admin });
    expect(await introspect(server, String(answer.body['access_token']))).toEqual({ active: false });
    const refreshed = await post(server, '/api/oauth/token', { grant_type: 'refresh_token', refresh_token: String(answer.body['refresh_token']) }, { basic: [assistant.clientId, assistant.clientSecret] });
    expect(refusal(refreshed)).toEqual({ status: 400, error: 'invalid_grant' });
  });

  it('loses the delegation with the consent', async () => {
    const answer = await tokens(assistant, { scope: 'openid trips:read' });
    const token = (await signIn(server, person)).accessToken;
    const { body } = await call<{ data: { id: string; client: { client_id: string } }[] }>(server, 'GET', '/api/users/me/consents', { token });
    for (const consent of body.data.filter(({ client }) => client.client_id === assistant.clientId)) await call(server, 'DELETE', `/api/users/me/consents/${consent.id}`, { token });
    expect(await delegationsTo(assistant.clientId)).toEqual([]);
    expect(await introspect(server, String(answer.body['access_token']))).toEqual({ active: false });
  });

  it('gets as much as the person leaves ticked', async () => {
    const answer = await tokens(assistant, { unticked: ['trips:book'] });
    expect(claimsOf(answer)['scope']).toBe('trips:read');
    expect((await delegationsTo(assistant.clientId))[0]).toMatchObject({ scopes: ['trips:read'] });
  });

  it('keeps what it had when the person agrees to more, and loses it all when they agree to less', async () => {
    const browser = new FormBrowser();
    const first = await tokens(assistant, { scope: 'openid trips:read', browser });
    const more = await tokens(assistant, { browser });
    expect(claimsOf(more)['delegation_grant_id']).toBe(claimsOf(first)['delegation_grant_id']);
    expect(claimsOf(more)['scope']).toBe('trips:read trips:book');
    expect(await introspect(server, String(first.body['access_token']))).toMatchObject({ active: true });
    const receiver = await receiverOf(server);
    const stream = await makeStream(server, receiver);
    const less = await tokens(assistant, { browser, extra: { prompt: 'consent' }, unticked: ['trips:book'] });
    expect(claimsOf(less)['scope']).toBe('trips:read');
    for (const { body } of [first, more]) expect(await introspect(server, String(body['access_token']))).toEqual({ active: false });
    const trail = await auditTrail(server.inside(DataSource));
    expect(trail.filter(({ type, reason }) => type === 'consent.revoked' && reason === 'narrowed')).toHaveLength(1);
    // Who accepts the tokens is told both: what is over, and what is left.
    const signals = await pollAll(server, receiver, stream, 2);
    expect(signals.map(typeOf)).toEqual([SESSION_REVOKED, TOKEN_CLAIMS_CHANGE]);
    expect(idsOf(signals)).toEqual(expect.arrayContaining([first, more].map((answer) => claimsOf(answer)['jti'])));
    expect(idsOf(signals)).not.toContain(claimsOf(less)['jti']);
    expect(payloadOf(signals[1]!)['claims']).toEqual({ scope: expect.stringMatching(/(^| )trips:read( |$)/) });
    expect(JSON.stringify(payloadOf(signals[1]!)['claims'])).not.toContain('trips:book');
  });
});

describe('the tools of a token of the code flow', () => {
  beforeAll(async () => {
    for (const [name, permission] of [['find_trip', 'trips:read'], ['book_trip', 'trips:book'], ['pay', 'trips:book']]) {
      const made = await call(server, 'POST', '/api/tools', { token: admin, body: { name, description: 'A tool.', permissions_required: [permission], resource: API } });
      if (made.status !== 201) throw new Error(JSON.stringify(made.body));
      for (const { clientId } of name === 'pay' ? [worker] : [assistant, worker]) await call(server, 'POST', `/api/agents/${clientId}/tools/${String(made.body['id'])}`, { token: admin });
    }
  });

  const refresh = ({ body }: { body: Record<string, unknown> }, form: Record<string, string> = {}) =>
    post(server, '/api/oauth/token', { grant_type: 'refresh_token', refresh_token: String(body['refresh_token']), ...form }, { basic: [assistant.clientId, assistant.clientSecret] });

  it('are those of the agent that acts, as far as the person agreed to what they need', async () => {
    expect(claimsOf(await tokens(assistant))['tools']).toEqual(['book_trip', 'find_trip']);
    const answer = await tokens(assistant, { unticked: ['trips:book'] });
    expect(claimsOf(answer)['tools']).toEqual(['find_trip']);
    const [event] = (await auditTrail(server.inside(DataSource))).filter(({ type, token_id }) => type === 'token.issued' && token_id === answer.body['token_id']);
    expect(event).toMatchObject({ details: { tools: ['find_trip'] } });
    const check = (tool: string) => call<{ allowed?: boolean; code?: string }>(server, 'POST', '/api/oauth/verify-tool-access', { token: admin, body: { token: answer.body['access_token'], tool } });
    expect((await check('find_trip')).body).toMatchObject({ allowed: true });
    expect((await check('book_trip')).body).toMatchObject({ code: 'tool_not_allowed' });
  });

  it('are exactly those that are required, with the code and with each refresh token, or there is no token', async () => {
    const answer = await tokens(assistant, { scope: `openid offline_access ${SCOPES.join(' ')}` }, { required_tools: 'find_trip' });
    expect(claimsOf(answer)['tools']).toEqual(['find_trip']);
    // A request that is refused uses nothing up.
    for (const required_tools of ['pay', 'find_trip pay']) expect(refusal(await refresh(answer, { required_tools }))).toEqual({ status: 400, error: 'access_denied' });
    const refreshed = await refresh(answer, { required_tools: 'book_trip' });
    expect(claimsOf(refreshed)['tools']).toEqual(['book_trip']);
    expect((await refresh(answer, { required_tools: 'book_trip' })).body).toEqual(refreshed.body);
    expect(refusal(await refresh(answer, { required_tools: 'find_trip' }))).toEqual({ status: 400, error: 'invalid_grant' });
    expect(claimsOf(await refresh(refreshed))['tools']).toEqual(['book_trip', 'find_trip']);
    expect(refusal(await tokens(assistant, {}, { required_tools: 'pay' }))).toEqual({ status: 400, error: 'access_denied' });
    expect(refusal(await tokens(assistant, { scope: 'openid trips:read', extra: { prompt: 'consent' } }, { required_tools: 'book_trip' }))).toEqual({ status: 400, error: 'access_denied' });
  });

  it('are nobody\'s where no agent acts: not with a client that is none, and not before the agent that was named proves itself', async () => {
    expect(claimsOf(await tokens(application))).not.toHaveProperty('tools');
    expect(refusal(await tokens(application, {}, { required_tools: 'find_trip' }))).toEqual({ status: 400, error: 'access_denied' });
    const extra = { requested_actor: worker.clientId };
    expect(claimsOf(await tokens(application, { extra }))).not.toHaveProperty('tools');
    const proven = { actor_token: worker.token, actor_token_type: ACCESS_TOKEN };
    expect(claimsOf(await tokens(application, { extra }, proven))['tools']).toEqual(['book_trip', 'find_trip', 'pay']);
    expect(claimsOf(await tokens(application, { extra }, { ...proven, required_tools: 'pay' }))['tools']).toEqual(['pay']);
  });

  it('are what the policies leave of them, and a required one that they deny refuses the token', async () => {
    const rule = { effect: 'deny', who: { agents: ['*'] }, what: { actions: ['issue'], tools: ['book_trip'] } };
    const { body } = await call(server, 'POST', '/api/policies', { token: admin, body: { name: 'No bookings', rule } });
    expect(claimsOf(await tokens(assistant))['tools']).toEqual(['find_trip']);
    expect(refusal(await tokens(assistant, {}, { required_tools: 'book_trip' }))).toEqual({ status: 400, error: 'access_denied' });
    await call(server, 'DELETE', `/api/policies/${String(body['id'])}`, { token: admin });
  });
});

describe('an application that asks for an agent to act (requested_actor)', () => {
  const actorOf = ({ token }: { token: string }) => ({ actor_token: token, actor_token_type: ACCESS_TOKEN });

  it('shows the person which agent it is, and gets a token with which that agent acts when the agent proves itself', async () => {
    const browser = new FormBrowser();
    const url = new URL('/api/oauth/authorize', server.issuer);
    url.search = new URLSearchParams({ response_type: 'code', client_id: application.clientId, redirect_uri: CALLBACK, scope: 'openid trips:read', resource: API, requested_actor: worker.clientId, code_challenge_method: 'S256', code_challenge: 'x'.repeat(43) }).toString();
    const page = await browser.submit(await browser.open(url.href), { username: person.email, password: person.password });
    expect(page.html).toMatch(/<strong><bdi>agent 0\.\d+<\/bdi><\/strong>/);
    expect(page.html).toContain('will act on your behalf');
    const answer = await tokens(application, { scope: 'openid offline_access trips:read', extra: { requested_actor: worker.clientId } }, actorOf(worker));
    expect(claimsOf(answer)).toMatchObject({ sub: person.id, client_id: application.clientId, act: { sub: worker.clientId }, delegator_sub: person.id, agent_type: 'autonomous' });
    expect(claimsOf(answer)).not.toHaveProperty('may_act');
    const refreshed = await post(server, '/api/oauth/token', { grant_type: 'refresh_token', refresh_token: String(answer.body['refresh_token']) }, { basic: [application.clientId, application.clientSecret!] });
    expect(claimsOf(refreshed)).toMatchObject({ act: { sub: worker.clientId }, task_id: claimsOf(answer)['task_id'] });
  });

  it('gets a token that says who may act when the agent is not there; that agent alone exchanges it, and proves itself', async () => {
    const answer = await tokens(application, { extra: { requested_actor: worker.clientId } });
    expect(claimsOf(answer)).toMatchObject({ sub: person.id, may_act: { sub: worker.clientId } });
    expect(claimsOf(answer)).not.toHaveProperty('act');
    const subject = { grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange', subject_token: String(answer.body['access_token']), subject_token_type: ACCESS_TOKEN };
    const by = (agent: typeof worker, form: Record<string, string> = {}) => post(server, '/api/oauth/token', { ...subject, ...form }, { basic: [agent.clientId, agent.clientSecret] });
    // Named, with a proof: a token with which it acts.
    expect(claimsOf(await by(worker, actorOf(worker)))).toMatchObject({ sub: person.id, client_id: worker.clientId, act: { sub: worker.clientId } });
    // No actor where one is required, another actor than the one named, a requester that is not the actor.
    expect(refusal(await by(worker))).toEqual({ status: 400, error: 'access_denied' });
    expect(refusal(await by(stranger, actorOf(stranger)))).toEqual({ status: 400, error: 'access_denied' });
    expect(refusal(await by(stranger, actorOf(worker)))).toEqual({ status: 400, error: 'access_denied' });
  });

  it('is refused an actor token of another agent, and one where nobody was asked about an actor', async () => {
    expect(refusal(await tokens(application, { extra: { requested_actor: worker.clientId } }, actorOf(stranger)))).toEqual({ status: 400, error: 'invalid_grant' });
    expect(refusal(await tokens(application, {}, actorOf(worker)))).toEqual({ status: 400, error: 'invalid_grant' });
  });

  it('asks the person anew for another agent, and cannot ask for one that does not exist', async () => {
    const browser = new FormBrowser();
    await tokens(application, { browser, extra: { requested_actor: worker.clientId } });
    const forms = browser.formAnswers.length;
    await tokens(application, { browser, extra: { requested_actor: worker.clientId } });
    expect(browser.formAnswers).toHaveLength(forms);
    await tokens(application, { browser, extra: { requested_actor: stranger.clientId } });
    expect(browser.formAnswers.length).toBeGreaterThan(forms);
    const { callback } = await authorize(application, { extra: { requested_actor: '01a20000-0000-7000-8000-000000000000' } });
    expect(callback.searchParams.get('error')).toBe('access_denied');
    expect((await authorize(application, { extra: { requested_actor: 'nobody' } })).callback.searchParams.get('error')).toBe('invalid_request');
  });
});
