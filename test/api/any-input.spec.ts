import fc from 'fast-check';
import { describedOperations, parametersOf, withParameters, type ApiOperation, type Schema } from '../support/api-description.js';
import { concurrently } from '../support/concurrently.js';
import { call } from '../support/api.js';
import { signIn } from '../support/people.js';
import { ADMIN, startServer, type TestServer } from '../support/server.js';

/** So many bodies for each route. The seed is fixed, so that the outcome is the code's alone; another one tries other bodies. */
const TRIES = 20;
const SEED = 20_260_117;

let server: TestServer;
let token: string;
let operations: ApiOperation[];
/** Something that exists for every parameter of a path, so that the bodies get as far as they can. */
let existing: Readonly<Record<string, string>>;

beforeAll(async () => {
  server = await startServer();
  token = (await signIn(server, ADMIN)).accessToken;
  operations = (await describedOperations(server)).filter(({ path, body }) => body && /^\/(api|ssf)\//.test(path));
  const make = async (path: string, body: object) => (await call(server, 'POST', path, { token, body })).body;
  const agent = (await make('/api/agents/register', { agent_name: 'to be changed' }))['agent'] as { id: string };
  const user = String((await make('/api/users', { email: 'changed@example.com' }))['id']);
  const organization = String((await make('/api/organizations', { name: 'to be changed' }))['id']);
  await make(`/api/organizations/${organization}/members`, { user_id: user });
  existing = {
    '/api/admin/tokens/{token_id}': (await call<{ data: { token_id: string }[] }>(server, 'GET', '/api/admin/tokens?active=false', { token })).body.data[0]?.token_id ?? 'none',
    '/api/agents/{id}': agent.id,
    '/api/clients/{client_id}': String((await make('/api/admin/clients/register', { client_name: 'to be changed', grant_types: ['client_credentials'] }))['client_id']),
    '/api/organizations/{id}': organization, '/api/organizations/{id}/members/{user_id}': user,
    '/api/resources/{id}': String((await make('/api/resources', { identifier: 'https://changed.example', name: 'to be changed' }))['id']),
    '/api/scopes/{id}': String((await make('/api/scopes', { name: 'changed:read' }))['id']),
    '/api/users/{id}': user,
  };
});

afterAll(() => server.stop());

/** Texts that have broken programs before. */
const nastyText = fc.constantFrom(
  '', ' ', '\0', '\u0007', 'a\u202Eb', '\uD800', '%00', '__proto__', 'constructor', 'toString', 'null', 'undefined', "' OR 1=1 --", '${7*7}', '{{7*7}}', '<script>', '../../etc/passwd',
  '\\', '"', 'https://', 'https://[::1', 'http://a:b@c', 'javascript:alert(1)', 'urn:x', 'https://example.com/#', 'data:,x', 'a@b', 'a@b.c', '\u00e4@\u00f6.de', 'x'.repeat(255), 'x'.repeat(2049),
  '1e999', '-0', 'NaN', '2024-02-30T00:00:00Z', '9999-12-31T23:59:60Z', '+275760-09-13T00:00:00.001Z', '0000-00-00T00:00:00Z', '2030-01-31T12:00:00+99:99', 'lgt_client_', 'eyJ.e30.', 'a b',
);
const anything = fc.oneof(
  { weight: 3, arbitrary: nastyText },
  { weight: 2, arbitrary: fc.string({ unit: 'grapheme', maxLength: 60 }) },
  fc.double(), fc.integer(), fc.boolean(), fc.constant(null),
  fc.array(nastyText, { maxLength: 5 }), fc.constant(Array.from({ length: 300 }, (_, index) => `scope${index}:read`)),
  fc.dictionary(fc.oneof(nastyText, fc.string({ maxLength: 8 })), fc.jsonValue({ maxDepth: 2 }), { maxKeys: 4 }),
  fc.jsonValue({ maxDepth: 3 }),
);

/** What a schema asks for, more or less: right often enough that what is wrong beside it is met by the code behind. */
function likely(schema: Schema): fc.Arbitrary<unknown> {
  if (schema.enum) return fc.constantFrom(...schema.enum);
  if (schema.type === 'boolean') return fc.boolean();
  if (schema.type === 'array') return fc.array(fc.oneof(likely(schema.items ?? {}), nastyText), { maxLength: 4 });
  if (schema.type === 'number' || schema.type === 'integer') return fc.oneof(fc.integer({ min: -10, max: 100_000 }), fc.double());
  if (schema.type === 'object' || schema.properties) return fc.oneof(fc.constant({ keys: [] }), fc.dictionary(fc.string({ maxLength: 8 }), fc.jsonValue({ maxDepth: 2 }), { maxKeys: 3 }), fc.constant({ keys: [{ kty: 'EC' }] }));
  return fc.oneof(
    fc.constantFrom('agents:read', 'client_credentials', 'authorization_code', 'https://example.com/callback', 'private_key_jwt', 'someone@example.com', '2030-01-31T12:00:00Z', 'weather:read', 'none'),
    fc.uuid(), fc.string({ minLength: 1, maxLength: 20 }), nastyText,
  );
}

function bodyFor(schema: Schema): fc.Arbitrary<unknown> {
  const members = Object.fromEntries(Object.entries(schema.properties ?? {}).map(([name, member]) => [name, fc.oneof({ weight: 4, arbitrary: likely(member) }, { weight: 1, arbitrary: anything })]));
  const shaped = fc.record(members, { requiredKeys: [...schema.required ?? []].filter((name) => name in members) });
  return fc.oneof({ weight: 6, arbitrary: shaped }, { weight: 1, arbitrary: fc.record(members, { requiredKeys: [] }) }, { weight: 1, arbitrary: anything });
}

it('any body of any route gets an answer that is no defect: done, or refused with a problem that says why', async () => {
  expect(operations.length).toBeGreaterThan(20);
  let tried = 0;
  await concurrently(operations, async ({ method, path, body }) => {
    const target = withParameters(path, parametersOf(path).map((prefix) => existing[prefix] ?? '01890000-0000-7000-8000-000000000000'));
    await fc.assert(fc.asyncProperty(bodyFor(body!), async (given) => {
      tried += 1;
      const answer = await call(server, method, target, { token, body: given });
      if (answer.status < 300) return;
      const refusal = { status: answer.status, type: answer.headers.get('content-type'), code: answer.body['code'] };
      if (answer.status >= 500 || ['invalid_token', 'token_required'].includes(String(refusal.code)) || refusal.type !== 'application/problem+json' || !/^[a-z][a-z0-9_]+$/.test(String(refusal.code))) {
        throw new Error(`${method} ${target} answered ${JSON.stringify(refusal)} to ${JSON.stringify(given)}`);
      }
    }), { numRuns: TRIES, seed: SEED });
  }, 6);
  expect(tried).toBe(operations.length * TRIES);
  // What was tried has left the server able to serve, and no defect in its log.
  expect((await call(server, 'GET', '/api/auth/me', { token })).status).toBe(200);
  expect(server.output()).not.toMatch(/"level":"(error|fatal)"|a request failed because of a defect/);
});
