import { request } from 'node:http';
import { call, introspect, post, type Answer } from '../support/api.js';
import { startApplication, type TestApplication } from '../support/application.js';
import { MACHINE_CLIENT, registerClient } from '../support/clients.js';

const PATH = '/api/oauth/token';
const FORM = 'application/x-www-form-urlencoded';

describe('the token endpoint (RFC 6749 section 3.2)', () => {
  let server: TestApplication;
  let basic: [string, string];

  beforeAll(async () => {
    server = await startApplication();
    const { clientId, clientSecret } = await registerClient(server, MACHINE_CLIENT);
    basic = [clientId, clientSecret!];
  });
  afterAll(() => server.stop());

  const authorization = () => `Basic ${Buffer.from(basic.map(encodeURIComponent).join(':')).toString('base64')}`;
  const send = async (body: string, type: string = FORM, headers: Record<string, string> = {}): Promise<{ status: number; type: string | null; body: Record<string, unknown> }> => {
    const response = await fetch(server.issuer + PATH, { method: 'POST', body, headers: { authorization: authorization(), 'content-type': type, accept: 'text/html', ...headers } });
    return { status: response.status, type: response.headers.get('content-type'), body: await response.json() as Record<string, unknown> };
  };
  const refused = (error: string, status = 400) => ({ status, type: expect.stringContaining('application/json'), body: { error, error_description: expect.any(String) } });

  it.each([
    ['grant_type=client_credentials&grant_type=client_credentials'], ['grant_type=client_credentials&scope=weather:read&scope=agents:read'],
    ['grant_type=client_credentials&client_id=a&client_id=a'], ['grant_type=client_credentials&scope=weather%3Aread&scope='],
  ])('refuses parameters that come twice: %s', async (body) => {
    expect(await send(body)).toEqual(refused('invalid_request'));
  });

  it.each<[string, string, string]>([
    ['JSON', '{"grant_type":"client_credentials"}', 'application/json'],
    ['plain text', 'grant_type=client_credentials', 'text/plain'],
    ['a form for files', '--x\r\ncontent-disposition: form-data; name="grant_type"\r\n\r\nclient_credentials\r\n--x--', 'multipart/form-data; boundary=x'],
    ['a type that only begins like a form', 'grant_type=client_credentials', `${FORM}x`],
  ])('takes forms and nothing else, such as %s', async (_name, body, type) => {
    expect(await send(body, type)).toEqual(refused('invalid_request'));
  });

  it.each(['refresh_token', 'authorization_code'])('says unauthorized_client to a client that is not registered for the grant %s (section 5.2)', async (grant) => {
    expect(await send(`grant_type=${grant}&refresh_token=x&code=x`)).toEqual(refused('unauthorized_client'));
  });

  it('takes a form whatever its charset and case', async () => {
    expect(await send('grant_type=client_credentials', 'Application/X-WWW-Form-Urlencoded; charset=UTF-8')).toMatchObject({ status: 200 });
  });

  it('refuses bodies of more than 56 KiB, announced or not, and goes on with the next', async () => {
    const long = `grant_type=client_credentials&filler=${'x'.repeat(57 * 1024)}`;
    const announced = await send(long);
    expect([400, 413]).toContain(announced.status);
    expect(announced.body['error']).toBe('invalid_request');
    const streamed = await new Promise<number>((resolve, reject) => {
      const sending = request(server.issuer + PATH, { method: 'POST', headers: { authorization: authorization(), 'content-type': FORM, 'transfer-encoding': 'chunked' } }, (response) => { response.resume(); resolve(response.statusCode!); });
      sending.on('error', reject);
      for (let sent = 0; sent < long.length; sent += 8192) sending.write(long.slice(sent, sent + 8192));
      sending.end();
    });
    expect([400, 413]).toContain(streamed);
    expect(await send(`grant_type=client_credentials&filler=${'x'.repeat(50 * 1024)}`)).toMatchObject({ status: 200 });
  });

  it.each(['GET', 'PUT', 'DELETE', 'PATCH'])('answers %s with 405, in JSON, and says what it takes', async (method) => {
    for (const path of [PATH, '/api/oauth/introspect', '/api/oauth/revoke', '/api/oauth/par', '/API/OAUTH/TOKEN/']) {
      const { status, headers, body } = await call(server, method, path, { headers: { accept: 'text/html' } });
      expect({ path, status, error: body['error'] }).toEqual({ path, status: 405, error: 'invalid_request' });
      expect(headers.get('content-type')).toContain('application/json');
      expect(headers.get('allow')).toBe('POST, OPTIONS');
      expect(headers.get('cache-control')).toContain('no-store');
    }
  });

  it.each<[string, Record<string, string>, string]>([
    ['without a grant type', {}, 'invalid_request'],
    ['for an unknown grant', { grant_type: 'urn:example:magic' }, 'unsupported_grant_type'],
    ['for the password grant', { grant_type: 'password', username: 'a', password: 'b' }, 'unsupported_grant_type'],
    ['for a grant that is a member of every object', { grant_type: 'constructor' }, 'unsupported_grant_type'],
    ['for a scope with characters that scopes do not have', { grant_type: 'client_credentials', scope: 'a"b' }, 'invalid_scope'],
    ['for a resource that is no URI', { grant_type: 'client_credentials', resource: 'not a uri' }, 'invalid_target'],
    ['for a resource with a fragment', { grant_type: 'client_credentials', resource: 'https://a.example/#x' }, 'invalid_target'],
  ])('refuses a request %s', async (_name, form, error) => {
    expect(await send(new URLSearchParams(form).toString())).toEqual(refused(error));
  });

  it.each(['grant_type', 'scope', 'resource', 'client_id', 'client_secret', 'code', 'refresh_token', 'code_verifier', 'redirect_uri', 'client_assertion'])(
    'refuses NUL, halves of characters and endless text in %s, records that, and serves those who asked at the same moment', async (parameter) => {
      const hostile = ['\0', 'a\0b', `${'a'.repeat(511)}😀`, '\u202E', `'); DROP TABLE tokens; --`, 'x'.repeat(40_000)];
      const decent: Promise<Answer>[] = [];
      const answers = await Promise.all(hostile.map(async (value) => {
        decent.push(post(server, PATH, { grant_type: 'client_credentials' }, { basic }));
        const grantType = { code: 'authorization_code', code_verifier: 'authorization_code', redirect_uri: 'authorization_code', refresh_token: 'refresh_token' }[parameter] ?? 'client_credentials';
        return send(new URLSearchParams({ grant_type: grantType, [parameter]: value }).toString());
      }));
      expect(answers.map(({ status, body }) => ({ isRefused: status >= 400 && status < 500, isNamed: typeof body['error'] === 'string' }))).toEqual(hostile.map(() => ({ isRefused: true, isNamed: true })));
      expect((await Promise.all(decent)).map(({ status }) => status)).toEqual(hostile.map(() => 200));
    });

  it('takes no credentials from the address, and not in two ways at once', async () => {
    const credentials = { client_id: basic[0], client_secret: basic[1] };
    const inQuery = await fetch(`${server.issuer}${PATH}?${new URLSearchParams({ ...credentials, grant_type: 'client_credentials' }).toString()}`, { method: 'POST', headers: { 'content-type': FORM } });
    expect(inQuery.status).toBeGreaterThanOrEqual(400);
    expect(await send(new URLSearchParams({ grant_type: 'client_credentials', ...credentials }).toString())).toEqual(refused('invalid_request'));
    expect(await post(server, PATH, { grant_type: 'client_credentials', ...credentials })).toMatchObject({ status: 200 });
  });

  it.each(['Basic', 'Basic !!!', 'Basic Og==', 'Basic OnNlY3JldA==', `Basic ${Buffer.from('no-colon').toString('base64')}`, `Basic ${Buffer.from('%zz:x').toString('base64')}`, 'Bearer x', 'Digest a="b"', `Basic ${'A'.repeat(8000)}`].map((header) => [header.slice(0, 20), header] as const))(
    'answers a header that proves nothing with an error: %s', async (_begins, header) => {
      const response = await fetch(server.issuer + PATH, { method: 'POST', headers: { authorization: header, 'content-type': FORM }, body: 'grant_type=client_credentials' });
      const body = await response.json() as Record<string, unknown>;
      expect([400, 401]).toContain(response.status);
      expect(['invalid_client', 'invalid_request']).toContain(body['error']);
    });

  it('asks for Basic authentication when that was tried and failed (section 5.2)', async () => {
    const { status, headers } = await post(server, PATH, { grant_type: 'client_credentials' }, { basic: [basic[0], 'x'.repeat(43)] });
    expect(status).toBe(401);
    expect(headers.get('www-authenticate')).toMatch(/^Basic /);
  });

  it('lets no answer be kept by anybody', async () => {
    const [good, bad] = [await post(server, PATH, { grant_type: 'client_credentials' }, { basic }), await post(server, PATH, { grant_type: 'nothing' }, { basic })];
    for (const { headers } of [good, bad]) expect(headers.get('cache-control')).toContain('no-store');
    expect(await introspect(server, String(good.body['access_token']))).toMatchObject({ active: true });
  });
});
