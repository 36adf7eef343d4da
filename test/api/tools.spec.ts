import { bootstrapToken, call, type Answer } from '../support/api.js';
import { startApplication, type TestApplication } from '../support/application.js';
import { addPerson, signIn } from '../support/people.js';

describe('tools over the REST API', () => {
  let server: TestApplication;
  let admin: string;

  beforeAll(async () => {
    server = await startApplication();
    admin = await bootstrapToken(server);
  });
  afterAll(() => server.stop());

  const send = (method: string, path: string, body?: unknown, token = admin): Promise<Answer> => call(server, method, path, { token, body });
  const outcome = ({ status, body }: Answer) => ({ status, code: body['code'] });

  it('are made, shown, changed, put out of use and deleted', async () => {
    const made = await send('POST', '/api/tools', {
      name: 'get_forecast', description: 'Tells the weather.', category: 'weather', permissions_required: ['weather:read'], cost_usd: 0.0125,
      input_schema: { type: 'object', properties: { city: { type: 'string', pattern: '^\\p{L}+$' } }, required: ['city'] },
    });
    const { id } = made.body as { id: string };
    expect({ status: made.status, location: made.headers.get('location') }).toEqual({ status: 201, location: `/api/tools/${id}` });
    expect(made.body).toEqual({
      id, name: 'get_forecast', description: 'Tells the weather.', category: 'weather', permissions_required: ['weather:read'], resource: null, cost_usd: '0.0125', is_active: true,
      input_schema: { type: 'object', properties: { city: { type: 'string', pattern: '^\\p{L}+$' } }, required: ['city'] }, created_at: expect.any(String), updated_at: expect.any(String),
    });
    expect((await send('GET', `/api/tools/${id}`)).body).toEqual(made.body);
    expect((await send('GET', '/api/tools?category=weather')).body).toEqual({ data: [made.body], next_cursor: null });
    expect((await send('PUT', `/api/tools/${id}`, { cost_usd: '3', resource: `${server.issuer}/api` })).body).toMatchObject({ cost_usd: '3', resource: `${server.issuer}/api`, description: 'Tells the weather.' });
    expect((await send('POST', `/api/tools/${id}/deactivate`)).body).toMatchObject({ id, is_active: false });
    expect((await send('POST', `/api/tools/${id}/activate`)).body).toMatchObject({ id, is_active: true });
    expect(outcome(await send('POST', '/api/tools', { name: 'get_forecast' }))).toEqual({ status: 409, code: 'tool_name_taken' });
    expect((await send('DELETE', `/api/tools/${id}`)).status).toBe(204);
    expect(outcome(await send('GET', `/api/tools/${id}`))).toEqual({ status: 404, code: 'tool_not_found' });
  });

  it.each<[string, object, string]>([
    ['a name with a space', { name: 'a b' }, 'invalid_request'],
    ['no name', {}, 'invalid_request'],
    ['a negative cost', { name: 'x', cost_usd: -1 }, 'invalid_request'],
    ['a cost of seven decimals', { name: 'x', cost_usd: '0.0000001' }, 'invalid_request'],
    ['a cost that is a list', { name: 'x', cost_usd: ['1'] }, 'invalid_request'],
    ['a schema that is text', { name: 'x', input_schema: 'object' }, 'invalid_request'],
    ['a schema that is too large', { name: 'x', input_schema: { description: 'x'.repeat(32_768) } }, 'invalid_request'],
    ['a schema that is none', { name: 'x', input_schema: { type: 'objekt' } }, 'invalid_input_schema'],
    ['a schema that refers elsewhere', { name: 'x', input_schema: { $ref: 'http://169.254.169.254/' } }, 'invalid_input_schema'],
    ['a pattern that looks ahead', { name: 'x', input_schema: { properties: { a: { pattern: '(?!x)' } } } }, 'invalid_input_schema'],
    ['an unknown scope', { name: 'x', permissions_required: ['nobody:knows'] }, 'unknown_scope'],
    ['an unknown resource', { name: 'x', resource: 'https://nobody.example' }, 'unknown_resource'],
    ['an organization', { name: 'x', organization_id: '01890000-0000-7000-8000-000000000000' }, 'invalid_request'],
    ['a state of its own', { name: 'x', is_active: false }, 'invalid_request'],
  ])('are refused with %s, in a clear sentence', async (_what, body, code) => {
    const answer = await send('POST', '/api/tools', body);
    expect(outcome(answer)).toEqual({ status: 400, code });
    expect(String(answer.body['detail'])).toMatch(/^["A-Z].*\.$/s);
  });

  it('keep their names', async () => {
    const { body: { id } } = await send('POST', '/api/tools', { name: 'kept' });
    expect(outcome(await send('PUT', `/api/tools/${String(id)}`, { name: 'other' }))).toEqual({ status: 400, code: 'invalid_request' });
  });

  it('are given to agents and taken away by whoever manages them and holds what they require', async () => {
    const free = String((await send('POST', '/api/tools', { name: 'free' })).body['id']);
    const guarded = String((await send('POST', '/api/tools', { name: 'guarded', permissions_required: ['users:write'] })).body['id']);
    const member = (await signIn(server, await addPerson(server, admin, 'member'))).accessToken;
    const registered = await call<{ agent: { id: string } }>(server, 'POST', '/api/agents/register', { token: member, body: { agent_name: 'helper', scopes: [], tool_ids: [free] } });
    expect(registered.status).toBe(201);
    const path = `/api/agents/${registered.body.agent.id}/tools`;
    expect(outcome(await send('POST', `${path}/${guarded}`, undefined, member))).toEqual({ status: 403, code: 'scopes_not_held' });
    const assigned = await send('POST', `${path}/${guarded}`);
    expect({ status: assigned.status, location: assigned.headers.get('location'), body: assigned.body }).toMatchObject({
      status: 201, location: path, body: { id: guarded, name: 'guarded', permissions_required: ['users:write'], resource: null, is_active: true },
    });
    const listed = await call<{ data: { name: string }[]; next_cursor: null }>(server, 'GET', path, { token: member });
    expect({ names: listed.body.data.map(({ name }) => name), next: listed.body.next_cursor }).toEqual({ names: ['free', 'guarded'], next: null });
    expect((await send('DELETE', `${path}/${guarded}`, undefined, member)).status).toBe(204);
    expect(outcome(await send('DELETE', `${path}/${guarded}`))).toEqual({ status: 404, code: 'tool_not_assigned' });
    expect(outcome(await send('POST', '/api/tools', { name: 'mine' }, member))).toEqual({ status: 403, code: 'insufficient_scope' });
  });
});
