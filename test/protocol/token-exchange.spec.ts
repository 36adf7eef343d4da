import * as jose from 'jose';
import * as oauth from 'oauth4webapi';
import { DataSource } from 'typeorm';
import { signCompact } from '../../src/platform/crypto/jws.js';
import { KeyRing } from '../../src/platform/crypto/key-ring.service.js';
import { call, introspect, post } from '../support/api.js';
import { startApplication, type TestApplication } from '../support/application.js';
import { registerAgent, registerClient } from '../support/clients.js';
import { auditTrail } from '../support/directory.js';
import { addPerson, signIn, type TestPerson } from '../support/people.js';
import { ADMIN } from '../support/server.js';

const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';
const API = 'https://trips.example/api';
const OTHER_API = 'https://rail.example/api';
const SCOPES = ['trips:read', 'trips:book'];
const CALLBACK = 'http://127.0.0.1:49152/callback';

interface Agent { id: string; basic: [string, string]; token: string }
type Body = Record<string, unknown>;

let server: TestApplication;
let admin: string;
let person: TestPerson;
let personAccess: string;
let agents: Agent[];
/** An application that people sign in to; its tokens are what agents exchange. */
let application: { clientId: string; redirectUri: string };

beforeAll(async () => {
  server = await startApplication();
  admin = (await signIn(server, ADMIN)).accessToken;
  for (const name of [...SCOPES, 'rail:read']) await call(server, 'POST', '/api/scopes', { token: admin, body: { name, description: name } });
  await call(server, 'POST', '/api/resources', { token: admin, body: { identifier: API, name: 'Trips', scopes: SCOPES } });
  await call(server, 'POST', '/api/resources', { token: admin, body: { identifier: OTHER_API, name: 'Rail', scopes: ['trips:read', 'rail:read'] } });
  person = await addPerson(server, admin, 'member');
  personAccess = (await signIn(server, person)).accessToken;
  agents = await Promise.all([0, 1, 2, 3, 4, 5, 6].map(() => agent()));
  const registered = await registerClient(server, {
    grant_types: ['authorization_code', 'refresh_token'], redirect_uris: [CALLBACK], token_endpoint_auth_method: 'none', scopes: ['openid', 'offline_access', 'delegations:write', ...SCOPES],
  });
  application = { clientId: registered.clientId, redirectUri: CALLBACK };
});
afterAll(() => server.stop());

async function agent(scopes: string[] = [...SCOPES, 'rail:read', 'delegations:write', 'delegations:read']): Promise<Agent> {
  const { clientId, clientSecret } = await registerAgent(server, { scopes });
  const basic: [string, string] = [clientId, clientSecret];
  const { body } = await post(server, '/api/oauth/token', { grant_type: 'client_credentials' }, { basic });
  return { id: clientId, basic, token: String(body['access_token']) };
}

const own = async ({ basic }: Agent, form: Record<string, string> = {}) => {
  const { status, body } = await post(server, '/api/oauth/token', { grant_type: 'client_credentials', resource: API, ...form }, { basic });
  if (status !== 200) throw new Error(JSON.stringify(body));
  return String(body['access_token']);
};

/** A token of the person for the API that the agents work at. */
async function personToken(): Promise<string> {
  const grant = await delegate({ max_depth: 4 });
  return tokenFor(agents[0]!, grant);
}

async function delegate(body: Body = {}, to: Agent = agents[0]!): Promise<string> {
  const answer = await call(server, 'POST', '/api/delegations', { token: personAccess, body: { agent_id: to.id, scopes: SCOPES, ...body } });
  if (answer.status !== 201) throw new Error(JSON.stringify(answer.body));
  return String(answer.body['id']);
}

async function handOn(from: Agent, id: string, to: Agent, body: Body = {}): Promise<string> {
  const answer = await call(server, 'POST', `/api/delegations/${id}/delegate`, { token: from.token, body: { agent_id: to.id, ...body } });
  if (answer.status !== 201) throw new Error(JSON.stringify(answer.body));
  return String(answer.body['id']);
}

/** (a): client credentials with a delegation. */
async function tokenFor(of: Agent, grantId: string, form: Record<string, string> = {}): Promise<string> {
  return own(of, { delegation_grant_id: grantId, ...form });
}

const exchange = (by: { basic: [string, string] }, subject: string, form: Record<string, string> = {}, headers: Record<string, string> = {}) =>
  post(server, '/api/oauth/token', { grant_type: EXCHANGE, subject_token: subject, subject_token_type: ACCESS_TOKEN, ...form }, { basic: by.basic, headers });
const claimsOf = (token: unknown) => jose.decodeJwt(String(token));
const refusal = ({ status, body }: { status: number; body: Body }) => ({ status, error: body['error'] });

describe('client credentials with a delegation', () => {
  it('give the agent a token for the person, which says who acts by which delegation', async () => {
    const grant = await delegate({ purpose: 'Book the trip to Lisbon.', constraints: { max_token_ttl: 60 }, authorization_details: [{ type: 'trip', actions: ['book'] }] });
    const claims = claimsOf(await tokenFor(agents[0]!, grant, { scope: 'trips:book', agent_instance_id: 'pod-7', launch_reason: 'user_interactive' }));
    expect(claims).toMatchObject({
      sub: person.id, client_id: agents[0]!.id, aud: API, scope: 'trips:book', role: 'member', act: { sub: agents[0]!.id }, delegation_grant_id: grant, delegator_sub: person.id,
      delegation_purpose: 'Book the trip to Lisbon.', delegation_constraints: { max_token_ttl: 60, max_depth: 0 }, agent_instance_id: 'pod-7', authorization_details: [{ type: 'trip', actions: ['book'] }],
    });
    expect(claims['delegation_chain']).toEqual([expect.objectContaining({ iss: server.issuer, sub: person.id, aud: agents[0]!.id, scope: SCOPES.join(' ') })]);
    expect(claims.exp! - claims.iat!).toBe(60);
    const [event] = (await auditTrail(server.inside(DataSource))).filter(({ type, token_id }) => type === 'token.issued' && token_id === claims.jti);
    expect(event).toMatchObject({ actor: { kind: 'agent', id: agents[0]!.id }, subject: person.id, act: { sub: agents[0]!.id }, details: { delegation_grant_id: grant, launch_reason: 'user_interactive' } });
  });

  it('name everybody on the way, the one that acts outermost', async () => {
    const top = await delegate({ max_depth: 2 });
    const last = await handOn(agents[1]!, await handOn(agents[0]!, top, agents[1]!), agents[2]!, { scopes: ['trips:read'] });
    const claims = claimsOf(await tokenFor(agents[2]!, last));
    expect(claims).toMatchObject({
      sub: person.id, scope: 'trips:read', delegator_sub: agents[1]!.id, act: { sub: agents[2]!.id, act: { sub: agents[1]!.id, act: { sub: agents[0]!.id } } },
    });
    expect((claims['delegation_chain'] as { aud: string }[]).map(({ aud }) => aud)).toEqual([agents[0]!.id, agents[1]!.id, agents[2]!.id]);
  });

  it('may be used as often as was said, by everybody on the way together', async () => {
    const top = await delegate({ max_depth: 1, max_uses: 3 });
    const below = await handOn(agents[0]!, top, agents[1]!);
    await tokenFor(agents[0]!, top);
    await tokenFor(agents[1]!, below);
    const last = await Promise.all(Array.from({ length: 5 }, () =>
      post(server, '/api/oauth/token', { grant_type: 'client_credentials', resource: API, delegation_grant_id: below }, { basic: agents[1]!.basic })));
    expect(last.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(refusal(last.find(({ status }) => status !== 200)!)).toEqual({ status: 400, error: 'invalid_grant' });
  });

  it.each<[string, () => Promise<[Agent, Record<string, string>]>, string]>([
    ['somebody else\'s', async () => [agents[1]!, { delegation_grant_id: await delegate() }], 'invalid_grant'],
    ['one that nobody made', async () => [agents[0]!, { delegation_grant_id: '01a20000-0000-7000-8000-000000000000' }], 'invalid_grant'],
    ['what is none', async () => [agents[0]!, { delegation_grant_id: 'x' }], 'invalid_grant'],
    ['one that has not begun', async () => [agents[0]!, { delegation_grant_id: await delegate({ constraints: { not_before: '2090-01-01T00:00:00Z' }, expires_at: '2091-01-01T00:00:00Z' }) }], 'invalid_grant'],
    ['more than it holds', async () => [agents[0]!, { delegation_grant_id: await delegate({ scopes: ['trips:read'] }), scope: 'trips:book' }], 'invalid_scope'],
    ['another place', async () => [agents[0]!, { delegation_grant_id: await delegate({ constraints: { resources: [OTHER_API] } }) }], 'invalid_target'],
    ['an instance with a space', async () => [agents[0]!, { delegation_grant_id: await delegate(), agent_instance_id: 'a b' }], 'invalid_request'],
    ['a reason nobody knows', async () => [agents[0]!, { delegation_grant_id: await delegate(), launch_reason: 'boredom' }], 'invalid_request'],
  ])('are refused %s', async (_what, make, error) => {
    const [by, form] = await make();
    const answer = await post(server, '/api/oauth/token', { grant_type: 'client_credentials', resource: API, ...form }, { basic: by.basic });
    expect(refusal(answer)).toEqual({ status: 400, error });
  });

  it('end with the delegation, at once', async () => {
    const grant = await delegate();
    const token = await tokenFor(agents[0]!, grant);
    expect(await introspect(server, token)).toMatchObject({ active: true, act: { sub: agents[0]!.id } });
    await call(server, 'DELETE', `/api/delegations/${grant}`, { token: admin });
    expect(await introspect(server, token)).toEqual({ active: false });
    const again = await post(server, '/api/oauth/token', { grant_type: 'client_credentials', resource: API, delegation_grant_id: grant }, { basic: agents[0]!.basic });
    expect(refusal(again)).toEqual({ status: 400, error: 'invalid_grant' });
  });
});

describe('token exchange (RFC 8693)', () => {
  it('gives a delegate a token for the same person, narrower, below the one it came from, and oauth4webapi understands it', async () => {
    const top = await delegate({ max_depth: 1 });
    const subject = await tokenFor(agents[0]!, top);
    const below = await handOn(agents[0]!, top, agents[1]!, { scopes: ['trips:read'] });
    const as = await oauth.discoveryRequest(new URL(server.issuer), { [oauth.allowInsecureRequests]: true }).then((response) => oauth.processDiscoveryResponse(new URL(server.issuer), response));
    const client: oauth.Client = { client_id: agents[1]!.id };
    const response = await oauth.genericTokenEndpointRequest(as, client, oauth.ClientSecretBasic(agents[1]!.basic[1]), EXCHANGE,
      { subject_token: subject, subject_token_type: ACCESS_TOKEN, actor_token: agents[1]!.token, actor_token_type: ACCESS_TOKEN }, { [oauth.allowInsecureRequests]: true });
    const result = await oauth.processGenericTokenEndpointResponse(as, client, response);
    expect(result).toMatchObject({ token_type: 'bearer', scope: 'trips:read', issued_token_type: ACCESS_TOKEN });
    const [claims, parent] = [claimsOf(result.access_token), claimsOf(subject)];
    expect(claims).toMatchObject({
      sub: person.id, client_id: agents[1]!.id, aud: API, act: { sub: agents[1]!.id, act: { sub: agents[0]!.id } }, delegation_grant_id: below, parent_token_id: parent.jti, parent_task_id: parent['task_id'],
    });
    expect(claims.exp!).toBeLessThanOrEqual(parent.exp!);
    expect(claims['task_id']).not.toBe(parent['task_id']);
  });

  it('finds the delegation by itself, or takes the one that is named', async () => {
    const top = await delegate({ max_depth: 1 });
    const subject = await tokenFor(agents[0]!, top);
    const [narrow, wide] = [await handOn(agents[0]!, top, agents[2]!, { scopes: ['trips:read'] }), await handOn(agents[0]!, top, agents[2]!)];
    expect(claimsOf((await exchange(agents[2]!, subject, { scope: 'trips:book' })).body['access_token'])['delegation_grant_id']).toBe(wide);
    expect(claimsOf((await exchange(agents[2]!, subject, { delegation_grant_id: narrow })).body['access_token'])).toMatchObject({ delegation_grant_id: narrow, scope: 'trips:read' });
    expect(refusal(await exchange(agents[2]!, subject, { delegation_grant_id: narrow, scope: 'trips:book' }))).toEqual({ status: 400, error: 'invalid_scope' });
  });

  it('takes a delegation from the person themselves to whoever comes later in the chain', async () => {
    const subject = await personToken();
    await delegate({ scopes: ['trips:read'] }, agents[3]!);
    const { body } = await exchange(agents[3]!, subject);
    expect(claimsOf(body['access_token'])).toMatchObject({ sub: person.id, act: { sub: agents[3]!.id, act: { sub: agents[0]!.id } }, scope: 'trips:read' });
  });

  it('lets whoever holds a token have less of it, without anybody\'s leave and without another actor', async () => {
    const subject = await own(agents[4]!);
    const { status, body } = await exchange(agents[4]!, subject, { scope: 'trips:read' });
    expect(status).toBe(200);
    const claims = claimsOf(body['access_token']);
    expect(claims).toMatchObject({ sub: agents[4]!.id, scope: 'trips:read', parent_token_id: claimsOf(subject).jti, task_id: claimsOf(subject)['task_id'] });
    expect(claims).not.toHaveProperty('act');
    expect(refusal(await exchange(agents[4]!, String(body['access_token']), { scope: 'trips:book' }))).toEqual({ status: 400, error: 'invalid_scope' });
  });

  it('binds the new token to the key of whoever asks, whatever the old one is bound to', async () => {
    const { privateKey, publicKey } = await jose.generateKeyPair('ES256');
    const jwk = await jose.exportJWK(publicKey);
    const proof = await new jose.SignJWT({ htm: 'POST', htu: `${server.issuer}/api/oauth/token`, jti: Math.random().toString() })
      .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk }).setIssuedAt().sign(privateKey);
    const { body } = await exchange(agents[4]!, await own(agents[4]!), { scope: 'trips:read' }, { dpop: proof });
    expect(body['token_type']).toBe('DPoP');
    expect(claimsOf(body['access_token'])['cnf']).toEqual({ jkt: await jose.calculateJwkThumbprint(jwk) });
  });

  it('ends with the token it came from, however many steps below', async () => {
    const root = await own(agents[4]!);
    let token = root;
    for (let step = 0; step < 3; step += 1) token = String((await exchange(agents[4]!, token)).body['access_token']);
    expect(await introspect(server, token)).toMatchObject({ active: true });
    await post(server, '/api/oauth/revoke', { token: root }, { basic: agents[4]!.basic });
    expect(await introspect(server, token)).toEqual({ active: false });
    expect(refusal(await exchange(agents[4]!, token))).toEqual({ status: 400, error: 'invalid_request' });
  });

  it('goes to another place only where the delegation names it', async () => {
    const bounded = await delegate({ max_depth: 1, constraints: { resources: [API, OTHER_API] } });
    const subject = await tokenFor(agents[0]!, bounded);
    const named = await handOn(agents[0]!, bounded, agents[1]!);
    expect(claimsOf((await exchange(agents[1]!, subject, { delegation_grant_id: named, resource: OTHER_API })).body['access_token'])).toMatchObject({ aud: OTHER_API, scope: 'trips:read' });
    const unbounded = await delegate({ max_depth: 1 });
    await handOn(agents[0]!, unbounded, agents[5]!);
    expect(refusal(await exchange(agents[5]!, await tokenFor(agents[0]!, unbounded), { resource: OTHER_API }))).toEqual({ status: 400, error: 'invalid_target' });
  });

  it.each<[string, () => Promise<Awaited<ReturnType<typeof exchange>>>, string]>([
    ['to whom nothing was delegated', async () => exchange(agents[6]!, await personToken()), 'access_denied'],
    ['by an actor token of another agent: the requester is not the actor', async () => exchange(agents[3]!, await personToken(), { actor_token: agents[0]!.token, actor_token_type: ACCESS_TOKEN }), 'access_denied'],
    ['with an actor token that acts for somebody', async () => { const token = await personToken(); return exchange(agents[0]!, token, { actor_token: token, actor_token_type: ACCESS_TOKEN }); }, 'access_denied'],
    ['with an actor token that is none', async () => exchange(agents[0]!, await personToken(), { actor_token: 'x', actor_token_type: ACCESS_TOKEN }), 'invalid_request'],
    ['with an actor token without its type', async () => exchange(agents[0]!, await personToken(), { actor_token: agents[0]!.token }), 'invalid_request'],
    ['of a token that is none', () => exchange(agents[0]!, 'x'), 'invalid_request'],
    ['of a token of another kind', async () => exchange(agents[0]!, await personToken(), { subject_token_type: 'urn:ietf:params:oauth:token-type:saml2' }), 'invalid_request'],
    ['for a token of another kind', async () => exchange(agents[0]!, await personToken(), { requested_token_type: 'urn:ietf:params:oauth:token-type:refresh_token' }), 'invalid_request'],
    ['for two places', async () => exchange(agents[0]!, await personToken(), { resource: API, audience: OTHER_API }), 'invalid_target'],
    ['for an unknown place', async () => exchange(agents[0]!, await personToken(), { audience: 'https://unknown.example' }), 'invalid_target'],
    ['for more than the token has', async () => exchange(agents[0]!, await tokenFor(agents[0]!, await delegate(), { scope: 'trips:read' }), { scope: 'trips:book' }), 'invalid_scope'],
    ['of the token of a person who uses another application', async () => exchange(agents[6]!, (await signIn(server, person, { client: application, scope: 'openid delegations:write' })).accessToken), 'access_denied'],
  ])('is refused %s', async (_what, make, error) => {
    const answer = await make();
    expect(refusal(answer)).toEqual({ status: 400, error });
    const trail = await auditTrail(server.inside(DataSource));
    expect(trail.filter(({ type, source }) => type === 'token.refused' && (source as { request_id: string }).request_id === answer.headers.get('x-request-id'))).toHaveLength(1);
  });

  it('ends chains where the server says: no more agents one after another than that', async () => {
    let grant = await delegate({ max_depth: 4 });
    let token = await tokenFor(agents[0]!, grant);
    for (let step = 1; step < 5; step += 1) {
      grant = await handOn(agents[step - 1]!, grant, agents[step]!);
      token = String((await exchange(agents[step]!, token, { delegation_grant_id: grant })).body['access_token']);
    }
    expect(jose.decodeJwt(token)['act']).toEqual([4, 3, 2, 1, 0].reduceRight<object | undefined>((act, index) => ({ sub: agents[index]!.id, ...(act && { act }) }), undefined));
    await delegate({}, agents[5]!);
    expect(refusal(await exchange(agents[5]!, token))).toEqual({ status: 400, error: 'access_denied' });
  });

  const deep = (depth: number): object => Array.from({ length: depth }).reduce<object | undefined>((act, _, index) => ({ sub: `agent-${index}`, ...(act && { act }) }), undefined)!;
  it.each<[string, (own: object, other: object) => unknown]>([
    ['text', () => agents[0]!.id], ['a list', (own) => [own]], ['null', () => null], ['50 deep', () => deep(50)], ['empty', () => ({})],
    ['spliced from another chain', (own, other) => ({ ...own, act: other })], ['another one altogether', (_own, other) => other], ['gone', () => undefined],
  ])('is refused of a token whose chain of actors is %s, even under our own signature', async (_what, change) => {
    const claims = claimsOf(await personToken());
    const other = claimsOf(await tokenFor(agents[3]!, await delegate({}, agents[3]!)));
    const key = server.inside(KeyRing).signingKeys().ES256;
    const forge = (act: unknown) => signCompact({ typ: 'at+jwt' }, { ...claims, act }, key);
    expect((await exchange(agents[0]!, forge(claims['act']))).status).toBe(200);
    expect(refusal(await exchange(agents[0]!, forge(change(claims['act'] as object, other['act'] as object))))).toEqual({ status: 400, error: 'invalid_request' });
  });
});
