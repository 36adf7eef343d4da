import { decodeJwt } from 'jose';
import { API_SCOPES } from '../../src/modules/organizations/roles.js';
import { call, post } from '../support/api.js';
import { describedOperations, parametersOf, withParameters, type ApiOperation } from '../support/api-description.js';
import { addPerson, authorize, signIn } from '../support/people.js';
import { ADMIN, startServer, type TestServer } from '../support/server.js';
import { BODY_REFERENCES, HOSTILE_BODIES, LOOKS_LIKE_REFERENCE, OF_MACHINES_TOO, OF_THE_INSTALLATION, PARAMETERS, type Reference } from './foreign.js';
import { CALLERS, machineToken, makeTenant, marksOf, type CallerName, type Tenant } from './tenant.js';

/** What the callers of the attacking organization hold: everything. What refuses them is not a missing scope. */
const EVERYTHING = Object.keys(API_SCOPES);

let server: TestServer;
let attacker: Tenant;
let victim: Tenant;
let operations: ApiOperation[];

beforeAll(async () => {
  server = await startServer();
  const administrator = (await signIn(server, ADMIN)).accessToken;
  [attacker, victim] = await Promise.all([makeTenant(server, administrator, 'Alpha', EVERYTHING), makeTenant(server, administrator, 'Bravo', EVERYTHING)]);
  operations = (await describedOperations(server)).filter(({ path }) => path.startsWith('/api/'));
});

afterAll(() => server.stop());

/** Does the caller's token get past the route's declared access? */
function mayKnock(operation: ApiOperation, caller: CallerName): boolean {
  const held = new Set(String(decodeJwt(attacker.tokens[caller])['scope']).split(' '));
  return (operation.scopes ?? []).every((scope) => held.has(scope));
}

/** Every way to put at least one id of the victim's, and otherwise ids of the attacker's own, into a path. */
function foreignPaths(path: string): string[] {
  const choices = parametersOf(path).map((prefix) => [PARAMETERS[prefix]!(victim), PARAMETERS[prefix]!(attacker)]);
  const combinations = choices.reduce<string[][]>((known, values) => known.flatMap((before) => values.map((value) => [...before, value])), [[]]);
  return combinations.slice(0, -1).map((values) => withParameters(path, values));
}

/** Everything that the victim's owner sees, but for what the clock alone changes. */
/** What goes on with every question that is refused, and the evidence of the one log that all organizations share. */
const OF_THE_LOG = ['/api/admin/dashboard', '/api/admin/audit/logs', '/api/admin/audit/checkpoints', '/api/admin/audit/export', '/api/admin/audit/stream'];

async function whatTheVictimSees(): Promise<Record<string, unknown>> {
  const seen: Record<string, unknown> = {};
  for (const { method, path } of operations) {
    if (method !== 'GET' || OF_THE_LOG.some((known) => path.startsWith(known)) || OF_THE_INSTALLATION.some((known) => path.startsWith(known.replace(/\/\{.*$/, '')))) continue;
    const target = withParameters(path, parametersOf(path).map((prefix) => PARAMETERS[prefix]!(victim)));
    const { status, body } = await call(server, 'GET', target, { token: victim.tokens.owner });
    seen[target] = { status, body: JSON.parse(JSON.stringify(body, (name, value: unknown) => (name === 'last_used_at' || name === 'instance' || name === 'start' ? undefined : value))) as unknown };
  }
  return seen;
}

async function pagesOf(path: string, token: string): Promise<{ status: number; text: string }> {
  let text = '';
  let cursor: string | null | undefined;
  let status = 0;
  for (let page = 0; page < 20 && cursor !== null; page += 1) {
    const answer = await call(server, 'GET', `${path}${path.includes('?') ? '&' : '?'}limit=200${cursor ? `&cursor=${cursor}` : ''}`, { token });
    status = answer.status;
    text += JSON.stringify(answer.body);
    cursor = (answer.body['next_cursor'] as string | undefined) ?? null;
  }
  return { status, text };
}

function lists(): ApiOperation[] {
  return operations.filter(({ method, path, queryParameters }) => method === 'GET' && queryParameters.some(({ name }) => name === 'cursor') && !OF_THE_INSTALLATION.some((known) => path.startsWith(known)));
}

describe('the table of foreign ids', () => {
  it('knows every parameter of every path: add new ones to foreign.ts', () => {
    const unknown = operations.flatMap(({ path }) => parametersOf(path)).filter((prefix) => !(prefix in PARAMETERS) && !OF_THE_INSTALLATION.includes(prefix));
    expect([...new Set(unknown)]).toEqual([]);
  });

  it('knows a body for every route that has a parameter and takes one: add new ones to foreign.ts', () => {
    const withBody = operations.filter(({ path, body }) => body && path.includes('{')).map(({ method, path }) => `${method} ${path}`);
    expect(withBody.filter((route) => !(route in HOSTILE_BODIES))).toEqual([]);
    expect(Object.keys(HOSTILE_BODIES).filter((route) => !withBody.includes(route))).toEqual([]);
  });

  it('knows every member of a body that refers to something: add new ones to foreign.ts', () => {
    const members = operations.flatMap(({ method, path, body }) => Object.keys(body?.properties ?? {}).filter((name) => LOOKS_LIKE_REFERENCE.test(name)).map((name) => `${method} ${path} ${name}`));
    expect(members.filter((member) => !(member in BODY_REFERENCES))).toEqual([]);
    expect(Object.keys(BODY_REFERENCES).filter((member) => !members.includes(member))).toEqual([]);
  });
});

describe('what belongs to another organization', () => {
  it('does not exist: no route finds, changes or ends it by its id, for anybody, and it is unchanged afterwards', async () => {
    const before = await whatTheVictimSees();
    expect(Object.values(before).filter((answer) => (answer as { status: number }).status === 200).length).toBeGreaterThan(15);
    const surprises: string[] = [];
    let tried = 0;
    for (const operation of operations) {
      const { method, path } = operation;
      if (!path.includes('{')) continue;
      const isOfInstallation = OF_THE_INSTALLATION.some((known) => path.startsWith(known));
      const paths = isOfInstallation ? [withParameters(path, ['anything'])] : foreignPaths(path);
      for (const target of paths) {
        await Promise.all(CALLERS.map(async (caller) => {
          const body = operation.body && HOSTILE_BODIES[`${method} ${path}`]!(attacker);
          const answer = await call(server, method, target, { token: attacker.tokens[caller], body });
          tried += 1;
          const isPersonsOwn = operation.scopes?.length === 0 && !OF_MACHINES_TOO.includes(path) && (caller === 'agent' || caller === 'client');
          const expected = isOfInstallation || isPersonsOwn || !mayKnock(operation, caller) ? 403 : 404;
          if (answer.status !== expected) surprises.push(`${method} ${path} by ${caller} at ${target}: ${answer.status} instead of ${expected}, ${JSON.stringify(answer.body)}`);
        }));
      }
    }
    expect(surprises).toEqual([]);
    expect(tried).toBeGreaterThan(200);
    expect(await whatTheVictimSees()).toEqual(before);
    for (const machine of [victim.agent, victim.client]) await machineToken(server, machine);
  });

  it('is in no list, however it is filtered', async () => {
    const marks = marksOf(victim);
    const leaks: string[] = [];
    for (const { path, queryParameters } of lists()) {
      const own = withParameters(path, parametersOf(path).map((prefix) => PARAMETERS[prefix]!(attacker)));
      const look = async (target: string, caller: CallerName) => {
        const { status, text } = await pagesOf(target, attacker.tokens[caller]);
        if (status < 300) for (const mark of marks) if (text.includes(mark)) leaks.push(`${target} shows ${mark} to ${caller}`);
      };
      await Promise.all(CALLERS.map((caller) => look(own, caller)));
      const texts = queryParameters.filter(({ name, schema }) => schema.type === 'string' && !schema.enum && name !== 'cursor');
      const wanted = [victim.name, victim.slug, victim.people.owner.email, victim.people.owner.id, victim.agent.id, victim.client.id, victim.resource.identifier];
      await Promise.all(texts.flatMap(({ name }) => wanted.map((value) => look(`${own}?${name}=${encodeURIComponent(value)}`, 'owner'))));
    }
    expect(leaks).toEqual([]);
  });

  it('would be noticed in a list: its own owner finds each of its marks in some list or other', async () => {
    const own = await Promise.all(lists().map(({ path }) => pagesOf(withParameters(path, parametersOf(path).map((prefix) => PARAMETERS[prefix]!(victim))), victim.tokens.owner)));
    const text = own.map((page) => page.text).join('\n');
    // Secrets are listed under what they belong to, which the walk above covers.
    const listed = marksOf(victim).filter((mark) => ![victim.agent.secretId, victim.client.secretId].includes(mark));
    expect(listed.filter((mark) => !text.includes(mark))).toEqual([]);
  });

  it('is not reached by naming its organization in a list, which refuses the parameter', async () => {
    for (const { path } of lists()) {
      const own = withParameters(path, parametersOf(path).map((prefix) => PARAMETERS[prefix]!(attacker)));
      for (const parameter of ['organization_id', 'tenant_id']) {
        const answer = await call(server, 'GET', `${own}?${parameter}=${victim.id}`, { token: attacker.tokens.owner });
        expect({ own, parameter, status: answer.status }).toEqual({ own, parameter, status: 400 });
      }
    }
  });

  it('is not reached with a cursor of its lists', async () => {
    const foreign = await call(server, 'GET', '/api/users?limit=1', { token: victim.tokens.owner });
    const { text } = await pagesOf(`/api/users?cursor=${String(foreign.body['next_cursor'])}`, attacker.tokens.owner);
    expect(marksOf(victim).filter((mark) => text.includes(mark))).toEqual([]);
  });

  it('is unknown to whoever asks what its scopes cover', async () => {
    const expanded = await call(server, 'POST', '/api/scopes/expand', { token: attacker.tokens.owner, body: { scopes: [victim.scope.name] } });
    expect({ status: expanded.status, body: expanded.body }).toEqual({ status: 200, body: { data: [], inactive: [victim.scope.name] } });
  });

  it('cannot be referred to in a body', async () => {
    for (const [member, reference] of Object.entries(BODY_REFERENCES)) {
      if (typeof reference === 'string') continue;
      const [method = '', path = ''] = member.split(' ');
      const own = withParameters(path, parametersOf(path).map((prefix) => PARAMETERS[prefix]!(attacker)));
      const answer = await call(server, method, own, { token: attacker.tokens.owner, body: (reference satisfies Reference).body(attacker, victim) });
      expect({ member, status: answer.status, code: answer.body['code'] }).toEqual({ member, status: reference.status, code: reference.code });
    }
  });
});

describe('tokens of another organization', () => {
  const basic = ({ id, secret }: { id: string; secret: string }): [string, string] => [id, secret];

  /** One of every kind, alive. */
  async function victimTokens(): Promise<Record<string, string>> {
    return {
      'of a person': victim.tokens.owner,
      'of an agent': victim.tokens.agent,
      'for an API of theirs': await machineToken(server, victim.agent, { resource: victim.resource.identifier }),
      'opaque': await machineToken(server, victim.agent, { resource: victim.opaqueResource.identifier }),
      'refresh': victim.ownerThroughApplication.refreshToken!,
    };
  }

  /** As a client sees it that administers tokens there. */
  const isAlive = async (token: string) => (await post(server, '/api/oauth/introspect', { token }, { basic: basic(victim.client) })).body['active'] === true;

  it('are inactive for whoever asks, and cannot be ended', async () => {
    for (const [kind, token] of Object.entries(await victimTokens())) {
      for (const machine of [attacker.client, attacker.agent]) {
        const introspected = await post(server, '/api/oauth/introspect', { token }, { basic: basic(machine) });
        expect({ kind, status: introspected.status, body: introspected.body }).toEqual({ kind, status: 200, body: { active: false } });
        await post(server, '/api/oauth/revoke', { token, revoke_children: 'true' }, { basic: basic(machine) });
      }
      await post(server, '/api/oauth/revoke', { token, client_id: attacker.application.clientId });
      const inspected = await call(server, 'POST', '/api/admin/tokens/introspect', { token: attacker.tokens.owner, body: { token } });
      expect({ kind, status: inspected.status, body: inspected.body }).toEqual({ kind, status: 200, body: { active: false } });
      expect({ kind, active: await isAlive(token) }).toEqual({ kind, active: true });
    }
  });

  it('are not refreshed by their applications', async () => {
    const form = { grant_type: 'refresh_token', refresh_token: victim.ownerThroughApplication.refreshToken! };
    const stolen = await post(server, '/api/oauth/token', { ...form, client_id: attacker.application.clientId });
    expect({ status: stolen.status, error: stolen.body['error'] }).toEqual({ status: 400, error: 'invalid_grant' });
    expect((await post(server, '/api/oauth/token', { ...form, client_id: victim.application.clientId })).status).toBe(200);
  });

  it('are not issued: neither for its APIs nor with its scopes, however they are called at home', async () => {
    // A scope of the same name, held by the very agent that asks.
    const token = attacker.tokens.owner;
    expect((await call(server, 'POST', '/api/scopes', { token, body: { name: victim.scope.name } })).status).toBe(201);
    expect((await call(server, 'PUT', `/api/agents/${attacker.agent.id}`, { token, body: { scopes: [...EVERYTHING, attacker.scope.name, victim.scope.name] } })).status).toBe(200);
    // And the API's identifier: a resource server that looks at issuer, audience and scope alone would take such a token.
    const spellings = [victim.resource, victim.opaqueResource].flatMap(({ identifier }) => [identifier, `${identifier}/`, `${identifier}:443`, identifier.replace('https://', 'HTTPS://'), identifier.replace('.bravo', '.BRAVO')]);
    for (const identifier of spellings) {
      const { status, body } = await call(server, 'POST', '/api/resources', { token, body: { identifier, name: 'The same', scopes: [victim.scope.name] } });
      expect({ identifier, status, code: body['code'] }).toEqual({ identifier, status: 409, code: 'resource_identifier_taken' });
      expect(JSON.stringify(body)).not.toMatch(new RegExp(`${victim.name}|${victim.id}|${victim.resource.id}|${victim.opaqueResource.id}`));
    }
    for (const resource of spellings) {
      for (const extra of [{}, { scope: victim.scope.name }, { scope: 'agents:read' }] as Record<string, string>[]) {
        const answer = await post(server, '/api/oauth/token', { grant_type: 'client_credentials', resource, ...extra }, { basic: basic(attacker.agent) });
        expect({ resource, extra, status: answer.status, error: answer.body['error'] }).toEqual({ resource, extra, status: 400, error: 'invalid_target' });
      }
    }
    const unknown = await post(server, '/api/oauth/token', { grant_type: 'client_credentials', scope: victim.scope.name }, { basic: basic(attacker.client) });
    expect({ status: unknown.status, error: unknown.body['error'] }).toEqual({ status: 400, error: 'invalid_scope' });
  });

  it('are not got by its people through an application of somebody else', async () => {
    const { callback } = await authorize(server, victim.people.owner, attacker.application);
    expect(Object.fromEntries(callback.searchParams)).toMatchObject({ error: 'access_denied', iss: server.issuer });
    expect(callback.searchParams.has('code')).toBe(false);
  });
});

describe('names that another organization uses', () => {
  it('are free, so that nobody learns which there are', async () => {
    const token = attacker.tokens.owner;
    const agent = await call<{ agent: Record<string, unknown> }>(server, 'POST', '/api/agents/register', {
      token, body: { agent_name: `${victim.name} agent`, owner_email: victim.people.owner.email, organization: victim.slug, enrolment_token: victim.enrolmentToken },
    });
    expect(agent.status).toBe(201);
    expect(agent.body.agent).toMatchObject({ organization_id: attacker.id, owner_user_id: null });
    const client = await call(server, 'POST', '/api/admin/clients/register', { token, body: { client_name: `${victim.name} client`, grant_types: ['client_credentials'], scopes: ['agents:read'] } });
    expect(client.status).toBe(201);
    expect((await pagesOf('/api/agents', victim.tokens.owner)).text).not.toContain(String(agent.body.agent['id']));
    expect((await pagesOf('/api/clients', victim.tokens.owner)).text).not.toContain(String(client.body['client_id']));
  });
});

describe('what belongs to the installation', () => {
  it('is out of reach of an organization, with every scope', async () => {
    for (const caller of CALLERS) {
      const token = attacker.tokens[caller];
      const listed = await call(server, 'GET', '/api/admin/keys', { token });
      const rotated = await call(server, 'POST', '/api/admin/keys/rotate', { token, body: { immediately: true } });
      const suspended = await call(server, 'PUT', `/api/organizations/${attacker.id}`, { token, body: { status: 'suspended' } });
      expect({ caller, statuses: [listed.status, rotated.status, suspended.status] }).toEqual({ caller, statuses: [403, 403, 403] });
    }
  });
});

describe('an identifier that is not theirs', () => {
  const identifier = 'https://squatted.bravo.example';
  const register = (tenant: Tenant) => call(server, 'POST', '/api/resources', { token: tenant.tokens.owner, body: { identifier, name: 'An API', scopes: [tenant.scope.name] } });
  const tokenFor = ({ agent: { id, secret } }: Tenant) => post(server, '/api/oauth/token', { grant_type: 'client_credentials', resource: identifier }, { basic: [id, secret] });

  it('is kept by whoever registered it first, until they or a platform administrator delete the resource', async () => {
    const squatted = await register(attacker);
    expect(squatted.status).toBe(201);
    expect(await register(victim)).toMatchObject({ status: 409, body: { code: 'resource_identifier_taken' } });
    expect((await call(server, 'DELETE', `/api/resources/${String(squatted.body['id'])}`, { token: victim.tokens.owner })).status).toBe(404);
    const administrator = (await signIn(server, ADMIN)).accessToken;
    expect((await call(server, 'DELETE', `/api/resources/${String(squatted.body['id'])}`, { token: administrator })).status).toBe(404);

    const switched = await call(server, 'POST', `/api/organizations/${attacker.id}/switch`, { token: administrator });
    expect(switched.status).toBe(200);
    const inside = String(switched.body['access_token']);
    expect((await pagesOf(`/api/resources?q=${encodeURIComponent(identifier)}`, inside)).text).toContain(String(squatted.body['id']));
    expect((await call(server, 'DELETE', `/api/resources/${String(squatted.body['id'])}`, { token: inside })).status).toBe(204);

    expect((await register(victim)).status).toBe(201);
    expect(decodeJwt(String((await tokenFor(victim)).body['access_token']))).toMatchObject({ aud: identifier, tenant_id: victim.id });
    expect(await tokenFor(attacker)).toMatchObject({ status: 400, body: { error: 'invalid_target' } });
  });

  it.each(['', '/', '/api', '/api/agents', '/somewhere/else'])('cannot be at the address of this server: %s', async (path) => {
    const answer = await call(server, 'POST', '/api/resources', { token: attacker.tokens.owner, body: { identifier: `${server.issuer}${path}`, name: 'Ours' } });
    expect({ status: answer.status, code: answer.body['code'] }).toEqual({ status: 409, code: 'resource_identifier_reserved' });
  });
});

describe('a person of another organization', () => {
  it.each(['/api/users', 'members'])('may be made a member through %s, which gives nothing over their account and takes nothing from their home', async (route) => {
    const person = await addPerson(server, victim.tokens.owner, 'member', 'guest');
    const path = route === 'members' ? `/api/organizations/${attacker.id}/members` : route;
    expect((await call(server, 'POST', path, { token: attacker.tokens.owner, body: { email: person.email, role: 'owner' } })).status).toBe(201);
    const { accessToken } = await signIn(server, person);
    const whoAmI = () => call(server, 'GET', '/api/users/me', { token: accessToken });
    expect((await whoAmI()).body).toMatchObject({ organization_id: victim.id, home_organization_id: victim.id });

    const attempts: [string, string, object][] = [
      ['PUT', `/api/users/${person.id}`, { status: 'disabled' }], ['PUT', `/api/users/${person.id}`, { name: 'taken over' }],
      ['POST', `/api/users/${person.id}/password`, { new_password: 'taken over by somebody 7' }],
    ];
    for (const [method, target, body] of attempts) {
      const answer = await call(server, method, target, { token: attacker.tokens.owner, body });
      expect({ body, status: answer.status, code: answer.body['code'] }).toEqual({ body, status: 403, code: 'account_not_yours' });
    }
    expect((await whoAmI()).status).toBe(200);
    expect((await call(server, 'PUT', `/api/users/${person.id}`, { token: victim.tokens.admin, body: { status: 'disabled' } })).body).toMatchObject({ status: 'disabled' });
    expect((await whoAmI()).status).toBe(401);
    expect((await call(server, 'DELETE', `/api/users/${person.id}`, { token: attacker.tokens.owner })).status).toBe(204);
    expect((await call(server, 'GET', `/api/users/${person.id}`, { token: victim.tokens.owner })).body).toMatchObject({ id: person.id, status: 'disabled' });
  });
});

describe('what a caller may not set', () => {
  it.each<[string, CallerName, (own: Tenant) => [method: string, path: string, body: object], string]>([
    ['somebody new as an owner', 'admin', () => ['POST', '/api/users', { email: 'another-owner@example.com', role: 'owner' }], 'role_above_own'],
    ['an owner by a client with every scope', 'client', () => ['POST', '/api/users', { email: 'another-owner@example.com', role: 'owner' }], 'role_above_own'],
    ['themselves as an owner', 'admin', ({ id, people }) => ['PUT', `/api/organizations/${id}/members/${people.admin.id}`, { role: 'owner' }], 'role_above_own'],
    ['their owner as a member', 'admin', ({ id, people }) => ['PUT', `/api/organizations/${id}/members/${people.owner.id}`, { role: 'member' }], 'role_above_own'],
    ['their owner as disabled', 'admin', ({ people }) => ['PUT', `/api/users/${people.owner.id}`, { status: 'disabled' }], 'role_above_own'],
    ['the password of somebody', 'admin', ({ people }) => ['POST', `/api/users/${people.member.id}/password`, { new_password: 'seldom heard piano 4711' }], 'account_not_yours'],
    ['an agent as trusted', 'member', () => ['POST', '/api/agents/register', { agent_name: 'trusted', trust_level: 'verified' }], 'trust_level_not_yours'],
    ['an agent as trusted, being one', 'agent', () => ['POST', '/api/agents/register', { agent_name: 'trusted', trust_level: 'verified' }], 'trust_level_not_yours'],
    ['an agent with more than they hold', 'member', () => ['POST', '/api/agents/register', { agent_name: 'strong', scopes: ['users:write'] }], 'scopes_not_held'],
    ['an agent as somebody else\'s', 'member', ({ people }) => ['POST', '/api/agents/register', { agent_name: 'given', owner_email: people.owner.email }], 'owner_not_yours'],
    ['the end of their organization', 'admin', ({ id }) => ['DELETE', `/api/organizations/${id}`, {}], 'owner_required'],
  ])('%s is refused to the %s', async (_what, caller, request, code) => {
    const [method, path, body] = request(attacker);
    const answer = await call(server, method, path, { token: attacker.tokens[caller], body: method === 'DELETE' ? undefined : body });
    expect({ status: answer.status, code: answer.body['code'] }).toEqual({ status: 403, code });
  });
});

// Last: what somebody asks to end is in their own log, by its id.
describe('what somebody else could end', () => {
  it('is not ended by a kill switch, nor by a filter: it is not there, or nothing fits', async () => {
    const { agent, client, people, tokenId, id, scope, resource, delegationId, application } = victim;
    const targets = [
      { kind: 'agent', id: agent.id }, { kind: 'task', id: tokenId }, { kind: 'user', id: people.member.id }, { kind: 'organization', id }, { kind: 'issued_before', client_id: client.id },
    ];
    const filters = [
      { client_id: application.clientId }, { agent_id: agent.id }, { user_id: people.owner.id }, { task_id: tokenId }, { delegation_grant_id: delegationId }, { scope: scope.name }, { resource: resource.identifier },
    ];
    for (const caller of CALLERS) {
      const token = attacker.tokens[caller];
      for (const target of targets) {
        for (const path of ['/api/admin/kill-switches/preview', '/api/admin/kill-switches']) {
          const { status, body } = await call(server, 'POST', path, { token, body: path.endsWith('preview') ? { target } : { target, reason: 'theirs' } });
          expect({ caller, path, target, status, text: JSON.stringify(body) }).toMatchObject({ status: caller === 'member' ? 403 : 404, text: expect.not.stringContaining('"counts"') as string });
        }
        expect(await call(server, 'POST', '/api/admin/kill-switches', { token, body: { target: { kind: 'issued_before', organization: 'all' }, reason: 'theirs' } })).toMatchObject({ status: 403 });
      }
      for (const filter of filters) {
        const answer = await call<{ ended?: { counts: object } }>(server, 'POST', '/api/admin/tokens/revoke', { token, body: { filter, reason: 'theirs' } });
        if (caller === 'member') expect(answer.status).toBe(403);
        else expect({ caller, filter, ended: Object.values(answer.body.ended!.counts) }).toMatchObject({ ended: [0, 0, 0, 0, 0, 0, 0, 0] });
        expect((await call(server, 'POST', '/api/admin/tokens/revoke', { token, body: { filter: { ...filter, organization: 'all' }, reason: 'theirs' } })).status).toBe(403);
      }
    }
    for (const token of Object.values(victim.tokens)) expect((await call(server, 'GET', '/api/auth/me', { token })).status).toBe(200);
  });
});
