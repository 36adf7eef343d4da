import { bootstrapToken, call, post } from '../support/api.js';
import { describedOperations, parametersOf, withParameters, type ApiOperation } from '../support/api-description.js';
import { concurrently, pairs } from '../support/concurrently.js';
import { addPerson, signIn } from '../support/people.js';
import { ADMIN, startServer, type TestServer } from '../support/server.js';

interface Page { data: Record<string, unknown>[]; next_cursor: string | null }

let server: TestServer;
let token: string;
let organizationId: string;
let ownId: string;
let policyId: string | undefined;
let taskId: string | undefined;
let lists: ApiOperation[];

/** How each list gets longer by one. A list that is missing here fails the test. */
const GROW: Readonly<Record<string, (index: number) => Promise<unknown>>> = {
  '/api/agents': (index) => make('/api/agents/register', { agent_name: `agent ${index}` }),
  '/api/clients': (index) => make('/api/admin/clients/register', { client_name: `client ${index}`, grant_types: ['client_credentials'], scopes: ['agents:read'] }),
  '/api/delegations': (index) => delegation(index),
  '/api/organizations': (index) => make('/api/organizations', { name: `organization ${index}` }),
  '/api/policies': (index) => make('/api/policies', { name: `policy ${index}`, rule: { effect: 'deny', who: { users: ['nobody'] } } }),
  '/api/policies/{id}/versions': () => changedPolicy(),
  '/api/resources': (index) => make('/api/resources', { identifier: `https://api${index}.example`, name: `API ${index}` }),
  '/api/scopes': (index) => make('/api/scopes', { name: `widget${index}:read` }),
  '/api/tasks': () => bootstrapToken(server),
  '/api/tools': (index) => make('/api/tools', { name: `tool${index}` }),
  '/api/users': () => addPerson(server, token, 'member'),
  '/api/admin/tokens': () => bootstrapToken(server),
  '/api/admin/audit/checkpoints': () => bootstrapToken(server).then(() => call(server, 'GET', '/api/admin/audit/checkpoints/latest', { token })),
  '/api/admin/audit/logs': (index) => make('/api/scopes', { name: `gadget${index}:read` }),
  '/api/admin/audit/task/{id}': () => goOn(),
  '/api/admin/clients/unused': (index) => make('/api/admin/clients/register', { client_name: `idle ${index}`, grant_types: ['client_credentials'], scopes: ['agents:read'] }),
  '/api/users/me/consents': (index) => consent(index),
};
/** Lists that show what another one shows. */
const THE_SAME: Readonly<Record<string, string>> = {
  '/api/agents/list': '/api/agents', '/api/scopes/registry': '/api/scopes', '/api/organizations/{id}/members': '/api/users',
  '/api/delegations/principal/{id}': '/api/delegations', '/api/admin/audit/task-chain/{id}': '/api/admin/audit/task/{id}',
};
/** Lists of more than a page, or of what takes its time, are looked at through a filter. */
const ONLY: Readonly<Record<string, string>> = { '/api/admin/audit/logs': 'type=scope.created&', '/api/admin/clients/unused': 'days=0&' };

beforeAll(async () => {
  server = await startServer();
  token = (await signIn(server, ADMIN)).accessToken;
  const me = (await call<{ subject: string; organization: { id: string } }>(server, 'GET', '/api/auth/me', { token })).body;
  [organizationId, ownId] = [me.organization.id, me.subject];
  lists = (await describedOperations(server)).filter(({ method, queryParameters }) => method === 'GET' && queryParameters.some(({ name }) => name === 'cursor'));
  for (let index = 0; index < 3; index += 1) for (const grow of Object.values(GROW)) await grow(index);
});

afterAll(() => server.stop());

async function make(path: string, body: object): Promise<Record<string, unknown>> {
  const answer = await call(server, 'POST', path, { token, body });
  if (answer.status !== 201) throw new Error(`POST ${path} answered ${answer.status}: ${JSON.stringify(answer.body)}`);
  return answer.body;
}

async function consent(index: number): Promise<void> {
  const redirectUri = 'http://127.0.0.1:49152/callback';
  const client = await make('/api/admin/clients/register', {
    client_name: `application ${index}`, grant_types: ['authorization_code'], redirect_uris: [redirectUri], token_endpoint_auth_method: 'none', scopes: ['openid', 'agents:read'],
  });
  await signIn(server, ADMIN, { client: { clientId: String(client['client_id']), redirectUri } });
}

async function delegation(index: number): Promise<void> {
  const { credentials } = await make('/api/agents/register', { agent_name: `delegate ${index} ${Math.random()}` }) as { credentials: { client_id: string; registration_token: string } };
  await call(server, 'POST', '/api/agents/activate', { body: { registration_token: credentials.registration_token } });
  await make('/api/delegations', { agent_id: credentials.client_id, scopes: ['agents:read'] });
}

async function changedPolicy(): Promise<void> {
  policyId ??= String((await make('/api/policies', { name: 'changed', rule: { effect: 'deny', who: { users: ['nobody'] } } }))['id']);
  await call(server, 'PUT', `/api/policies/${policyId}`, { token, body: { description: `change ${Math.random()}` } });
}

/** Another token in the same task. */
async function goOn(): Promise<void> {
  const { status, body } = await post(server, '/api/oauth/token', { grant_type: 'client_credentials', ...(taskId !== undefined && { task_id: taskId }) }, { basic: ['bootstrap', server.clientSecret] });
  expect(status).toBe(200);
  taskId = String(body['task_id']);
}

function keyOf(row: Record<string, unknown>): string {
  return String(row['id'] ?? row['token_id'] ?? row['client_id'] ?? row['version'] ?? row['tree_size'] ?? row['name']);
}

function at(path: string): string {
  return withParameters(path, parametersOf(path).map((prefix) => (prefix.includes('/principal/') ? ownId : prefix.includes('/policies/') ? policyId! : prefix.includes('/audit/') ? taskId! : organizationId)));
}

async function page(path: string, query: string): Promise<Page> {
  const answer = await call<Page>(server, 'GET', `${at(path)}?${ONLY[path] ?? ''}${query}`, { token });
  expect({ path, query, status: answer.status }).toEqual({ path, query, status: 200 });
  expect(Object.keys(answer.body).sort()).toEqual(['data', 'next_cursor']);
  return answer.body;
}

async function everything(path: string, limit: number, between?: () => Promise<unknown>): Promise<string[]> {
  const rows: string[] = [];
  let cursor: string | null = '';
  while (cursor !== null) {
    const { data, next_cursor }: Page = await page(path, `limit=${limit}${cursor === '' ? '' : `&cursor=${cursor}`}`);
    expect(data.length).toBeLessThanOrEqual(limit);
    if (next_cursor !== null) expect(data.length).toBe(limit);
    rows.push(...data.map(keyOf));
    if (cursor === '') await between?.();
    cursor = next_cursor;
  }
  return rows;
}

describe('every list', () => {
  it('is known here with a way to make it longer', () => {
    const known = [...Object.keys(GROW), ...Object.keys(THE_SAME)].sort();
    expect(lists.map(({ path }) => path).sort()).toEqual(known);
  });

  it('shows in pages of one what it shows at once: everything, in the same order, nothing twice', async () => {
    await concurrently(lists, async ({ path }) => {
      const whole = (await page(path, 'limit=200')).data.map(keyOf);
      expect({ path, isLong: whole.length >= 3 }).toEqual({ path, isLong: true });
      const step = Math.max(1, Math.ceil(whole.length / 8));
      expect({ path, rows: await everything(path, step) }).toEqual({ path, rows: whole });
      expect(new Set(whole).size).toBe(whole.length);
    });
  });

  it('goes on from where a page ended while rows come in, so that nothing is shown twice or left out', async () => {
    for (const [index, [path, grow]] of Object.entries(GROW).entries()) {
      const before = await everything(path, 200);
      const seen = await everything(path, 1, () => grow(100 + index));
      expect({ path, isComplete: before.every((row) => seen.includes(row)), twice: seen.length - new Set(seen).size }).toEqual({ path, isComplete: true, twice: 0 });
    }
  });

  it('goes on when the row that a page ended with is gone', async () => {
    const first = await page('/api/scopes', 'limit=1&q=widget');
    const gone = first.data[0]!;
    const rest = (await page('/api/scopes', 'limit=200&q=widget')).data.slice(1).map(({ id }) => id);
    expect((await call(server, 'DELETE', `/api/scopes/${String(gone['id'])}`, { token })).status).toBe(204);
    expect((await page('/api/scopes', `limit=200&q=widget&cursor=${first.next_cursor!}`)).data.map(({ id }) => id)).toEqual(rest);
  });

  it('takes a limit of 1 to 200 and nothing else', async () => {
    await concurrently(pairs(lists, ['0', '-1', '201', '1.5', 'abc', '', 'NaN', 'Infinity', '9007199254740993']), async ([{ path }, limit]) => {
      const answer = await call(server, 'GET', `${at(path)}?limit=${limit}`, { token });
      expect({ path, limit, status: answer.status, code: answer.body['code'] }).toEqual({ path, limit, status: 400, code: 'invalid_request' });
    });
  });

  it('takes no cursor that this server did not make for it', async () => {
    const { next_cursor: real } = await page('/api/agents', 'limit=1');
    const bytes = Buffer.from(real!, 'base64url');
    const flipped = Buffer.from(bytes);
    flipped[bytes.length - 5]! ^= 1;
    const tagged = Buffer.from(bytes);
    tagged[0]! ^= 1;
    const bare = Buffer.concat([Buffer.alloc(12), Buffer.from(JSON.stringify(['00000000-0000-0000-0000-000000000000', 'agent.id']))]);
    const forged = ['x', '%00', 'AAAA', bytes.subarray(0, 12).toString('base64url'), flipped.toString('base64url'), tagged.toString('base64url'), bare.toString('base64url'), real!.slice(0, -4)];
    await concurrently(pairs(lists, forged), async ([{ path }, cursor]) => {
      const answer = await call(server, 'GET', `${at(path)}?cursor=${cursor}`, { token });
      expect({ path, cursor, status: answer.status, code: answer.body['code'] }).toEqual({ path, cursor, status: 400, code: 'invalid_cursor' });
    });
    await concurrently(lists.filter(({ path }) => !path.startsWith('/api/agents')), async ({ path }) => {
      const answer = await call(server, 'GET', `${at(path)}?cursor=${real}`, { token });
      expect({ path, status: answer.status, code: answer.body['code'] }).toEqual({ path, status: 400, code: 'invalid_cursor' });
    });
    expect((await call(server, 'GET', `/api/agents?cursor=${'x'.repeat(1025)}`, { token })).status).toBe(400);
  });
});
