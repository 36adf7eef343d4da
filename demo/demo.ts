/**
 * `npm run demo`: starts a throw-away server and plays the main job over HTTP, as an operator, an agent, a person with
 * a browser and a protected API would. Ends with an error at the first surprise.
 */
import * as oidc from 'openid-client';
import { Browser, type Page } from './browser.js';
import { brief, expectThat, Story, Surprise } from './story.js';
import { startThrowawayServer, type ThrowawayServer } from './throwaway-server.js';

/** Nobody listens there: the browser stops at the redirect and the client reads the code from it. */
const REDIRECT_URI = 'http://127.0.0.1:49152/callback';

interface RegisteredAgent {
  agent: { id: string; status: string };
  credentials: { client_id: string; client_secret: string; registration_token: string };
}

async function play(server: ThrowawayServer, story: Story): Promise<void> {
  const api = (path: string): URL => new URL(`/api${path}`, server.issuer);

  story.chapter('An operator registers an agent');
  const operator = await discover(server.issuer, 'bootstrap', server.bootstrapSecret);
  story.done('discovery', `${server.issuer}/.well-known/openid-configuration`);
  const operatorToken = await oidc.clientCredentialsGrant(operator, { scope: 'agents:write' });
  story.done('the operator gets a token', `scope ${operatorToken.scope}`);
  const registered = await call(operatorToken.access_token, api('/agents/register'), 'POST', {
    agent_name: 'weather-scout',
    description: 'Looks at the weather for people',
    scopes: ['openid', 'offline_access', 'weather:read'],
    grant_types: ['client_credentials', 'authorization_code', 'refresh_token'],
    redirect_uris: [REDIRECT_URI],
  });
  expectThat(registered.status === 201, '201 Created', registered);
  const { agent, credentials } = registered.body as RegisteredAgent;
  story.done('the agent is registered', `client_id ${credentials.client_id}, status ${agent.status}; its secret is shown this once`);

  const early = await tokenError(discover(server.issuer, credentials.client_id, credentials.client_secret)
    .then((client) => oidc.clientCredentialsGrant(client, { scope: 'weather:read' })));
  expectThat(early === 'invalid_client' || early === 'unauthorized_client', 'a refusal before activation', early);
  story.done('before its activation it gets no token', early);
  const activated = await call(undefined, api('/agents/activate'), 'POST', { registration_token: credentials.registration_token });
  expectThat(activated.status >= 200 && activated.status < 300, 'the activation to succeed', activated);
  story.done('the agent activates itself with its one-time registration token');

  story.chapter('The agent works for itself');
  const scout = await discover(server.issuer, credentials.client_id, credentials.client_secret);
  const own = await oidc.clientCredentialsGrant(scout, { scope: 'weather:read' });
  story.done('client_credentials', `${brief(own.access_token)} for ${own.expires_in} s, scope ${own.scope}`);
  const weather = await call(own.access_token, api('/demo/weather'), 'GET');
  expectThat(weather.status === 200, '200 from the weather API', weather);
  story.done('GET /api/demo/weather answers 200', JSON.stringify(weather.body).slice(0, 100));
  const stocks = await call(own.access_token, api('/demo/stocks'), 'GET');
  expectThat(stocks.status === 403 && (stocks.challenge ?? '').includes('error="insufficient_scope"'), '403 insufficient_scope', stocks);
  story.done('GET /api/demo/stocks answers 403', stocks.challenge ?? '');
  const introspected = await oidc.tokenIntrospection(scout, own.access_token);
  expectThat(introspected.active && introspected.scope === 'weather:read', 'an active token', introspected);
  story.done('introspection', `active, sub ${introspected.sub}, expires ${new Date((introspected.exp ?? 0) * 1000).toISOString()}`);

  story.chapter('A person lets the agent act for them');
  const verifier = oidc.randomPKCECodeVerifier();
  const state = oidc.randomState();
  const authorization = oidc.buildAuthorizationUrl(scout, {
    redirect_uri: REDIRECT_URI,
    scope: 'openid offline_access weather:read',
    prompt: 'consent',
    code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    state,
  });
  const browser = new Browser(server.issuer);
  const signInPage = page(await browser.open(authorization), 'the sign-in page');
  story.done('the browser is led to the sign-in page', signInPage.url.pathname);
  const consentPage = page(await browser.submit(signInPage, 'login-submit', { username: server.admin.email, password: server.admin.password }), 'the consent page');
  story.done(`${server.admin.email} signs in and sees what the agent asks for`);
  const callback = await browser.submit(consentPage, 'consent-allow');
  expectThat(callback instanceof URL && callback.href.startsWith(REDIRECT_URI), 'a redirect to the agent', callback);
  expectThat(callback.searchParams.has('code'), 'a code', callback.search);
  story.done('they allow it and are sent back with a code', `iss ${callback.searchParams.get('iss')}`);
  const delegated = await oidc.authorizationCodeGrant(scout, callback, { pkceCodeVerifier: verifier, expectedState: state, idTokenExpected: true });
  const person = delegated.claims();
  expectThat(person !== undefined && delegated.refresh_token !== undefined, 'an ID token and a refresh token', Object.keys(delegated));
  story.done('the agent redeems the code with its PKCE verifier', `ID token for ${person.sub}, refresh token, scope ${delegated.scope}`);
  const forPerson = await call(delegated.access_token, api('/demo/weather'), 'GET');
  expectThat(forPerson.status === 200, '200 on behalf of the person', forPerson);
  story.done('GET /api/demo/weather answers 200 for the person', JSON.stringify((forPerson.body as { caller?: unknown }).caller));
  const refreshed = await oidc.refreshTokenGrant(scout, delegated.refresh_token);
  expectThat(refreshed.access_token !== delegated.access_token && refreshed.refresh_token !== undefined, 'new tokens', Object.keys(refreshed));
  story.done('refresh', 'a new access token, and a new refresh token in place of the old one');

  story.chapter('Everything is taken back');
  await oidc.tokenRevocation(scout, refreshed.refresh_token, { token_type_hint: 'refresh_token' });
  story.done('the refresh token is revoked, and with it all that came from it');
  const after = await oidc.tokenIntrospection(scout, refreshed.access_token);
  expectThat(!after.active, 'an inactive token', after);
  story.done('introspection says inactive');
  const refused = await call(refreshed.access_token, api('/demo/weather'), 'GET');
  expectThat(refused.status === 401 && (refused.challenge ?? '').includes('error="invalid_token"'), '401 invalid_token', refused);
  story.done('the API answers 401', refused.challenge ?? '');
  const again = await tokenError(oidc.refreshTokenGrant(scout, refreshed.refresh_token));
  expectThat(again === 'invalid_grant', 'invalid_grant', again);
  story.done('refreshing again is refused', again);
  const untouched = await call(own.access_token, api('/demo/weather'), 'GET');
  expectThat(untouched.status === 200, 'the agent’s own token to work on', untouched);
  story.done('the agent’s own token still works: it never came from the person');
}

/** A client that found the server through discovery. It authenticates with `client_secret_basic`. */
function discover(issuer: string, clientId: string, secret: string): Promise<oidc.Configuration> {
  return oidc.discovery(new URL(issuer), clientId, undefined, oidc.ClientSecretBasic(secret), { execute: [oidc.allowInsecureRequests] });
}

/** The OAuth error code of a request that must be refused. */
async function tokenError(request: Promise<unknown>): Promise<string> {
  try {
    await request;
  } catch (error) {
    if (error instanceof oidc.ResponseBodyError) return error.error;
    // A refused client gets 401 with a challenge (RFC 6749 section 5.2), which says the same.
    if (error instanceof oidc.WWWAuthenticateChallengeError) return error.cause[0]?.parameters.error ?? 'no error code';
    throw error;
  }
  throw new Surprise('expected a refusal, but the request succeeded');
}

async function call(token: string | undefined, url: URL, method: 'GET' | 'POST', body?: object): Promise<{ status: number; challenge: string | null; body: unknown }> {
  const response = await fetch(url, {
    method,
    headers: { accept: 'application/json', ...(token ? { authorization: `Bearer ${token}` } : {}), ...(body ? { 'content-type': 'application/json' } : {}) },
    ...(body ? { body: JSON.stringify(body) } : {}),
    signal: AbortSignal.timeout(15_000),
  });
  const text = await response.text();
  return { status: response.status, challenge: response.headers.get('www-authenticate'), body: text === '' ? undefined : JSON.parse(text) };
}

function page(visited: Page | URL, name: string): Page {
  if (visited instanceof URL) throw new Surprise(`expected ${name}, but was sent to ${visited.href}`);
  expectThat(visited.status === 200, name, `${visited.status} at ${visited.url.href}: ${visited.html.slice(0, 500)}`);
  return visited;
}

async function main(): Promise<void> {
  const started = performance.now();
  console.log('Starting a throw-away server with an embedded database …');
  const server = await startThrowawayServer();
  const stop = (): void => { void server.stop().finally(() => process.exit(130)); };
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  const story = new Story();
  console.log(`${server.issuer} is ready after ${((performance.now() - started) / 1000).toFixed(1)} s.`);
  try {
    await play(server, story);
    console.log(`\nAll ${story.steps} steps came out as they should.`);
  } catch (error) {
    console.error(`\n  ✗ ${error instanceof Error ? error.message : String(error)}`);
    if (error instanceof Error && error.cause) console.error(`    ${JSON.stringify(error.cause).slice(0, 1000)}`);
    if (server.output()) console.error(`\nThe server said:\n${server.output()}`);
    process.exitCode = 1;
  } finally {
    await server.stop();
  }
}

await main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
