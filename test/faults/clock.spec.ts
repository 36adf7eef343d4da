import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { createRemoteJWKSet, decodeProtectedHeader, exportJWK, generateKeyPair, jwtVerify, SignJWT } from 'jose';
import { DataSource } from 'typeorm';
import { bootstrapToken, call, introspect, post } from '../support/api.js';
import { clientAssertion, presenting, registerKeyClient } from '../support/assertions.js';
import { CALLBACK, registerAgent, registerClient } from '../support/clients.js';
import { CodeFlow } from '../support/code-flow.js';
import { describeWithPostgres, type PostgresCluster } from '../support/postgres-cluster.js';
import { ADMIN, startServer, type TestServer } from '../support/server.js';
import { StatusListReader } from '../support/status-lists.js';
import { report } from '../support/stored-facts.js';
import { Load, type Told } from './load.js';
import { expectAllStored, loadParts, pause } from './outages.js';

const HOUR_MS = 3_600_000;
const JUMPS: readonly [name: string, offsetMs: number][] = [['forward by an hour', HOUR_MS], ['back again', 0], ['back by an hour', -HOUR_MS], ['forward again', 0]];
const CHECKPOINT_SECONDS = 1;
const QUOTA = 60;
const GUESSES = 10;
/** Until chores had their turn after a jump. */
const TURN_MS = 2_500;

describeWithPostgres('while somebody sets the clock of the server forward and back, under load,', (createCluster) => {
  const folder = mkdtempSync(join(tmpdir(), 'legate-clock-'));
  const file = join(folder, 'offset');
  let cluster: PostgresCluster;
  let server: TestServer;
  let admin: string;

  const set = (offsetMs: number) => writeFileSync(file, String(offsetMs));

  beforeAll(async () => {
    set(0);
    cluster = await createCluster();
    server = await startServer({
      environment: {
        DATABASE_URL: cluster.url, LEGATE_ACCESS_TOKEN_TTL: '14400', LEGATE_REFRESH_REPLAY_WINDOW: '0', LEGATE_JWKS_MAX_AGE: '1',
        LEGATE_AUDIT_CHECKPOINT_SECONDS: String(CHECKPOINT_SECONDS), LEGATE_TRUSTED_PROXIES: '1', LEGATE_RATE_LIMIT_READ: `source=${QUOTA}`,
        NODE_OPTIONS: `--import ${pathToFileURL(resolve('test/support/movable-clock.mjs')).href}`, TEST_CLOCK: file,
      },
    });
    admin = await bootstrapToken(server);
  });

  afterAll(async () => {
    await server?.stop();
    await cluster?.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Things that were used once, as whoever uses them again sends them. */
  async function usedThings(basic: [string, string]): Promise<Record<string, () => Promise<{ status: number }>>> {
    const client = await registerKeyClient(server);
    const assertion = await clientAssertion(server, client, { claims: { exp: Math.floor(Date.now() / 1000) + 240 } });
    const { privateKey, publicKey } = await generateKeyPair('ES256');
    const proof = await new SignJWT({ jti: randomUUID(), htm: 'POST', htu: `${server.issuer}/api/oauth/token` })
      .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk: await exportJWK(publicKey) }).setIssuedAt().sign(privateKey);
    const { clientId } = await registerClient(server, {
      grant_types: ['authorization_code', 'refresh_token'], redirect_uris: [CALLBACK], scopes: ['openid', 'agents:read', 'offline_access'], token_endpoint_auth_method: 'none',
    });
    const flow = new CodeFlow(server, { clientId, redirectUri: CALLBACK }, ADMIN, 'openid agents:read');
    const code = await flow.code();
    const { refreshToken } = await flow.tokens();
    const uses = {
      'client assertion': () => post(server, '/api/oauth/token', { grant_type: 'client_credentials', ...presenting(assertion) }),
      'DPoP proof': () => post(server, '/api/oauth/token', { grant_type: 'client_credentials' }, { basic, headers: { dpop: proof } }),
      'authorization code': () => flow.redeem(code),
      'refresh token': () => flow.refresh(refreshToken),
    };
    for (const [name, use] of Object.entries(uses)) expect({ name, status: (await use()).status }).toEqual({ name, status: 200 });
    return uses;
  }

  async function spentBudget(): Promise<() => Promise<{ status: number }>> {
    const { clientId, clientSecret } = await registerAgent(server);
    const { body } = await post(server, '/api/oauth/token', { grant_type: 'client_credentials' }, { basic: [clientId, clientSecret] });
    expect((await call(server, 'PUT', `/api/agents/${clientId}/limits`, { token: admin, body: { cost_budget_usd: 1, cost_period: 'lifetime' } })).status).toBe(200);
    const reserve = () => call(server, 'POST', '/api/usage/reservations', { token: String(body['access_token']), body: { cost_usd: 1 } });
    const reserved = await reserve();
    expect((await call(server, 'POST', `/api/usage/reservations/${String(reserved.body['id'])}/commit`, { token: String(body['access_token']), body: {} })).status).toBe(200);
    return reserve;
  }

  it('nothing comes back that was used or ended, no limit is lifted, and everything goes on', async () => {
    const parts = await loadParts(server);
    const load = new Load(parts);
    load.start();
    const used = await usedThings(parts.basic);
    const reserve = await spentBudget();
    const here = { 'x-forwarded-for': '198.51.100.1' };
    const guess = () => call(server, 'POST', '/api/auth/login', { headers: here, body: { name: 'nobody', password: 'a guess' } });
    const look = () => call(server, 'GET', '/api/agents', { headers: here });
    const begun = performance.now();
    let [guessed, looked] = [0, 0];
    for (let turn = 0; turn < 2 * GUESSES; turn += 1) if ((await guess()).status !== 429) guessed += 1;
    for (let turn = 0; turn < 2 * QUOTA; turn += 1) if ((await look()).status !== 429) looked += 1;
    const dataSource = await new DataSource({ type: 'postgres', url: cluster.url }).initialize();
    const signed = async () => (await dataSource.query<[{ count: number }]>('SELECT count(*)::int AS count FROM audit_checkpoints'))[0].count;
    const keys = createRemoteJWKSet(new URL(`${server.issuer}/api/.well-known/jwks.json`), { cooldownDuration: 0 });
    const kids = new Set<string>();
    const ended: string[] = [];
    const standing: string[] = [];
    const newToken = async () => {
      const { status, body } = await post(server, '/api/oauth/token', { grant_type: 'client_credentials', scope: 'weather:read' }, { basic: parts.basic });
      expect(status).toBe(200);
      return String(body['access_token']);
    };
    const rotate = async () => expect((await call(server, 'POST', '/api/admin/keys/rotate', { token: admin, body: { algorithms: ['ES256'] } })).status).toBe(200);
    const isActive = async (token: string) => (await introspect(server, token))['active'];
    const jumps: number[] = [];
    try {
      await rotate();
      for (const [name, offsetMs] of JUMPS) {
        const kept = [await newToken(), await newToken()];
        expect(await Promise.all(kept.map(isActive))).toEqual([true, true]);
        const [signedBefore, refusedBefore] = [await signed(), load.told.filter(({ status }) => status >= 300).length];
        set(offsetMs);
        jumps.push(performance.now());
        await pause(50);
        // What was asked about a moment ago is asked anew.
        expect((await post(server, '/api/oauth/revoke', { token: kept[0]! }, { basic: parts.basic })).status).toBe(200);
        expect(await Promise.all(kept.map(isActive))).toEqual([false, true]);
        ended.push(kept[0]!);
        standing.push(kept[1]!);

        const fresh = await newToken();
        await jwtVerify(fresh, keys, { issuer: server.issuer, currentDate: new Date(Date.now() + offsetMs) });
        kids.add(decodeProtectedHeader(fresh).kid!);
        expect(await isActive(fresh)).toBe(true);
        expect((await post(server, '/api/oauth/revoke', { token: fresh }, { basic: parts.basic })).status).toBe(200);
        expect(await isActive(fresh)).toBe(false);
        ended.push(fresh);

        const again = await Promise.all(Object.entries(used).map(async ([what, use]) => ({ what, isTaken: (await use()).status === 200 })));
        expect(again.filter(({ isTaken }) => isTaken)).toEqual([]);
        expect(await Promise.all(ended.map(isActive))).toEqual(ended.map(() => false));
        expect(await Promise.all(standing.map(isActive))).toEqual(standing.map(() => true));
        for (let turn = 0; turn < GUESSES; turn += 1) if ((await guess()).status !== 429) guessed += 1;
        for (let turn = 0; turn < QUOTA; turn += 1) if ((await look()).status !== 429) looked += 1;
        expect(await reserve()).toMatchObject({ status: 403, body: { code: 'limit_exhausted' } });

        await rotate();
        await pause(TURN_MS);
        expect(await signed()).toBeGreaterThan(signedBefore);
        report(`${name}: ${(await signed()) - signedBefore} checkpoints signed, ${load.told.filter(({ status }) => status >= 300).length - refusedBefore} requests of the load refused, `
          + `${again.length} used things refused, ${ended.length} tokens ended and ${standing.length} not`);
      }
      await new StatusListReader(server.issuer).until([...ended, ...standing], [...ended.map(() => 1), ...standing.map(() => 0)]);
    } finally {
      set(0);
      await load.stop();
      await dataSource.destroy();
    }
    const minutes = (performance.now() - begun) / 60_000;
    report(`${guessed} guesses, where ${GUESSES} may be made; ${looked} requests granted in ${minutes.toFixed(1)} minutes, where ${QUOTA} a minute are; tokens signed with ${kids.size} keys; ${load.told.length} requests of the load`);
    expect(guessed).toBeLessThanOrEqual(GUESSES);
    expect(looked).toBeLessThanOrEqual(QUOTA * (1 + minutes) + 1);
    expect(kids.size).toBeGreaterThan(1);
    expect(load.lies).toEqual([]);
    // A sign-in that was begun an hour before is over.
    const isOver = ({ kind, from, to, status }: Told) => kind === 'sign-in page' && status === 400 && jumps.some((at) => from < at + 50 && to > at);
    expect(load.told.filter((told) => (told.status === 0 || told.status >= 300) && !isOver(told)).map(({ kind, status, code }) => ({ kind, status, code }))).toEqual([]);
    expect({ exitCode: server.process.exitCode, signal: server.process.signalCode }).toEqual({ exitCode: null, signal: null });
    await expectAllStored(load, cluster.url, { hasRefusals: true });
  });
});
