import { createHash, randomBytes } from 'node:crypto';
import { bootstrapToken, call, introspect, post } from '../support/api.js';
import { FormBrowser } from '../support/browser.js';
import { CALLBACK, registerAgent, registerClient, WEB_CLIENT } from '../support/clients.js';
import { addPerson, type Credentials, type TestPerson } from '../support/people.js';
import { startServer, type TestServer } from '../support/server.js';
import { report } from '../support/stored-facts.js';

/** Of exchanges and refreshes below one root. CI asks for more where two nodes race. */
const RACES = Number(process.env['LEGATE_TEST_RACES'] ?? 6);
const ROUNDS = Math.min(RACES, 30);
/** A new password costs four slow hashes a round. */
const PASSWORD_ROUNDS = Math.min(RACES, 8);
const MOST_REFRESHES = 1000;

const pause = (milliseconds: number) => new Promise<void>((resolve) => { setTimeout(resolve, milliseconds); });

/** On PostgreSQL one node issues while the other ends; the embedded database belongs to one. */
describe('what is ended stays ended, whoever was asking for more at that moment', () => {
  let nodes: TestServer[];
  let server: TestServer;
  let other: TestServer;
  let admin: string;
  let client: { clientId: string; basic: [string, string] };

  beforeAll(async () => {
    server = await startServer();
    nodes = process.env['TEST_DATABASE_URL'] ? [server, await startServer({ beside: server })] : [server];
    other = nodes.at(-1)!;
    admin = await bootstrapToken(server);
    const { clientId, clientSecret } = await registerClient(server, WEB_CLIENT);
    client = { clientId, basic: [clientId, clientSecret!] };
  });

  afterAll(async () => {
    for (const node of [...nodes].reverse()) await node.stop();
  });

  interface Tokens { readonly accessToken: string; readonly refreshToken: string }

  /** A code for a person, who signs in unless the browser is signed in already. */
  async function getCode(person: Credentials, browser: FormBrowser): Promise<Record<string, string>> {
    const verifier = randomBytes(32).toString('base64url');
    const url = new URL('/api/oauth/authorize', server.issuer);
    url.search = new URLSearchParams({
      response_type: 'code', client_id: client.clientId, redirect_uri: CALLBACK, scope: 'openid agents:read', state: 's',
      code_challenge: createHash('sha256').update(verifier).digest('base64url'), code_challenge_method: 'S256',
    }).toString();
    const code = (await browser.authorize(url.href, person)).searchParams.get('code');
    return { grant_type: 'authorization_code', code: code!, redirect_uri: CALLBACK, code_verifier: verifier };
  }

  async function getTokens(person: Credentials, browser = new FormBrowser()): Promise<Tokens> {
    const { status, body } = await post(server, '/api/oauth/token', await getCode(person, browser), { basic: client.basic });
    if (status !== 200) throw new Error(`no tokens: ${JSON.stringify(body)}`);
    return { accessToken: String(body['access_token']), refreshToken: String(body['refresh_token']) };
  }

  const refresh = (node: TestServer, refreshToken: string) => post(node, '/api/oauth/token', { grant_type: 'refresh_token', refresh_token: refreshToken }, { basic: client.basic });

  /** Goes on refreshing until it is refused; answers every access token on the way and the refresh token at the end. */
  async function refreshUntilRefused(node: TestServer, first: Tokens): Promise<{ accessTokens: string[]; refreshToken: string }> {
    const accessTokens = [first.accessToken];
    let { refreshToken } = first;
    for (let count = 0; count < MOST_REFRESHES; count += 1) {
      const { status, body } = await refresh(node, refreshToken);
      if (status !== 200) {
        expect(body['error']).toBe('invalid_grant');
        return { accessTokens, refreshToken };
      }
      accessTokens.push(String(body['access_token']));
      refreshToken = String(body['refresh_token'] ?? refreshToken);
    }
    throw new Error('refreshing goes on although it was ended');
  }

  /** Those of the tokens that some node still calls active. */
  async function stillActive(tokens: Iterable<string>): Promise<string[]> {
    const active: string[] = [];
    for (const token of new Set(tokens)) {
      for (const node of nodes) if ((await introspect(node, token))['active'] !== false) active.push(token);
    }
    return active;
  }

  /** Refreshes on every node, ends it from one of them somewhere in between, and finds nothing alive after the answer. */
  async function refreshAgainst(first: Tokens, delay: number, end: () => Promise<unknown>): Promise<{ accessTokens: string[]; refreshToken: string }> {
    const chains = Promise.all(nodes.map((node) => refreshUntilRefused(node, first)));
    await pause(delay);
    await end();
    const ended = await chains;
    const accessTokens = [...new Set(ended.flatMap((chain) => chain.accessTokens))];
    expect(await stillActive(accessTokens)).toEqual([]);
    return { accessTokens, refreshToken: ended[0]!.refreshToken };
  }

  it(`leaves no access token alive when a refresh token is revoked while it is used, ${ROUNDS} times`, async () => {
    const person = await addPerson(server, admin, 'member', 'revoker');
    const browser = new FormBrowser();
    let issued = 0;
    for (let round = 0; round < ROUNDS; round += 1) {
      const first = await getTokens(person, browser);
      const { accessTokens } = await refreshAgainst(first, round * 2, async () => {
        const { status } = await post(other, '/api/oauth/revoke', { token: first.refreshToken, token_type_hint: 'refresh_token' }, { basic: client.basic });
        expect(status).toBe(200);
      });
      issued += accessTokens.length;
    }
    report(`revocation against refresh: ${ROUNDS} rounds, ${issued} access tokens, none alive afterwards`);
  });

  it(`leaves no token alive when an agent is suspended while it asks for more, ${ROUNDS} times`, async () => {
    const agent = await registerAgent(server);
    let issued = 0;
    for (let round = 0; round < ROUNDS; round += 1) {
      const over = new AbortController();
      const tokens: string[] = [];
      const loops = Promise.all(Array.from({ length: 4 }, async (_, loop) => {
        while (!over.signal.aborted) {
          const { status, body } = await post(nodes[loop % nodes.length]!, '/api/oauth/token', { grant_type: 'client_credentials' }, { basic: [agent.clientId, agent.clientSecret] });
          if (status === 200) tokens.push(String(body['access_token']));
        }
      }));
      await pause(20 + round);
      expect((await call(other, 'POST', `/api/agents/${agent.clientId}/suspend`, { token: admin })).status).toBe(200);
      // Requests that begin now find a node that may have heard nothing yet, and get nothing all the same.
      await pause(30);
      over.abort();
      await loops;
      expect(await stillActive(tokens.slice(-40))).toEqual([]);
      issued += tokens.length;
      expect((await call(other, 'POST', `/api/agents/${agent.clientId}/resume`, { token: admin })).status).toBe(200);
      // Nodes may take a second to hear of it.
      await expect(untilGranted(agent)).resolves.toBe(true);
    }
    report(`suspension against client credentials: ${ROUNDS} rounds, ${issued} tokens, none alive afterwards`);
  });

  it(`leaves no descendant alive when a root is revoked while tokens are exchanged and refreshed below it, ${RACES} times`, async () => {
    const [first, second] = await Promise.all([0, 1].map(() => registerAgent(server, { scopes: ['agents:read', 'delegations:write'] })));
    const basic = ({ clientId, clientSecret }: { clientId: string; clientSecret: string }): [string, string] => [clientId, clientSecret];
    const login = async () => String((await call(server, 'POST', '/api/auth/login', { body: { api_key: first!.clientSecret } })).body['access_token']);
    const delegated = await call(server, 'POST', '/api/delegations', { token: await login(), body: { agent_id: second!.clientId, scopes: ['agents:read'] } });
    expect(delegated.status).toBe(201);
    let issued = 0;
    for (let round = 0; round < RACES; round += 1) {
      const root = await login();
      const tokens = [root];
      const over = new AbortController();
      /** From the root and from whatever came of it, as long as there is something to go on from. */
      const descend = async (next: (from: string) => Promise<{ status: number; body: Record<string, unknown> }>) => {
        for (let from = root, steps = 0; !over.signal.aborted; steps += 1) {
          const { status, body } = await next(from);
          if (status === 200) tokens.push(String(body['access_token']));
          from = status === 200 && steps % 10 < 9 ? String(body['access_token']) : root;
          if (status !== 200) expect([400, 401, 403]).toContain(status);
        }
      };
      const exchange = (node: TestServer, by: [string, string]) => (from: string) => post(node, '/api/oauth/token', {
        grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange', subject_token: from, subject_token_type: 'urn:ietf:params:oauth:token-type:access_token', scope: 'agents:read',
      }, { basic: by });
      const loops = Promise.all(nodes.flatMap((node) => [
        descend(exchange(node, basic(first!))),
        // Of what the second agent gets it exchanges nothing further: from the root each time, as its delegate.
        descend(() => exchange(node, basic(second!))(root)),
        descend((from) => call(node, 'POST', '/api/auth/refresh', { token: from, body: {} })),
      ]));
      await pause(10 + (round % 30));
      expect((await post(other, '/api/oauth/revoke', { token: root, revoke_children: 'true' }, { basic: basic(first!) })).status).toBe(200);
      expect(await stillActive(tokens.slice(0, 1).concat(tokens.slice(-6)))).toEqual([]);
      await pause(20);
      over.abort();
      await loops;
      expect(await stillActive(tokens)).toEqual([]);
      issued += tokens.length;
    }
    report(`revoking a root against exchange and renewal: ${RACES} rounds, ${issued} tokens, none alive afterwards`);
  }, 60_000 + RACES * 5000);

  async function untilGranted(agent: { clientId: string; clientSecret: string }): Promise<boolean> {
    for (let attempt = 0; attempt < 60; attempt += 1) {
      const answers = await Promise.all(nodes.map((node) => post(node, '/api/oauth/token', { grant_type: 'client_credentials' }, { basic: [agent.clientId, agent.clientSecret] })));
      if (answers.every(({ status }) => status === 200)) return true;
      await pause(50);
    }
    return false;
  }

  afterEach(async () => { admin = await bootstrapToken(server); });

  const pull = async (target: object) => {
    const { status, body } = await call<{ ended: { counts: Record<string, number> } }>(other, 'POST', '/api/admin/kill-switches', { token: await bootstrapToken(server), body: { target, reason: 'A race.' } });
    expect({ status, body: status === 200 ? {} : body }).toEqual({ status: 200, body: {} });
    return body.ended.counts;
  };

  it(`leaves nothing alive of what was issued before a moment while applications refresh and agents exchange, ${ROUNDS} times`, async () => {
    const person = await addPerson(server, admin, 'member', 'cutoff');
    const agent = await registerAgent(server, { scopes: ['agents:read'] });
    let issued = 0;
    for (let round = 0; round < ROUNDS; round += 1) {
      const first = await getTokens(person);
      const root = String((await call(server, 'POST', '/api/auth/login', { body: { api_key: agent.clientSecret } })).body['access_token']);
      const exchanged: string[] = [root];
      const over = new AbortController();
      const exchanges = Promise.all(nodes.map(async (node) => {
        while (!over.signal.aborted) {
          const { status, body } = await post(node, '/api/oauth/token', {
            grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange', subject_token: root, subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
          }, { basic: [agent.clientId, agent.clientSecret] });
          if (status === 200) exchanged.push(String(body['access_token']));
        }
      }));
      const { accessTokens, refreshToken } = await refreshAgainst(first, round * 2, () => pull({ kind: 'issued_before' }));
      over.abort();
      await exchanges;
      expect(await stillActive(exchanged)).toEqual([]);
      expect((await refresh(server, refreshToken)).body['error']).toBe('invalid_grant');
      // And whatever is asked for anew counts at once, on every node.
      for (const node of nodes) {
        const { status, body } = await post(node, '/api/oauth/token', { grant_type: 'client_credentials' }, { basic: [agent.clientId, agent.clientSecret] });
        expect(status).toBe(200);
        expect(await stillActive([String(body['access_token'])])).toHaveLength(nodes.length);
      }
      issued += accessTokens.length + exchanged.length;
    }
    report(`the end of all by now against refresh and exchange: ${ROUNDS} rounds, ${issued} tokens, none alive afterwards`);
  });

  it(`leaves nothing alive of an agent, not even when it is resumed, while it exchanges and renews, ${ROUNDS} times`, async () => {
    let issued = 0;
    for (let round = 0; round < ROUNDS; round += 1) {
      const agent = await registerAgent(server, { scopes: ['agents:read'] });
      const root = String((await call(server, 'POST', '/api/auth/login', { body: { api_key: agent.clientSecret } })).body['access_token']);
      const tokens = [root];
      const over = new AbortController();
      const loops = Promise.all(nodes.flatMap((node) => [
        () => post(node, '/api/oauth/token', { grant_type: 'client_credentials' }, { basic: [agent.clientId, agent.clientSecret] }),
        () => post(node, '/api/oauth/token', {
          grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange', subject_token: root, subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
        }, { basic: [agent.clientId, agent.clientSecret] }),
        () => call(node, 'POST', '/api/auth/refresh', { token: root, body: {} }),
      ]).map(async (ask) => {
        while (!over.signal.aborted) {
          const { status, body } = await ask();
          if (status === 200) tokens.push(String(body['access_token']));
        }
      }));
      await pause(20 + round);
      await pull({ kind: 'agent', id: agent.clientId });
      await pause(20);
      over.abort();
      await loops;
      expect(await stillActive(tokens.slice(-40))).toEqual([]);
      expect((await call(other, 'POST', `/api/agents/${agent.clientId}/resume`, { token: await bootstrapToken(server) })).status).toBe(200);
      expect(await stillActive(tokens.slice(-40))).toEqual([]);
      issued += tokens.length;
    }
    report(`the kill switch of an agent against everything it can ask for: ${ROUNDS} rounds, ${issued} tokens, none alive afterwards`);
  });

  it(`leaves nothing alive that a filter describes, nor below it, while more of it is issued, ${ROUNDS} times`, async () => {
    const { clientId, clientSecret } = await registerClient(server, { grant_types: ['client_credentials', 'urn:ietf:params:oauth:grant-type:token-exchange'], scopes: ['agents:read'] });
    const basic: [string, string] = [clientId, clientSecret!];
    const grant = (node: TestServer) => post(node, '/api/oauth/token', { grant_type: 'client_credentials' }, { basic });
    let issued = 0;
    for (let round = 0; round < ROUNDS; round += 1) {
      const root = String((await grant(server)).body['access_token']);
      const [before, below]: [string[], string[]] = [[root], []];
      let isBefore = true;
      const over = new AbortController();
      const loops = Promise.all(nodes.flatMap((node) => [
        async () => {
          const { body } = await grant(node);
          if (isBefore && body['access_token'] !== undefined) before.push(String(body['access_token']));
        },
        async () => {
          const { status, body } = await post(node, '/api/oauth/token', {
            grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange', subject_token: root, subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
          }, { basic });
          if (status === 200) below.push(String(body['access_token']));
        },
      ]).map(async (ask) => { while (!over.signal.aborted) await ask(); }));
      await pause(20 + round);
      const token = await bootstrapToken(server);
      isBefore = false;
      const { status, body } = await call(other, 'POST', '/api/admin/tokens/revoke', { token, body: { filter: { client_id: clientId }, reason: 'A race.' } });
      expect({ status, body: status === 200 ? {} : body }).toEqual({ status: 200, body: {} });
      await pause(20);
      over.abort();
      await loops;
      expect(await stillActive([...before.slice(-30), ...below.slice(-30)])).toEqual([]);
      issued += before.length + below.length;
    }
    report(`ending by filter against issuance and exchange: ${ROUNDS} rounds, ${issued} tokens of before and below, none alive afterwards`);
  });

  async function setStatus(person: TestPerson, status: 'active' | 'disabled'): Promise<void> {
    expect((await call(other, 'PUT', `/api/users/${person.id}`, { token: admin, body: { status } })).status).toBe(200);
  }

  it(`leaves no token alive when a person is disabled while their application refreshes, ${ROUNDS} times`, async () => {
    const person = await addPerson(server, admin, 'member', 'disabled');
    let issued = 0;
    for (let round = 0; round < ROUNDS; round += 1) {
      const first = await getTokens(person);
      const { accessTokens, refreshToken } = await refreshAgainst(first, round * 2, () => setStatus(person, 'disabled'));
      issued += accessTokens.length;
      await setStatus(person, 'active');
      expect(await stillActive(accessTokens)).toEqual([]);
      expect((await refresh(server, refreshToken)).body['error']).toBe('invalid_grant');
    }
    report(`disabling a person against refresh: ${ROUNDS} rounds, ${issued} access tokens, none alive while disabled nor afterwards`);
  });

  async function changePassword(node: TestServer, person: TestPerson, accessToken: string): Promise<TestPerson> {
    const password = `seldom heard piano ${randomBytes(6).toString('hex')}`;
    const { status, body } = await call(node, 'POST', '/api/users/me/password', { token: accessToken, body: { current_password: person.password, new_password: password } });
    expect({ status, body }).toEqual({ status: 204, body: {} });
    return { ...person, password };
  }

  it(`leaves no token alive when a person changes the password while their application refreshes, ${PASSWORD_ROUNDS} times`, async () => {
    let person = await addPerson(server, admin, 'member', 'changer');
    let issued = 0;
    for (let round = 0; round < PASSWORD_ROUNDS; round += 1) {
      const first = await getTokens(person);
      const { accessTokens, refreshToken } = await refreshAgainst(first, round * 5, async () => { person = await changePassword(other, person, first.accessToken); });
      issued += accessTokens.length;
      expect((await refresh(other, refreshToken)).body['error']).toBe('invalid_grant');
    }
    report(`a new password against refresh: ${PASSWORD_ROUNDS} rounds, ${issued} access tokens, none alive afterwards`);
  });

  it.each<[string, (person: TestPerson, accessToken: string) => Promise<TestPerson>]>([
    ['a new password', (person, accessToken) => changePassword(server, person, accessToken)],
    ['disabling the person, though they are enabled again,', async (person) => {
      await setStatus(person, 'disabled');
      await setStatus(person, 'active');
      return person;
    }],
  ])('ends with %s whatever a sign-in opened: the session, a code not redeemed yet, tokens and what renews them', async (_what, end) => {
    let person = await addPerson(server, admin, 'member', 'leaver');
    const browser = new FormBrowser();
    const [one, two] = [await getTokens(person, browser), await getTokens(person, browser)];
    const code = await getCode(person, browser);
    const { body: renewed } = await refresh(server, two.refreshToken);
    person = await end(person, one.accessToken);
    expect(await stillActive([one.accessToken, two.accessToken, String(renewed['access_token'])])).toEqual([]);
    for (const node of nodes) {
      // Unused, its successor, and the used one whose answer is kept for those who ask again.
      for (const token of [one.refreshToken, String(renewed['refresh_token']), two.refreshToken]) expect((await refresh(node, token)).body).toMatchObject({ error: 'invalid_grant' });
      expect((await post(node, '/api/oauth/token', code, { basic: client.basic })).body).toMatchObject({ error: 'invalid_grant' });
    }
    const asked = await browser.open(`${server.issuer}/api/oauth/authorize?${new URLSearchParams({
      response_type: 'code', client_id: client.clientId, redirect_uri: CALLBACK, scope: 'openid', code_challenge: 'x'.repeat(43), code_challenge_method: 'S256',
    }).toString()}`);
    expect(asked.html).toContain('id="login-submit"');
    // And nothing of who signs in afterwards, be it in the same second.
    expect(await stillActive([(await getTokens(person)).accessToken])).toHaveLength(nodes.length);
  });
});
