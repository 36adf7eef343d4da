import { resolve } from 'node:path';
import { DataSource } from 'typeorm';
import { bootstrapToken } from '../../support/api.js';
import { startApplication, type TestApplication } from '../../support/application.js';
import { addPerson, signIn } from '../../support/people.js';
import { registerAgent, registerClient } from '../../support/clients.js';
import { ADMIN } from '../../support/server.js';

// OpenID AuthZEN Authorization API 1.0, and its certification scenario: the fixture stands in certification.yaml.

let application: TestApplication;
let token: string;

beforeAll(async () => {
  application = await startApplication({ LEGATE_POLICIES_DIR: resolve('test/protocol/authzen') });
  token = await bootstrapToken(application, 'decisions:evaluate');
});

afterAll(() => application.stop());

interface Reply { status: number; headers: Headers; text: string; body: Record<string, unknown> }

async function send(path: string, body: string | undefined, headers: Record<string, string> = {}, method = 'POST'): Promise<Reply> {
  const all = { authorization: `Bearer ${token}`, ...(body !== undefined && { 'content-type': 'application/json' }), ...headers };
  const sent = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== ''));
  const response = await fetch(`${application.issuer}${path}`, { method, headers: sent, ...(body !== undefined && { body }) });
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, body: text.startsWith('{') ? JSON.parse(text) as Record<string, unknown> : {} };
}

const ask = (path: string, body: object, headers?: Record<string, string>) => send(`/access/v1/${path}`, JSON.stringify(body), headers);

const [alice, bob] = ['alice', 'bob'].map((id) => ({ type: 'user', id })) as [{ type: string; id: string }, { type: string; id: string }];
const [first, second] = ['record-1', 'record-2'].map((id) => ({ type: 'record', id })) as [{ type: string; id: string }, { type: string; id: string }];
const [read, write, softly, for_good] = [{ name: 'read' }, { name: 'write' }, { name: 'delete', properties: { soft: true } }, { name: 'delete', properties: { soft: false } }];
const archived = { ...second, properties: { status: 'archived' } };
const administrator = { ...bob, properties: { role: 'admin' } };

const VALID = { subject: alice, action: read, resource: first };

describe('an evaluation', () => {
  it.each([
    ['alice reads', alice, read, first, true], ['alice writes', alice, write, first, true], ['bob reads', bob, read, first, true], ['bob writes', bob, write, first, false],
    ['alice writes what is archived', alice, write, archived, false], ['an administrator writes what is archived', administrator, write, archived, true],
    ['alice deletes softly', alice, softly, first, true], ['alice deletes for good', alice, for_good, first, false],
  ])('has the decision that the scenario mandates: %s', async (_what, subject, action, resource, decision) => {
    for (const context of [undefined, { time: '2025-06-27T18:03-07:00', ip: '192.168.1.1' }]) {
      const { status, headers, body } = await ask('evaluation', { subject, action, resource, context });
      expect({ status, type: headers.get('content-type'), decision: body['decision'], context: typeof body['context'] }).toEqual({ status: 200, type: 'application/json; charset=utf-8', decision, context: 'object' });
    }
  });

  it('tells the id of the decision, its reason and the policies that decided, and is on record with them', async () => {
    const { body } = await ask('evaluation', { ...VALID, context: { session_token: 'eyJhbGciOiJFUzI1NiJ9.e30.c2ln' } });
    expect(body).toEqual({ decision: true, context: { id: expect.stringMatching(/^[0-9a-f-]{36}$/) as string, reason: 'allowed', policies: ['directory:alice-and-bob-read'] } });
    const { id } = body['context'] as { id: string };
    const [event] = await application.inside(DataSource).query<{ body: string }[]>(`SELECT body FROM audit_events WHERE type = 'decision.made' AND body LIKE $1`, [`%${id}%`]);
    expect(JSON.parse(event!.body)).toMatchObject({
      outcome: 'success', subject: 'alice', target: { kind: 'record', id: 'record-1' }, reason: 'allowed',
      details: { decision: { id, policies: ['directory:alice-and-bob-read'], is_allowed: true, request: { subject: alice, action: 'read', resource: first, context: { session_token: '[hidden]' } } } },
    });
  });

  it('is the same each time', async () => {
    const decisions = await Promise.all(Array.from({ length: 10 }, async () => (await ask('evaluation', VALID)).body['decision']));
    expect(new Set(decisions)).toEqual(new Set([true]));
  });

  it('lets members through that it does not know, and properties that no policy reads', async () => {
    const curious = {
      ...VALID, subject: { ...alice, properties: { department: 'Sales', role: 'manager' }, since: 2020 }, action: { name: 'read', properties: { method: 'GET' } },
      resource: { ...first, properties: { status: 'active', owner: 'bob' } }, foo: 'bar', futureField: { nested: true },
    };
    expect(await ask('evaluation', curious)).toMatchObject({ status: 200, body: { decision: true } });
  });

  it('may be about anything, and is then denied, unless a policy speaks of it', async () => {
    expect(await ask('evaluation', { subject: { type: 'space ship/α', id: '⟨7⟩' }, action: { name: 'dock: "now"' }, resource: { type: 'planet\\', id: '"' } })).toMatchObject({ status: 200, body: { decision: false, context: { reason: 'not_allowed' } } });
  });

  it.each([
    ['without a subject', { ...VALID, subject: undefined }, 'subject is missing.'], ['without an action', { ...VALID, action: undefined }, 'action is missing.'], ['without a resource', { ...VALID, resource: undefined }, 'resource is missing.'],
    ['with a subject without a type', { ...VALID, subject: { id: 'alice' } }, 'subject.type is missing.'], ['with a subject without an id', { ...VALID, subject: { type: 'user' } }, 'subject.id is missing.'],
    ['with an action without a name', { ...VALID, action: {} }, 'action.name is missing.'], ['with a resource without a type', { ...VALID, resource: { id: 'x' } }, 'resource.type is missing.'], ['with a resource without an id', { ...VALID, resource: { type: 'x' } }, 'resource.id is missing.'],
    ['with a subject that is text', { ...VALID, subject: 'alice' }, 'subject is not valid: expected object, received string.'], ['with an action that is named by a number', { ...VALID, action: { name: 123 } }, 'action.name is not valid: expected string, received number.'],
    ['with properties that are none', { ...VALID, subject: { ...alice, properties: [] } }, /^subject.properties is not valid/], ['with a context that is none', { ...VALID, context: 'now' }, /^context is not valid/],
    ['that reaches for the prototype of things', { ...VALID, context: JSON.parse('{"constructor":{"x":1}}') as object }, /^context must be at most 16 levels deep/], ['with too many properties', { ...VALID, context: { x: 'x'.repeat(17_000) } }, /^context must be at most 16384 bytes/],
    ['that is a list', [VALID], /^The body is not valid/],
  ])('%s is refused with 400 and a sentence', async (_what, body, sentence) => {
    const { status, headers, text } = await ask('evaluation', body);
    expect({ status, type: headers.get('content-type') }).toEqual({ status: 400, type: 'text/plain; charset=utf-8' });
    if (typeof sentence === 'string') expect(text).toBe(sentence);
    else expect(text).toMatch(sentence);
  });

  it.each([
    ['of another type', JSON.stringify(VALID), { 'content-type': 'text/plain' }], ['without a type', JSON.stringify(VALID), { 'content-type': '' }], ['that is a form', 'subject=alice', { 'content-type': 'application/x-www-form-urlencoded' }],
    ['that is no JSON', '{"subject":', {}], ['that is empty', '', {}],
  ])('with a body %s is refused with 400', async (_what, body, headers) => {
    for (const path of ['evaluation', 'evaluations', 'search/subject', 'search/resource', 'search/action']) {
      const answer = await send(`/access/v1/${path}`, body, headers);
      expect({ path, status: answer.status, isSentence: /^[A-Z].*\.$/.test(answer.text) }).toEqual({ path, status: 400, isSentence: true });
    }
    expect((await send('/access/v1/evaluation', undefined)).status).toBe(400);
  });
});

describe('who asks', () => {
  it('needs a token with the scope decisions:evaluate', async () => {
    const other = await bootstrapToken(application, 'policies:read');
    for (const path of ['evaluation', 'evaluations', 'search/subject', 'search/resource', 'search/action']) {
      const [nobody, narrow] = await Promise.all([{ authorization: '' }, { authorization: `Bearer ${other}` }].map((headers) => ask(path, VALID, headers)));
      expect({ path, statuses: [nobody!.status, narrow!.status], types: [nobody!.headers.get('content-type'), narrow!.headers.get('content-type')] }).toEqual({ path, statuses: [401, 403], types: ['text/plain; charset=utf-8', 'text/plain; charset=utf-8'] });
      expect(nobody!.headers.get('www-authenticate')).toMatch(/^Bearer /);
    }
  });

  it('may be an application or an administrator that was given it, and no member', async () => {
    const owner = (await signIn(application, ADMIN)).accessToken;
    const member = (await signIn(application, await addPerson(application, owner, 'member'))).accessToken;
    const statuses = await Promise.all([owner, member].map(async (one) => (await ask('evaluation', VALID, { authorization: `Bearer ${one}` })).status));
    expect(statuses).toEqual([200, 403]);
  });

  it('gets the name of the request back, also with an error, and a name of ours when there is none', async () => {
    for (const name of ['bfe9eb29-ab87-4ca3-be83-a1d5d8305716', 'x', 'my request: 7; "a"']) {
      const answers = await Promise.all([ask('evaluation', VALID, { 'x-request-id': name }), ask('evaluation', {}, { 'x-request-id': name }), ask('evaluation', VALID, { 'x-request-id': name, authorization: '' })]);
      expect(answers.map(({ status, headers }) => [status, headers.get('x-request-id')])).toEqual([[200, name], [400, name], [401, name]]);
    }
    expect((await ask('evaluation', VALID)).headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
    const response = await fetch(`${application.issuer}/api/auth/me`, { headers: { authorization: `Bearer ${token}`, 'x-request-id': 'elsewhere nobody is believed' } });
    expect(response.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
  });
});

describe('several evaluations', () => {
  const decisions = ({ body }: Reply) => (body['evaluations'] as { decision: boolean }[]).map(({ decision }) => decision);

  it('are decided in their order, each by itself, with what it leaves out taken from the request', async () => {
    expect(decisions(await ask('evaluations', { subject: bob, resource: first, evaluations: [{ action: read }, { action: write }] }))).toEqual([true, false]);
    expect(decisions(await ask('evaluations', { evaluations: [VALID, { subject: bob, action: write, resource: first }] }))).toEqual([true, false]);
    expect(decisions(await ask('evaluations', { subject: alice, action: write, evaluations: [{ resource: { ...first, properties: { status: 'active' } } }, { resource: archived }] }))).toEqual([true, false]);
    expect(decisions(await ask('evaluations', { action: write, resource: archived, evaluations: [{ subject: alice }, { subject: administrator }] }))).toEqual([false, true]);
    expect(decisions(await ask('evaluations', { subject: alice, action: write, resource: { type: 'record' }, evaluations: [{ resource: { id: 'record-1', properties: { status: 'active' } } }, { resource: archived }] }))).toEqual([true, false]);
    expect((await ask('evaluations', { ...VALID, context: { time: '2025-06-27T18:03-07:00' }, evaluations: [{}, { context: { source: 'batch-override' } }] })).status).toBe(200);
  });

  it('replace what the request says whole: properties of the one are no properties of the other', async () => {
    expect(decisions(await ask('evaluations', { subject: alice, action: write, resource: archived, evaluations: [{}, { resource: { id: 'record-1' } }] }))).toEqual([false, true]);
  });

  it('of which one is wrong are decided all the same; that one is denied, and says why', async () => {
    const { status, body } = await ask('evaluations', { subject: alice, action: read, evaluations: [{ resource: first }, {}, 'nonsense', { resource: { type: 5, id: 'x' } }, { resource: second }] });
    expect(status).toBe(200);
    expect(body['evaluations']).toMatchObject([
      { decision: true }, { decision: false, context: { error: { status: 400, message: 'resource is missing.' } } }, { decision: false, context: { error: { status: 400 } } },
      { decision: false, context: { error: { message: 'resource.type is not valid: expected string, received number.' } } }, { decision: true },
    ]);
  });

  it.each([
    [undefined, [true, false, true, false]], ['execute_all', [true, false, true, false]], ['deny_on_first_deny', [true, false]], ['permit_on_first_permit', [true]],
  ])('go as far as %s goes', async (semantic, expected) => {
    const evaluations = [{ action: read }, { action: write }, { action: read }, {}];
    expect(decisions(await ask('evaluations', { subject: bob, resource: first, evaluations, ...(semantic && { options: { evaluations_semantic: semantic, another_option: 1 } }) }))).toEqual(expected);
  });

  it('may begin with what does not end them', async () => {
    expect(decisions(await ask('evaluations', { subject: bob, resource: first, evaluations: [{ action: write }, {}, { action: read }, { action: write }], options: { evaluations_semantic: 'permit_on_first_permit' } }))).toEqual([false, false, true]);
    expect(decisions(await ask('evaluations', { subject: bob, resource: first, evaluations: [{ action: read }, {}, { action: read }], options: { evaluations_semantic: 'deny_on_first_deny' } }))).toEqual([true, false]);
  });

  it('without any are a request for one', async () => {
    for (const evaluations of [undefined, []]) expect(await ask('evaluations', { ...VALID, evaluations })).toMatchObject({ status: 200, body: { decision: true } });
    expect((await ask('evaluations', { subject: alice, evaluations: [] })).status).toBe(400);
  });

  it.each([
    ['are no list', { ...VALID, evaluations: {} }], ['have a semantic that there is not', { evaluations: [VALID], options: { evaluations_semantic: 'maybe' } }], ['are too many', { ...VALID, evaluations: Array.from({ length: 201 }, () => ({})) }],
    ['have defaults that are none', { subject: 'alice', evaluations: [VALID] }],
  ])('that %s are refused', async (_what, body) => {
    expect((await ask('evaluations', body)).status).toBe(400);
  });

  it('are on record, each of them', async () => {
    const { body } = await ask('evaluations', { subject: bob, resource: first, evaluations: [{ action: read }, { action: write }] });
    const ids = (body['evaluations'] as { context: { id: string } }[]).map(({ context: { id } }) => id);
    const rows = await application.inside(DataSource).query<{ outcome: string }[]>(`SELECT outcome FROM audit_events WHERE type = 'decision.made' AND (body LIKE $1 OR body LIKE $2) ORDER BY sequence`, ids.map((id) => `%${id}%`));
    expect(rows.map(({ outcome }) => outcome)).toEqual(['success', 'refused']);
  });
});

describe('a search', () => {
  const results = async (kind: string, body: object) => {
    const answer = await ask(`search/${kind}`, body);
    expect(answer.status).toBe(200);
    return answer.body['results'];
  };

  it('finds the subjects that the scenario mandates', async () => {
    expect(await results('subject', { subject: { type: 'user' }, action: read, resource: first })).toEqual([alice, bob]);
    expect(await results('subject', { subject: { type: 'user', id: 'ignored' }, action: read, resource: first, context: { time: '2025-06-27T18:03-07:00' } })).toEqual([alice, bob]);
    expect(await results('subject', { subject: { type: 'user' }, action: write, resource: archived })).toEqual([bob]);
    expect(await results('subject', { subject: { type: 'spaceship' }, action: read, resource: first })).toEqual([]);
  });

  it('finds the resources that the scenario mandates', async () => {
    expect(await results('resource', { subject: alice, action: read, resource: { type: 'record' } })).toEqual([first, second]);
    expect(await results('resource', { subject: administrator, action: write, resource: { type: 'record' } })).toEqual([second]);
    expect(await results('resource', { subject: alice, action: read, resource: { type: 'spaceship' } })).toEqual([]);
  });

  it('finds the actions that the scenario mandates', async () => {
    expect(await results('action', { subject: alice, resource: first })).toEqual([{ name: 'read' }, { name: 'write' }]);
    expect(await results('action', { subject: alice, resource: first, context: { ip: '192.168.1.1' } })).toEqual([{ name: 'read' }, { name: 'write' }]);
    expect(await results('action', { subject: administrator, resource: archived })).toEqual([{ name: 'read' }, { name: 'write' }]);
    expect(await results('action', { subject: { type: 'user', id: 'nonexistent-user' }, resource: first })).toEqual([]);
  });

  it('finds what an evaluation then permits, among what the organization has', async () => {
    const [{ clientId: coding }] = await Promise.all([registerAgent(application, { agent_type: 'coding', scopes: ['weather:read'] }), registerAgent(application, { scopes: ['stocks:read'] })]);
    const manager = await bootstrapToken(application);
    const manage = async (path: string, body?: object) => {
      const response = await fetch(`${application.issuer}/api${path}`, { method: 'POST', headers: { authorization: `Bearer ${manager}`, ...(body && { 'content-type': 'application/json' }) }, body: body && JSON.stringify(body) });
      return response.text();
    };
    const tool = JSON.parse(await manage('/tools', { name: 'forecast' })) as { id: string };
    await manage(`/agents/${coding}/tools/${tool.id}`);
    await manage('/tools', { name: 'unassigned' });
    const made = await fetch(`${application.issuer}/api/policies`, {
      method: 'POST', headers: { authorization: `Bearer ${manager}`, 'content-type': 'application/json' },
      body: JSON.stringify({ name: 'agents have what is assigned', rule: { effect: 'allow', who: { agents: ['*'], attributes: { status: 'active' } }, what: { actions: ['issue'], scopes: ['*'], tools: ['*'] }, when: { attribute: 'resource.is_assigned', equals: true } } }),
    });
    expect(made.status).toBe(201);
    const issue = { name: 'issue' };
    const scope = { type: 'scope', id: 'weather:read' };
    expect(await results('subject', { subject: { type: 'agent' }, action: issue, resource: scope })).toEqual([{ type: 'agent', id: coding }]);
    expect(await results('resource', { subject: { type: 'agent', id: coding }, action: issue, resource: { type: 'scope' } })).toEqual([scope]);
    expect(await results('action', { subject: { type: 'agent', id: coding }, resource: scope })).toEqual([issue]);
    expect(await results('resource', { subject: { type: 'agent', id: coding }, action: issue, resource: { type: 'tool' } })).toEqual([{ type: 'tool', id: 'forecast' }]);
    expect((await ask('evaluation', { subject: { type: 'agent', id: coding }, action: issue, resource: scope })).body['decision']).toBe(true);
  });

  it('comes in pages, whose tokens belong to one search', async () => {
    const search = { subject: { type: 'user' }, action: read, resource: first };
    const { body } = await ask('search/subject', { ...search, page: { limit: 1 } });
    expect(body).toEqual({ results: [alice], page: { next_token: expect.stringMatching(/./) as string, count: 1 } });
    const next = (body['page'] as { next_token: string }).next_token;
    expect((await ask('search/subject', { ...search, page: { token: next } })).body).toEqual({ results: [bob], page: { next_token: '', count: 1 } });
    for (const [path, other] of [['subject', { ...search, action: write }], ['resource', { ...search, subject: alice, resource: { type: 'record' } }]] as const) {
      const refused = await ask(`search/${path}`, { ...other, page: { token: next } });
      expect([refused.status, refused.text]).toEqual([400, 'The page.token belongs to another search; send it with the same search, or start again without it.']);
    }
    expect((await ask('search/subject', { ...search, page: { token: 'forged' } })).status).toBe(400);
    expect((await ask('search/subject', { ...search, page: { limit: -1 } })).status).toBe(400);
    expect((await ask('search/subject', search)).body['page']).toEqual({ next_token: '', count: 2 });
  });

  it('goes through many in pages without losing or repeating any', async () => {
    const manager = await bootstrapToken(application);
    const users = Array.from({ length: 90 }, (_, index) => `reader-${String(index).padStart(3, '0')}`);
    await fetch(`${application.issuer}/api/policies`, { method: 'POST', headers: { authorization: `Bearer ${manager}`, 'content-type': 'application/json' }, body: JSON.stringify({ name: 'many', rule: { effect: 'allow', who: { users }, what: { actions: ['browse'] } } }) });
    const found: string[] = [];
    let next: string | undefined;
    for (let page = 0; page < 20 && next !== ''; page += 1) {
      const { body } = await ask('search/subject', { subject: { type: 'user' }, action: { name: 'browse' }, resource: first, page: { limit: 7, ...(next && { token: next }) } });
      found.push(...(body['results'] as { id: string }[]).map(({ id }) => id));
      next = (body['page'] as { next_token: string }).next_token;
    }
    expect(found).toEqual(users);
  });

  it.each([
    ['subject', { subject: { type: 'user' }, resource: first }, 'action is missing.'], ['subject', { subject: { type: 'user' }, action: read, resource: { type: 'record' } }, 'resource.id is missing.'], ['subject', { action: read, resource: first }, 'subject is missing.'],
    ['resource', { action: read, resource: { type: 'record' } }, 'subject is missing.'], ['resource', { subject: { type: 'user' }, action: read, resource: { type: 'record' } }, 'subject.id is missing.'], ['action', { subject: alice }, 'resource is missing.'],
  ])('for a %s that says too little is refused: %j', async (kind, body, sentence) => {
    const { status, text } = await ask(`search/${kind}`, body);
    expect([status, text]).toEqual([400, sentence]);
  });

  it('finds nothing of another organization', async () => {
    const owner = (await signIn(application, ADMIN)).accessToken;
    const other = await fetch(`${application.issuer}/api/organizations`, { method: 'POST', headers: { authorization: `Bearer ${owner}`, 'content-type': 'application/json' }, body: JSON.stringify({ name: 'Elsewhere', slug: 'elsewhere' }) });
    const { id } = await other.json() as { id: string };
    const switched = await fetch(`${application.issuer}/api/organizations/${id}/switch`, { method: 'POST', headers: { authorization: `Bearer ${owner}`, 'content-type': 'application/json' }, body: '{}' });
    const elsewhere = String((await switched.json() as { access_token: string }).access_token);
    const answer = await ask('search/subject', { subject: { type: 'agent' }, action: { name: 'issue' }, resource: { type: 'scope', id: 'weather:read' } }, { authorization: `Bearer ${elsewhere}` });
    expect([answer.status, answer.body['results']]).toEqual([200, []]);
  });
});

describe('the metadata', () => {
  it('says where everything is, to anybody', async () => {
    const { status, headers, body } = await send('/.well-known/authzen-configuration', undefined, { authorization: '', 'x-request-id': 'discovery' }, 'GET');
    const { issuer } = application;
    expect({ status, type: headers.get('content-type'), id: headers.get('x-request-id'), body }).toEqual({
      status: 200, type: 'application/json; charset=utf-8', id: 'discovery', body: {
        policy_decision_point: issuer, access_evaluation_endpoint: `${issuer}/access/v1/evaluation`, access_evaluations_endpoint: `${issuer}/access/v1/evaluations`,
        search_subject_endpoint: `${issuer}/access/v1/search/subject`, search_resource_endpoint: `${issuer}/access/v1/search/resource`, search_action_endpoint: `${issuer}/access/v1/search/action`,
      },
    });
    expect(headers.get('cache-control')).toBe('public, max-age=3600');
  });

  it('names addresses that are there', async () => {
    const { body } = await send('/.well-known/authzen-configuration', undefined, {}, 'GET');
    for (const [name, address] of Object.entries(body).filter(([one]) => one.endsWith('_endpoint'))) {
      const { status } = await send(new URL(String(address)).pathname, '{}');
      expect({ name, status }).toEqual({ name, status: 400 });
    }
  });

  it('can be used by a client that holds nothing but the scope', async () => {
    const { clientId, clientSecret } = await registerClient(application, { grant_types: ['client_credentials'], scopes: ['decisions:evaluate'] });
    const response = await fetch(`${application.issuer}/api/oauth/token`, {
      method: 'POST', headers: { authorization: `Basic ${Buffer.from(`${clientId}:${clientSecret!}`).toString('base64')}`, 'content-type': 'application/x-www-form-urlencoded' }, body: 'grant_type=client_credentials',
    });
    const { access_token: own } = await response.json() as { access_token: string };
    expect(await ask('evaluation', VALID, { authorization: `Bearer ${own}` })).toMatchObject({ status: 200, body: { decision: true } });
  });
});
