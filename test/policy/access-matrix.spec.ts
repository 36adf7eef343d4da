import { readFileSync, writeFileSync } from 'node:fs';
import { newId } from '../../src/kernel/ids.js';
import { call, post } from '../support/api.js';
import { startApplication, type TestApplication } from '../support/application.js';
import { registerAgent } from '../support/clients.js';
import { declaredRoutes, undeclared, type DeclaredRoute } from '../support/declared-routes.js';
import { addPerson, signIn } from '../support/people.js';
import { ADMIN } from '../support/server.js';
import { differences, matrixText, ROLES, type MatrixRow, type MatrixRole } from './matrix.js';
import { FRAMEWORK_ROUTES, isFrameworkRoute, PROTOCOL_ENDPOINTS } from './undeclared-routes.js';

const COMMITTED = 'test/policy/access-matrix.txt';
/** What the agent of the matrix may do: read a demo. A token without any scope does not exist. */
const HARMLESS_SCOPE = 'stocks:read';

let application: TestApplication;
let declared: DeclaredRoute[];
let tokens: Partial<Record<MatrixRole, string>>;
/** A token of the client with exactly these scopes. */
let exactToken: (scopes: readonly string[]) => Promise<string>;

beforeAll(async () => {
  declared = await declaredRoutes();
  application = await startApplication({ LEGATE_METRICS_TOKEN: 'not an access token, ever' });
  const administrator = (await signIn(application, ADMIN)).accessToken;
  tokens = { 'platform administrator': administrator };
  for (const role of ['owner', 'admin', 'member'] as const) tokens[role] = (await signIn(application, await addPerson(application, administrator, role))).accessToken;
  const agent = await registerAgent(application, { scopes: [HARMLESS_SCOPE] });
  tokens['agent'] = await clientToken(agent, HARMLESS_SCOPE);
  const scopes = [...new Set([HARMLESS_SCOPE, ...declared.flatMap(({ access }) => (access?.kind === 'scopes' ? access.scopes : []))])];
  const client = await registerClientWithAll(administrator, scopes);
  const known = new Map<string, string>();
  exactToken = async (wanted) => {
    const scope = wanted.length === 0 ? HARMLESS_SCOPE : wanted.join(' ');
    const token = known.get(scope) ?? await clientToken(client, scope);
    known.set(scope, token);
    return token;
  };
});

afterAll(() => application.stop());

async function registerClientWithAll(token: string, scopes: string[]) {
  const { status, body } = await call(application, 'POST', '/api/admin/clients/register', { token, body: { client_name: 'exact', grant_types: ['client_credentials'], scopes } });
  expect(status).toBe(201);
  return { clientId: String(body['client_id']), clientSecret: String(body['client_secret']) };
}

async function clientToken({ clientId, clientSecret }: { clientId: string; clientSecret?: string }, scope: string): Promise<string> {
  const { body } = await post(application, '/api/oauth/token', { grant_type: 'client_credentials', scope }, { basic: [clientId, clientSecret!] });
  return String(body['access_token']);
}

/** Calls a route with ids of nothing and, where it takes a body, an empty one, and says how it was met. */
async function knock(method: string, path: string, token: string | undefined): Promise<string> {
  return outcomeOf(method, path, {
    ...(token && { authorization: `Bearer ${token}` }), ...(hasBody(method) && { 'content-type': 'application/json' }),
  }, hasBody(method) ? '{}' : undefined);
}

/** Where a client has to say who it is, an access token is tried in the place of its secret. */
async function knockAtProtocol(method: string, path: string, rule: string, token: string | undefined): Promise<string> {
  if (rule !== 'client authentication') return outcomeOf(method, path, { ...(token && { authorization: `Bearer ${token}` }), ...(hasBody(method) && FORM) }, hasBody(method) ? '' : undefined);
  const form = new URLSearchParams({ grant_type: 'client_credentials', token: 'none', client_id: 'nobody', client_secret: token ?? 'none' });
  return outcomeOf(method, path, FORM, form.toString());
}

async function outcomeOf(method: string, path: string, headers: Record<string, string>, body: string | undefined): Promise<string> {
  const response = await fetch(`${application.issuer}${path.replaceAll(/\{\w+\}/g, () => newId())}`, { method, redirect: 'manual', headers, body });
  // A stream of events has no end.
  const isStream = response.headers.get('content-type')?.startsWith('text/event-stream');
  const text = isStream ? '' : await response.text();
  if (isStream) await response.body?.cancel();
  if (response.status >= 500 || text.includes('"route_not_found"')) throw new Error(`${method} ${path} answered ${response.status}: ${text.slice(0, 500)}`);
  return response.status === 401 || response.status === 403 ? String(response.status) : 'allowed';
}

const FORM = { 'content-type': 'application/x-www-form-urlencoded' };

function hasBody(method: string): boolean {
  return ['POST', 'PUT', 'PATCH'].includes(method);
}

async function rowOf(route: string, rule: string, knockAs: (token: string | undefined) => Promise<string>, scopes: readonly string[] = []): Promise<MatrixRow> {
  const exact = await exactToken(scopes);
  const outcomes = await Promise.all(ROLES.map((role) => knockAs(role === 'anonymous' ? undefined : role === 'client' ? exact : tokens[role])));
  return { route, rule, outcomes };
}

describe('access to every route', () => {
  it('is declared by every method of every controller', () => {
    expect(undeclared(declared)).toEqual([]);
    expect(declared.length).toBeGreaterThan(50);
  });

  it('is known for everything that the router was told: nothing hides beside the controllers', () => {
    const known = new Set(declared.map(({ method, path }) => `${method} ${path}`));
    const unknown = application.routes.map(({ method, pattern }) => ({ method, path: pattern.replaceAll(/:(\w+)/g, '{$1}') }))
      .filter(({ method, path }) => method !== 'HEAD' && !known.has(`${method} ${path}`) && !isFrameworkRoute(method, path));
    expect(application.routes.length).toBeGreaterThan(declared.length);
    expect(unknown).toEqual([]);
  });

  it('is known for every endpoint that discovery names', async () => {
    const { body } = await call<Record<string, unknown>>(application, 'GET', '/.well-known/openid-configuration');
    const named = Object.entries(body).filter(([name, value]) => /_(endpoint|uri)$/.test(name) && typeof value === 'string').map(([, value]) => new URL(String(value)).pathname);
    expect(named.length).toBeGreaterThan(5);
    expect(named.filter((path) => ![...PROTOCOL_ENDPOINTS, ...declared].some((endpoint) => endpoint.path === path))).toEqual([]);
  });

  it('is the same for HEAD as for GET', async () => {
    const guarded = declared.filter(({ method, access }) => method === 'GET' && access?.kind !== 'public');
    for (const { path } of guarded) expect({ path, outcome: await knock('HEAD', path, undefined) }).toEqual({ path, outcome: '401' });
  });

  it('is what the committed matrix says, for every role, when it is really tried', async () => {
    const rows: MatrixRow[] = [];
    for (const { method, path, access } of declared) {
      const scopes = access?.kind === 'scopes' ? access.scopes : [];
      rows.push(await rowOf(`${method} ${path}`, access?.kind === 'scopes' ? scopes.join(' ') : access?.kind ?? 'undeclared', (token) => knock(method, path, token), scopes));
    }
    for (const { method, path, rule } of FRAMEWORK_ROUTES) rows.push(await rowOf(`${method} ${path}`, rule, (token) => knock(method, path, token)));
    for (const { methods, path, rule } of PROTOCOL_ENDPOINTS) {
      for (const method of methods) rows.push(await rowOf(`${method} ${path}`, rule, (token) => knockAtProtocol(method, path, rule, token)));
    }
    // A walk that ends a token of its own would show as refusals further down.
    for (const token of Object.values(tokens)) expect((await call(application, 'GET', '/api/auth/me', { token })).status).toBe(200);

    const actual = matrixText(rows);
    if (process.env['UPDATE_ACCESS_MATRIX'] === '1') writeFileSync(COMMITTED, actual);
    const changes = differences(readFileSync(COMMITTED, 'utf8'), actual);
    if (changes !== '') {
      throw new Error(`Who may call what has changed:\n\n${changes}\n\nIf that is meant, run "UPDATE_ACCESS_MATRIX=1 npm test -- test/policy" and commit ${COMMITTED}.`);
    }
  });
});
