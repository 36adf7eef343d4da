import { decodeJwt } from 'jose';
import { API_SCOPES } from '../../src/modules/organizations/roles.js';
import { call } from '../support/api.js';
import { describedOperations, parametersOf, withParameters, type ApiOperation } from '../support/api-description.js';
import { signIn } from '../support/people.js';
import { ADMIN, startServer, type TestServer } from '../support/server.js';
import { BODY_REFERENCES, HOSTILE_BODIES, LOOKS_LIKE_REFERENCE, OF_THE_INSTALLATION, PARAMETERS, type Reference } from './foreign.js';
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
}, 60_000);

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
async function whatTheVictimSees(): Promise<Record<string, unknown>> {
  const seen: Record<string, unknown> = {};
  for (const { method, path } of operations) {
    if (method !== 'GET' || OF_THE_INSTALLATION.some((known) => path.startsWith(known.replace(/\/\{.*$/, '')))) continue;
    const target = withParameters(path, parametersOf(path).map((prefix) => PARAMETERS[prefix]!(victim)));
    const { status, body } = await call(server, 'GET', target, { token: victim.tokens.owner });
    seen[target] = { status, body: JSON.parse(JSON.stringify(body, (name, value: unknown) => (name === 'last_used_at' || name === 'instance' ? undefined : value))) as unknown };
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
          const isPersonsOwn = operation.scopes?.length === 0 && (caller === 'agent' || caller === 'client');
          const expected = isOfInstallation || isPersonsOwn || !mayKnock(operation, caller) ? 403 : 404;
          if (answer.status !== expected) surprises.push(`${method} ${path} by ${caller} at ${target}: ${answer.status} instead of ${expected}, ${JSON.stringify(answer.body)}`);
        }));
      }
    }
    expect(surprises).toEqual([]);
    expect(tried).toBeGreaterThan(200);
    expect(await whatTheVictimSees()).toEqual(before);
    for (const machine of [victim.agent, victim.client]) await machineToken(server, machine);
  }, 60_000);

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
  }, 60_000);

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
