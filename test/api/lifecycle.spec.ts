import { call, post, type Answer } from '../support/api.js';
import { startApplication, type TestApplication } from '../support/application.js';
import { addPerson, signIn } from '../support/people.js';
import { ADMIN } from '../support/server.js';

interface Kind {
  /** Where it is made, and what of. */
  readonly make: string;
  readonly body: (index: number) => Record<string, unknown>;
  /** Where it lives, without its id. */
  readonly home: string;
  /** The thing within what making it answered. */
  readonly thing?: (made: Record<string, unknown>) => Record<string, unknown>;
  readonly idMember: string;
  /** What changes, and what a second one of the same kind must not share. */
  readonly change: Record<string, unknown>;
  readonly taken?: { readonly members: readonly string[]; readonly code: string };
  readonly missing: string;
  /** What is left after it was deleted: nothing, or a row that says that it is over. */
  readonly afterwards?: Record<string, unknown>;
}

const KINDS: Readonly<Record<string, Kind>> = {
  agents: {
    make: '/api/agents/register', home: '/api/agents', idMember: 'id', thing: (made) => made['agent'] as Record<string, unknown>,
    body: (index) => ({ agent_name: `agent ${index}`, description: 'first', capabilities: ['search'], scopes: ['weather:read'] }),
    change: { description: 'second', agent_model: 'model-2' }, taken: { members: ['agent_name'], code: 'agent_name_taken' }, missing: 'agent_not_found',
    afterwards: { status: 'deactivated' },
  },
  clients: {
    make: '/api/admin/clients/register', home: '/api/clients', idMember: 'client_id',
    body: (index) => ({ client_name: `client ${index}`, grant_types: ['client_credentials'], scopes: ['weather:read', 'stocks:read'] }),
    change: { client_name: 'renamed', scopes: ['weather:read'] }, missing: 'client_not_found', afterwards: { status: 'deactivated' },
  },
  users: {
    make: '/api/users', home: '/api/users', idMember: 'id',
    body: (index) => ({ email: `person${index}@example.com`, name: `person ${index}`, role: 'member' }),
    change: { name: 'renamed' }, taken: { members: ['email'], code: 'already_member' }, missing: 'user_not_found',
  },
  organizations: {
    make: '/api/organizations', home: '/api/organizations', idMember: 'id',
    body: (index) => ({ name: `Organization ${index}`, slug: `organization-${index}` }),
    change: { name: 'Renamed' }, taken: { members: ['slug'], code: 'slug_taken' }, missing: 'organization_not_found',
  },
  scopes: {
    make: '/api/scopes', home: '/api/scopes', idMember: 'id',
    body: (index) => ({ name: `calendar${index}:read`, description: 'first', category: 'calendars' }),
    change: { description: 'second', is_sensitive: true }, taken: { members: ['name'], code: 'scope_name_taken' }, missing: 'scope_not_found',
  },
  resources: {
    make: '/api/resources', home: '/api/resources', idMember: 'id',
    body: (index) => ({ identifier: `https://api${index}.example`, name: `API ${index}`, scopes: ['weather:read'], access_token_ttl: 60 }),
    change: { name: 'renamed', access_token_ttl: null, token_format: 'opaque' }, taken: { members: ['identifier'], code: 'resource_identifier_taken' }, missing: 'resource_not_found',
  },
};

let server: TestApplication;
let token: string;
let index = 0;

beforeAll(async () => {
  server = await startApplication();
  token = (await signIn(server, ADMIN)).accessToken;
});

afterAll(() => server.stop());

const get = (path: string) => call(server, 'GET', path, { token });
const send = (method: string, path: string, body?: unknown) => call(server, method, path, { token, body });

function refusal({ status, body }: Answer): { status: number; code: unknown } {
  return { status, code: body['code'] };
}

async function made(kind: Kind): Promise<{ answer: Answer; sent: Record<string, unknown>; thing: Record<string, unknown>; at: string }> {
  const sent = kind.body(index += 1);
  const answer = await send('POST', kind.make, sent);
  expect({ status: answer.status, body: answer.body }).toMatchObject({ status: 201 });
  const thing = kind.thing?.(answer.body) ?? answer.body;
  return { answer, sent, thing, at: `${kind.home}/${String(thing[kind.idMember])}` };
}

describe.each(Object.entries(KINDS))('%s', (_name, kind) => {
  it('are made with 201, live at the address in Location, and are there as they were sent', async () => {
    const { answer, sent, thing, at } = await made(kind);
    expect(answer.headers.get('location')).toBe(at);
    expect(thing).toMatchObject(sent);
    const { status, body } = await get(at);
    expect(status).toBe(200);
    expect(body).toMatchObject(sent);
    for (const member of Object.keys(body)) expect({ member, value: thing[member] }).toEqual({ member, value: body[member] });
  });

  it('never show a secret again', async () => {
    const { answer, at } = await made(kind);
    const secrets = JSON.stringify(answer.body).match(/lgt_[a-z]+_[\w-]+/g) ?? [];
    const shown = JSON.stringify([(await get(at)).body, (await get(`${kind.home}?limit=200`)).body]);
    expect(secrets.filter((secret) => shown.includes(secret))).toEqual([]);
    expect(shown).not.toMatch(/lgt_|argon2|secret_hash|password/);
  });

  it('change as far as is asked, and stay as they are otherwise', async () => {
    const { at } = await made(kind);
    const { body: before } = await get(at);
    expect(await send('PUT', at, {})).toMatchObject({ status: 200 });
    const changed = await send('PUT', at, kind.change);
    expect({ status: changed.status, body: changed.body }).toMatchObject({ status: 200, body: kind.change });
    const { body: after } = await get(at);
    const untouched = Object.keys(before).filter((member) => !(member in kind.change) && !['updated_at', 'version'].includes(member));
    for (const member of untouched) expect({ member, value: after[member] }).toEqual({ member, value: before[member] });
  });

  it('are deleted with 204 and an empty body, and are gone from the list', async () => {
    const { thing, at } = await made(kind);
    const deleted = await fetch(server.issuer + at, { method: 'DELETE', headers: { authorization: `Bearer ${token}` } });
    expect({ status: deleted.status, text: await deleted.text() }).toEqual({ status: 204, text: '' });
    const afterwards = await get(at);
    if (kind.afterwards) expect({ status: afterwards.status, body: afterwards.body }).toMatchObject({ status: 200, body: kind.afterwards });
    else expect(refusal(afterwards)).toEqual({ status: 404, code: kind.missing });
    const list = await get(`${kind.home}?limit=200`);
    expect((list.body['data'] as Record<string, unknown>[]).map((row) => row[kind.idMember])).not.toContain(thing[kind.idMember]);
    if (!kind.afterwards) expect(refusal(await send('DELETE', at))).toEqual({ status: 404, code: kind.missing });
  });

  it('that are not there answer 404 with their own code, whatever is done to them', async () => {
    const nowhere = `${kind.home}/01890000-0000-7000-8000-000000000000`;
    expect(refusal(await get(nowhere))).toEqual({ status: 404, code: kind.missing });
    expect(refusal(await send('PUT', nowhere, kind.change))).toEqual({ status: 404, code: kind.missing });
    expect(refusal(await send('DELETE', nowhere))).toEqual({ status: 404, code: kind.missing });
  });

  it('of which there is one already clash with 409', async () => {
    const { taken } = kind;
    if (!taken) return;
    const { sent } = await made(kind);
    const another = { ...kind.body(index += 1), ...Object.fromEntries(taken.members.map((member) => [member, sent[member]])) };
    expect(refusal(await send('POST', kind.make, another))).toEqual({ status: 409, code: taken.code });
    const racing = kind.body(index += 1);
    const statuses = (await Promise.all(Array.from({ length: 6 }, () => send('POST', kind.make, racing)))).map(({ status }) => status).sort();
    expect(statuses).toEqual([201, 409, 409, 409, 409, 409]);
  });
});

describe('an agent', () => {
  it('works from its activation until it is suspended, and again once it is resumed', async () => {
    const { answer, at } = await made(KINDS['agents']!);
    const { client_id, client_secret, registration_token } = answer.body['credentials'] as Record<string, string>;
    const works = async () => (await post(server, '/api/oauth/token', { grant_type: 'client_credentials' }, { basic: [client_id!, client_secret!] })).status;
    expect(await works()).toBe(401);
    expect((await call(server, 'POST', '/api/agents/activate', { body: { registration_token } })).body).toMatchObject({ status: 'active' });
    expect(refusal(await call(server, 'POST', '/api/agents/activate', { body: { registration_token } }))).toEqual({ status: 400, code: 'invalid_registration_token' });
    expect(await works()).toBe(200);
    expect((await send('POST', `${at}/suspend`)).body).toMatchObject({ status: 'suspended' });
    expect(await works()).toBe(401);
    expect((await send('POST', `${at}/resume`)).body).toMatchObject({ status: 'active' });
    expect(await works()).toBe(200);
    expect((await send('POST', `${at}/deactivate`)).body).toMatchObject({ status: 'deactivated' });
    expect(await works()).toBe(401);
    expect(refusal(await send('POST', `${at}/resume`))).toEqual({ status: 409, code: 'agent_deactivated' });
  });
});

describe.each([['an agent', KINDS['agents']!], ['a client', KINDS['clients']!]])('secrets of %s', (_name, kind) => {
  it('overlap: a new one works beside the old one until that is retired', async () => {
    const { answer, thing, at } = await made(kind);
    if (kind === KINDS['agents']) await send('POST', '/api/agents/activate', { registration_token: (answer.body['credentials'] as Record<string, string>)['registration_token'] });
    const first = String((answer.body['credentials'] as Record<string, string> | undefined)?.['client_secret'] ?? answer.body['client_secret']);
    const added = await send('POST', `${at}/secrets`, { label: 'second' });
    expect({ status: added.status, body: added.body }).toMatchObject({ status: 201, body: { label: 'second', is_live: true } });
    expect(added.headers.get('location')).toBe(`${at}/secrets/${String(added.body['id'])}`);
    expect(added.headers.get('cache-control')).toContain('no-store');
    const works = async (secret: string) => (await post(server, '/api/oauth/token', { grant_type: 'client_credentials' }, { basic: [String(thing[kind.idMember]), secret] })).status;
    expect([await works(first), await works(String(added.body['client_secret']))]).toEqual([200, 200]);
    const secrets = (await get(`${at}/secrets`)).body['data'] as { id: string; label: string }[];
    expect(JSON.stringify(secrets)).not.toContain('lgt_');
    const [old] = secrets.filter(({ label }) => label !== 'second');
    expect((await send('DELETE', `${at}/secrets/${old!.id}`)).status).toBe(204);
    expect([await works(first), await works(String(added.body['client_secret']))]).toEqual([401, 200]);
    expect(refusal(await send('DELETE', `${at}/secrets/01890000-0000-7000-8000-000000000000`))).toEqual({ status: 404, code: 'secret_not_found' });
    expect(refusal(await send('POST', `${at}/secrets`, { expires_at: '2001-01-01T00:00:00Z' }))).toEqual({ status: 400, code: 'secret_expiry_past' });
  });
});

describe('members of an organization', () => {
  it('are added, promoted and sent away, but never the last owner', async () => {
    const organization = (await made(KINDS['organizations']!)).at;
    const person = await addPerson(server, token, 'member');
    const added = await send('POST', `${organization}/members`, { user_id: person.id, role: 'member' });
    expect({ status: added.status, body: added.body }).toMatchObject({ status: 201, body: { id: person.id, role: 'member' } });
    const at = added.headers.get('location')!;
    expect(at).toBe(`${organization}/members/${person.id}`);
    expect((await get(at)).body).toMatchObject({ id: person.id, role: 'member' });
    expect(refusal(await send('POST', `${organization}/members`, { email: person.email }))).toEqual({ status: 409, code: 'already_member' });
    expect(refusal(await send('POST', `${organization}/members`, { email: person.email, user_id: person.id }))).toEqual({ status: 400, code: 'member_ambiguous' });
    expect((await send('PUT', at, { role: 'owner' })).body).toMatchObject({ role: 'owner' });
    const founder = ((await get(`${organization}/members?role=owner`)).body['data'] as { id: string }[]).find(({ id }) => id !== person.id)!;
    expect((await send('DELETE', `${organization}/members/${founder.id}`)).status).toBe(204);
    expect(refusal(await send('DELETE', at))).toEqual({ status: 409, code: 'last_owner' });
    expect(refusal(await send('PUT', at, { role: 'member' }))).toEqual({ status: 409, code: 'last_owner' });
  });
});

describe('what comes with the server', () => {
  it.each([['/api/scopes', 'scope_built_in'], ['/api/resources', 'resource_built_in']])('in %s cannot be changed or deleted, not even by a platform administrator', async (home, code) => {
    const rows = (await get(`${home}?limit=200`)).body['data'] as { id: string; is_built_in: boolean }[];
    const [builtIn] = rows.filter((row) => row.is_built_in);
    expect(refusal(await send('PUT', `${home}/${builtIn!.id}`, { is_active: false }))).toEqual({ status: 403, code });
    expect(refusal(await send('DELETE', `${home}/${builtIn!.id}`))).toEqual({ status: 403, code });
  });

  it('cannot be imitated', async () => {
    expect(refusal(await send('POST', '/api/scopes', { name: 'agents:write' }))).toEqual({ status: 409, code: 'scope_name_reserved' });
    expect(refusal(await send('POST', '/api/scopes', { name: 'openid' }))).toEqual({ status: 409, code: 'scope_name_reserved' });
    const own = { identifier: `${server.issuer}/api`, name: 'Imitation' };
    expect(refusal(await send('POST', '/api/resources', own))).toEqual({ status: 409, code: 'resource_identifier_reserved' });
    expect(refusal(await send('GET', '/api/clients/swagger-ui'))).toEqual({ status: 404, code: 'client_not_found' });
    expect(refusal(await send('DELETE', '/api/clients/swagger-ui'))).toEqual({ status: 404, code: 'client_not_found' });
  });
});
