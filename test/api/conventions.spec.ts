import { call, type Answer } from '../support/api.js';
import { describedOperations, parametersOf, withParameters, type ApiOperation, type Schema } from '../support/api-description.js';
import { concurrently, pairs } from '../support/concurrently.js';
import { signIn } from '../support/people.js';
import { ADMIN, startServer, type TestServer } from '../support/server.js';

let server: TestServer;
let token: string;
let operations: ApiOperation[];

beforeAll(async () => {
  server = await startServer();
  token = (await signIn(server, ADMIN)).accessToken;
  operations = (await describedOperations(server)).filter(({ path }) => path.startsWith('/api/'));
});

afterAll(() => server.stop());

/** A path with ids of nothing. */
function somewhere(path: string): string {
  return withParameters(path, parametersOf(path).map(() => '01890000-0000-7000-8000-000000000000'));
}

async function send(operation: Pick<ApiOperation, 'method' | 'path'>, body: string, contentType = 'application/json'): Promise<Answer> {
  const response = await fetch(server.issuer + somewhere(operation.path), { method: operation.method, headers: { authorization: `Bearer ${token}`, 'content-type': contentType }, body });
  return { status: response.status, headers: response.headers, body: JSON.parse(await response.text()) as Record<string, unknown> };
}

function fieldsOf({ body }: Answer): string[] {
  return ((body['errors'] ?? []) as { field: string }[]).map(({ field }) => field);
}

const withBody = () => operations.filter(({ body }) => body);
const name = ({ method, path }: ApiOperation) => `${method} ${path}`;

/** RFC 9457, and nothing in it that was not meant for the caller. */
function expectProblem(answer: Answer, status: number, code: string, where: string): void {
  expect({ where, status: answer.status, body: answer.body }).toEqual({
    where, status, body: expect.objectContaining({ type: 'about:blank', title: expect.any(String), status, code, detail: expect.stringMatching(/^([A-Z]|"[^"]+" ).*[.…]$/), instance: answer.headers.get('x-request-id') }),
  });
  expect(answer.headers.get('content-type')).toBe('application/problem+json');
  expect(JSON.stringify(answer.body)).not.toMatch(/node_modules|\.js:\d+|at \w+ \(/);
}

describe('a body', () => {
  it('has to be JSON, and is read as nothing else', async () => {
    const others = ['text/plain', 'application/x-www-form-urlencoded', 'application/xml', 'multipart/form-data; boundary=x', 'application/jsonp'];
    // The page of the first start sends its form without script too; the one-time secret in it is what no other site knows.
    const isSetUpByForm = ([{ path }, contentType]: readonly [ApiOperation, string]) => path === '/api/setup' && contentType.endsWith('urlencoded');
    await concurrently(pairs(withBody(), others).filter((pair) => !isSetUpByForm(pair)), async ([operation, contentType]) => {
      const answer = await send(operation, 'name=x', contentType);
      expectProblem(answer, 415, 'unsupported_media_type', `${name(operation)} ${contentType}`);
      expect(answer.body['detail']).toMatch(operation.path === '/api/setup' ? /JSON or a form/ : /must be JSON,/);
    });
  });

  it('has to be valid JSON', async () => {
    await concurrently(pairs(withBody(), ['{"a":', '{"a":1}}', '\u0000', 'NaN']), async ([operation, text]) => {
      expectProblem(await send(operation, text), 400, 'invalid_json', `${name(operation)} ${text}`);
    });
  });

  it('has to be an object', async () => {
    await concurrently(pairs(withBody(), ['[{}]', '"text"', '1']), async ([operation, text]) => {
      expectProblem(await send(operation, text), 400, 'invalid_request', `${name(operation)} ${text}`);
    });
  });

  it('must not reach for the prototype of things', async () => {
    const texts = ['{"__proto__":{"is_platform_administrator":true}}', '{"constructor":{"prototype":{"role":"owner"}}}'];
    await concurrently(pairs(withBody(), texts), async ([operation, text]) => {
      expect({ where: name(operation), status: (await send(operation, text)).status }).toEqual({ where: name(operation), status: 400 });
    });
  });

  it('is at most 64 KiB', async () => {
    const most = 64 * 1024;
    const fits = `{"filler":"${'x'.repeat(most - 13)}"}`;
    expect(fits.length).toBe(most);
    await concurrently(withBody(), async (operation) => {
      expectProblem(await send(operation, `${fits} `), 413, 'body_too_large', name(operation));
      expectProblem(await send(operation, fits), 400, 'invalid_request', name(operation));
    });
  });

  it('may be nested as deep as it fits, and is refused in a sentence', async () => {
    const deep = `${'['.repeat(30_000)}${']'.repeat(30_000)}`;
    await concurrently(withBody(), async (operation) => {
      const members = Object.keys(operation.body!.properties ?? {});
      for (const text of [deep, `{"filler":${deep}}`, `{${members.map((member) => JSON.stringify(member)).join(':0,')}:${deep}}`]) {
        const answer = await send(operation, text);
        expect({ where: name(operation), status: answer.status }).toEqual({ where: name(operation), status: 400 });
      }
    });
  });

  it('has no members that the route does not know, whatever they would set: each is refused by name', async () => {
    const privileged = [
      'id', 'organization_id', 'tenant_id', 'owner', 'owner_id', 'owner_user_id', 'user_id', 'role', 'roles', 'status', 'kind', 'is_platform_administrator', 'is_built_in', 'is_first_party',
      'client_id', 'client_secret', 'secret', 'trust_level', 'limits', 'agent_limits', 'version', 'created_at', 'activated_at', 'email_verified', 'password_hash',
      'active_organization_id', 'home_organization_id', 'nonsense',
    ];
    await concurrently(withBody(), async (operation) => {
      const unknown = privileged.filter((member) => !(member in (operation.body!.properties ?? {})));
      expect(unknown.length).toBeGreaterThan(15);
      // Few at a time, since an answer names no more than twenty.
      for (let at = 0; at < unknown.length; at += 9) {
        const some = unknown.slice(at, at + 9);
        const answer = await call(server, operation.method, somewhere(operation.path), { token, body: Object.fromEntries(some.map((member) => [member, 'owner'])) });
        expect({ where: name(operation), some, status: answer.status }).toEqual({ where: name(operation), some, status: 400 });
        expect(fieldsOf(answer)).toEqual(expect.arrayContaining(some));
      }
    });
  });
});

describe('a name', () => {
  const UNSEEN: Record<string, string> = {
    'NUL': 'a\u0000b', 'a control character': 'a\u0007b', 'a line break': 'a\nb', 'C1 control': 'a\u0085b', 'a right-to-left override': 'a\u202Eb', 'an isolate': 'a\u2066b',
    'an Arabic letter mark': 'a\u061Cb', 'a zero-width space': 'a\u200Bb', 'a soft hyphen': 'a\u00ADb', 'a byte order mark': '\uFEFFab', 'a line separator': 'a\u2028b', 'a tag character': 'a\u{E0041}b',
    'half of a surrogate pair': 'a\uD800b', 'nothing': '', 'only spaces': '   ', 'spaces around it': ' ab ', 'too many characters': 'x'.repeat(10_000),
  };
  const NAMES = /^(name|\w+_name|label|category|agent_(model|version|provider))$/;
  // A name that is only looked for may hold anything: it is not found.
  const named = () => withBody().filter(({ path }) => path !== '/api/auth/login').map((operation) => ({ operation, members: Object.keys(operation.body!.properties ?? {}).filter((member) => NAMES.test(member)) }));

  it('holds nothing that a person would not see', async () => {
    expect(named().flatMap(({ members }) => members).length).toBeGreaterThan(12);
    await concurrently(pairs(named().filter(({ members }) => members.length > 0), Object.entries(UNSEEN)), async ([{ operation, members }, [kind, value]]) => {
      const answer = await call(server, operation.method, somewhere(operation.path), { token, body: Object.fromEntries(members.map((member) => [member, value])) });
      const accepted = members.filter((member) => !fieldsOf(answer).includes(member));
      // Names of scopes have a rule of their own, and say so.
      expect({ where: name(operation), kind, status: answer.status, accepted }).toEqual({ where: name(operation), kind, status: 400, accepted: [] });
    });
  });

  it('may be written in any script', async () => {
    for (const text of ['Ärger & Söhne', 'شركة المثال', '株式会社', 'עוזר', '👩🏽 agent ❤️', "O'Brien \"x\" <b>%_\\"]) {
      const made = await call<{ agent: { id: string; agent_name: string } }>(server, 'POST', '/api/agents/register', { token, body: { agent_name: text } });
      expect({ text, status: made.status, as: made.body.agent.agent_name }).toEqual({ text, status: 201, as: text });
      const found = await call<{ data: { id: string }[] }>(server, 'GET', `/api/agents?q=${encodeURIComponent(text)}`, { token });
      expect({ text, found: found.body.data.map(({ id }) => id) }).toEqual({ text, found: [made.body.agent.id] });
    }
  });

  it('is searched for literally', async () => {
    await call(server, 'POST', '/api/agents/register', { token, body: { agent_name: 'hundred percent' } });
    for (const pattern of ['%percent%', 'hundred_percent', 'hundred%']) {
      const found = await call<{ data: unknown[] }>(server, 'GET', `/api/agents?q=${encodeURIComponent(pattern)}`, { token });
      expect({ pattern, found: found.body.data }).toEqual({ pattern, found: [] });
    }
  });
});

describe('an address', () => {
  it('that does not exist is 404, and a method that it does not take 405 with those that it does', async () => {
    expectProblem(await call(server, 'GET', '/api/nothing', { token }), 404, 'route_not_found', '/api/nothing');
    const methods = new Map<string, string[]>();
    for (const { method, path } of operations) methods.set(somewhere(path), [...methods.get(somewhere(path)) ?? [], method]);
    for (const [path, taken] of methods) {
      const answer = await call(server, 'PATCH', path, { token });
      expectProblem(answer, 405, 'method_not_allowed', path);
      expect({ path, allow: taken.filter((method) => !answer.headers.get('allow')!.split(', ').includes(method)) }).toEqual({ path, allow: [] });
    }
  });

  it('with an id that is none is 404, however odd', async () => {
    const odd = ['nothing', '%00', '%F0%9F%91%BB', '..%2f..%2fadmin', "'; DROP TABLE agents; --", '%C3%28', 'x'.repeat(256), 'x'.repeat(300)];
    await concurrently(pairs(operations.filter((operation) => operation.path.includes('{') && !operation.body), odd), async ([{ method, path }, id]) => {
      const target = path.replaceAll(/\{\w+\}/g, () => (id.includes('%') ? id : encodeURIComponent(id)));
      const answer = await call(server, method, target, { token });
      expect({ method, target, isRefused: [400, 404, 414].includes(answer.status), code: typeof answer.body['code'] }).toEqual({ method, target, isRefused: true, code: 'string' });
    });
  });
});

describe('a query', () => {
  it('is held to what the route declares', async () => {
    const nasty = ['%00', '%ED%A0%80', 'x'.repeat(2000), "'%20OR%201=1--", '1e999', '%F0%9F%91%BB'];
    await concurrently(operations.filter(({ method, queryParameters }) => method === 'GET' && queryParameters.length > 0), async ({ path, queryParameters }) => {
      const base = somewhere(path);
      expectProblem(await call(server, 'GET', `${base}?nonsense=1`, { token }), 400, 'invalid_request', base);
      // Every list takes these two in the same way.
      for (const { name: parameter } of queryParameters.filter((given) => path === '/api/agents' || !['limit', 'cursor'].includes(given.name))) {
        const queries = [...nasty.map((value) => `${parameter}=${value}`), `${parameter}=a&${parameter}=b`, `${parameter}[a]=b`, `${parameter}[]=b`, `__proto__=1&${parameter}=x`];
        for (const query of queries) {
          const answer = await call(server, 'GET', `${base}?${query}`, { token });
          expect({ base, query, isAnswered: answer.status < 500 }).toEqual({ base, query, isAnswered: true });
          if (answer.status >= 400) expect(answer.headers.get('content-type')).toBe('application/problem+json');
        }
      }
    });
  });
});

describe('the description of the API', () => {
  it('describes the members of every body', () => {
    const undescribed = withBody().filter(({ body }) => Object.keys((body as Schema).properties ?? {}).length === 0).map(name);
    expect(undescribed).toEqual([]);
  });
});
