import { createHash, randomBytes } from 'node:crypto';
import { bootstrapToken, call, introspect, post } from '../support/api.js';
import { FormBrowser } from '../support/browser.js';
import { CALLBACK, registerClient, WEB_CLIENT } from '../support/clients.js';
import { ADMIN, startServer, type TestServer } from '../support/server.js';
import { openDatabaseOf } from '../support/stored-facts.js';

/** Everything that opens something, by what it is. */
type Secrets = Map<string, string>;

describe('a secret', () => {
  let server: TestServer;
  const secrets: Secrets = new Map();
  let stored: string[];

  beforeAll(async () => {
    server = await startServer({ environment: { LOG_LEVEL: 'trace' } });
    secrets.set('password', ADMIN.password).set('client secret of bootstrap', server.clientSecret).set('master key', server.environment['LEGATE_MASTER_KEY']!);
    await liveWithSecrets(server, secrets);
    // The embedded database belongs to one process.
    await server.kill();
    stored = await everyRow(server);
  });
  afterAll(() => server.stop());

  it('is in no table in the clear, nor in hexadecimal', () => {
    expect(stored.join('\n')).toContain(ADMIN.email);
    expect(found(stored.join('\n').toLowerCase(), (secret) => [secret.toLowerCase(), Buffer.from(secret).toString('hex')])).toEqual([]);
  });

  it('is in no line of the log, whatever the level', () => {
    expect(server.output()).toContain('/api/oauth/token');
    expect(found(server.output(), (secret) => [secret, encodeURIComponent(secret)])).toEqual([]);
  });

  function found(text: string, spellings: (secret: string) => string[]): string[] {
    return [...secrets].filter(([, secret]) => spellings(secret).some((spelling) => text.includes(spelling))).map(([name]) => name);
  }
});

/** Uses each kind of secret there is, some of them wrongly, and leaves a sign-in unfinished. */
async function liveWithSecrets(server: TestServer, secrets: Secrets): Promise<void> {
  const keep = (name: string, value: unknown) => {
    if (typeof value !== 'string' || value.length < 16) throw new Error(`no ${name}: ${String(value)}`);
    secrets.set(name, value);
    return value;
  };
  const token = keep('token of bootstrap', await bootstrapToken(server));

  const registered = await call<{ credentials: Record<string, string> }>(server, 'POST', '/api/agents/register', { token, body: { agent_name: 'secretive', scopes: ['weather:read'] } });
  const { registration_token, client_secret } = registered.body.credentials;
  keep('client secret of the agent', client_secret);
  await call(server, 'POST', '/api/agents/activate', { body: { registration_token: keep('registration token', registration_token) } });
  keep('token by API key', (await call(server, 'POST', '/api/auth/login', { body: { api_key: client_secret } })).body['access_token']);
  await call(server, 'POST', '/ssf/v1/streams', {
    token, body: { delivery: { method: 'urn:ietf:rfc:8935', endpoint_url: 'https://receiver.example/events', authorization_header: keep('authorization of a receiver', `Bearer ${randomBytes(24).toString('base64url')}`) } },
  });
  const { body: organizations } = await call<{ data: { id: string }[] }>(server, 'GET', '/api/organizations', { token });
  keep('enrolment token', (await call(server, 'POST', `/api/organizations/${organizations.data[0]!.id}/enrolment-token`, { token })).body['enrolment_token']);

  await call(server, 'POST', '/api/resources', { token, body: { identifier: 'https://opaque.example', name: 'Opaque', scopes: ['weather:read'], token_format: 'opaque' } });
  const opaque = await post(server, '/api/oauth/token', { grant_type: 'client_credentials', resource: 'https://opaque.example', scope: 'weather:read' }, { basic: [registered.body.credentials['client_id']!, client_secret!] });
  await introspect(server, keep('opaque token', opaque.body['access_token']));

  const { clientId, clientSecret } = await registerClient(server, WEB_CLIENT);
  const basic: [string, string] = [clientId, keep('client secret of the application', clientSecret)];
  const verifier = keep('code verifier', randomBytes(32).toString('base64url'));
  const request = { client_id: clientId, response_type: 'code', redirect_uri: CALLBACK, scope: 'openid offline_access agents:read', prompt: 'consent', code_challenge: createHash('sha256').update(verifier).digest('base64url'), code_challenge_method: 'S256' };
  const pushed = await post(server, '/api/oauth/par', { ...request, client_secret: clientSecret! });
  keep('pushed request', String(pushed.body['request_uri']).split(':').at(-1));
  const authorize = (parameters: Record<string, string>) => `${server.issuer}/api/oauth/authorize?${new URLSearchParams(parameters).toString()}`;

  const browser = new FormBrowser();
  const code = keep('code', (await browser.authorize(authorize(request), ADMIN)).searchParams.get('code'));
  const grant = (form: Record<string, string>) => post(server, '/api/oauth/token', form, { basic });
  await grant({ grant_type: 'authorization_code', code, redirect_uri: CALLBACK, code_verifier: randomBytes(32).toString('base64url') });
  const { body: tokens } = await grant({ grant_type: 'authorization_code', code, redirect_uri: CALLBACK, code_verifier: verifier });
  keep('access token', tokens['access_token']);
  const refreshed = await grant({ grant_type: 'refresh_token', refresh_token: keep('refresh token', tokens['refresh_token']) });
  keep('next refresh token', refreshed.body['refresh_token']);
  keep('refreshed access token', refreshed.body['access_token']);
  await call(server, 'GET', `/api/agents?access_token=${String(tokens['access_token'])}`, { token: `${String(tokens['access_token'])}x` });

  // The consent page stays open: what was asked for, and in which session, is kept meanwhile.
  await browser.open(authorize(request));
  for (const value of browser.cookieValues()) if (/^[\w-]{43}$/.test(value)) keep(`cookie ${value.slice(0, 4)}`, value);
}

async function everyRow(server: TestServer): Promise<string[]> {
  const { dataSource, close } = await openDatabaseOf(server);
  try {
    const tables = await dataSource.query<{ name: string }[]>(`SELECT c.oid::regclass::text AS name FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'`);
    const rows: { text: string }[] = [];
    for (const { name } of tables) rows.push(...await dataSource.query<{ text: string }[]>(`SELECT t::text AS text FROM ${name} t`));
    return rows.map(({ text }) => text);
  } finally {
    await close();
  }
}
