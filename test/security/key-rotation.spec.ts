import * as jose from 'jose';
import { bootstrapToken, call, post } from '../support/api.js';
import { MACHINE_CLIENT, registerClient } from '../support/clients.js';
import { startServer, type TestServer } from '../support/server.js';
import { report } from '../support/stored-facts.js';

/** A rotation takes four seconds here, so a quick run makes few of them; the whole promise is about twelve. */
const ROTATIONS = Number(process.env['LEGATE_TEST_ROTATIONS'] ?? 3);
const LOOPS = 4;
const PAUSE_MS = 10;
/** Of the tokens issued between two rotations this many are verified again after each later one. */
const KEPT = 25;
const RS256_RESOURCE = 'https://rotation.example/api';

const pause = (milliseconds: number) => new Promise<void>((resolve) => { setTimeout(resolve, milliseconds); });

/** A resource server that fetches the key set when its copy has expired (RFC 9111) and never otherwise. */
class CachingVerifier {
  fetches = 0;
  verified = 0;
  readonly failures: string[] = [];
  private keys?: ReturnType<typeof jose.createLocalJWKSet>;
  private expiresAt = 0;
  private fetching?: Promise<void>;

  constructor(private readonly server: TestServer, private readonly issuer: string) {}

  async verify(token: string, audience: string): Promise<void> {
    try {
      if (performance.now() >= this.expiresAt) await (this.fetching ??= this.fetch().finally(() => { this.fetching = undefined; }));
      await jose.jwtVerify(token, this.keys!, { issuer: this.issuer, audience, typ: 'at+jwt' });
      this.verified += 1;
    } catch (error) {
      this.failures.push(`${jose.decodeProtectedHeader(token).kid}: ${String(error)}`);
    }
  }

  private async fetch(): Promise<void> {
    const asked = performance.now();
    const response = await fetch(`${this.server.issuer}/api/.well-known/jwks.json`);
    const maxAge = Number(/^public, max-age=(\d+)$/.exec(response.headers.get('cache-control') ?? '')?.[1]);
    this.keys = jose.createLocalJWKSet(await response.json() as jose.JSONWebKeySet);
    // Section 4.2.3: the time it was under way counts.
    this.expiresAt = asked + maxAge * 1000;
    this.fetches += 1;
  }
}

/** On PostgreSQL two nodes sign and publish; each verifier takes its keys from one of them and tokens from both. */
describe('keys that change under load', () => {
  let nodes: TestServer[];
  let issuer: string;
  let basic: [string, string];

  beforeAll(async () => {
    const server = await startServer({ environment: { LEGATE_JWKS_MAX_AGE: '1' } });
    issuer = server.issuer;
    nodes = process.env['TEST_DATABASE_URL'] ? [server, await startServer({ beside: server })] : [server];
    const admin = await bootstrapToken(server);
    const scope = await call(server, 'POST', '/api/scopes', { token: admin, body: { name: 'rotation:read', description: 'Read.' } });
    const resource = await call(server, 'POST', '/api/resources', {
      token: admin, body: { identifier: RS256_RESOURCE, name: 'Signed with RSA', scopes: ['rotation:read'], signing_algorithm: 'RS256' },
    });
    if (scope.status !== 201 || resource.status !== 201) throw new Error(`no resource signed with RSA: ${JSON.stringify([scope.body, resource.body])}`);
    const client = await registerClient(server, { ...MACHINE_CLIENT, scopes: [...MACHINE_CLIENT.scopes, 'rotation:read'] });
    basic = [client.clientId, client.clientSecret!];
  });

  afterAll(async () => {
    for (const node of [...nodes].reverse()) await node.stop();
  });

  const publishedKids = async (node: TestServer) =>
    (await call<{ keys: { kid: string }[] }>(node, 'GET', '/api/.well-known/jwks.json')).body.keys.map(({ kid }) => kid);

  it(`are never missed by a verifier that keeps the key set as long as it may, over ${ROTATIONS} rotations`, async () => {
    const verifiers = nodes.map((node) => new CachingVerifier(node, issuer));
    const firstSeen = new Map<string, number>();
    const kept: { token: string; audience: string }[][] = [[]];
    let issued = 0;
    let refused = 0;
    const over = new AbortController();

    const load = async (loop: number) => {
      const node = nodes[loop % nodes.length]!;
      const audience = loop % 2 === 0 ? `${issuer}/api` : RS256_RESOURCE;
      while (!over.signal.aborted) {
        const { status, body } = await post(node, '/api/oauth/token', { grant_type: 'client_credentials', resource: audience }, { basic });
        const answered = Date.now();
        if (status === 200) {
          const token = String(body['access_token']);
          issued += 1;
          const { kid } = jose.decodeProtectedHeader(token);
          if (!firstSeen.has(kid!)) firstSeen.set(kid!, answered);
          await Promise.all(verifiers.map((verifier) => verifier.verify(token, audience)));
          const current = kept.at(-1)!;
          if (current.length < KEPT) current.push({ token, audience });
        } else {
          refused += 1;
        }
        await pause(PAUSE_MS);
      }
    };
    const verifyKept = async () => {
      for (const { token, audience } of kept.flat()) await Promise.all(verifiers.map((verifier) => verifier.verify(token, audience)));
    };

    const loops = Promise.all(Array.from({ length: LOOPS * nodes.length }, (_, loop) => load(loop)));
    const schedule = new Map<string, number>();
    try {
      for (let rotation = 1; rotation <= ROTATIONS; rotation += 1) {
        const node = nodes[rotation % nodes.length]!;
        const { status, body } = await call<{ data: { change: string; kid: string; activates_at: string }[] }>(node, 'POST', '/api/admin/keys/rotate', { token: await bootstrapToken(nodes[0]!), body: {} });
        expect({ status, changes: body.data?.map(({ change }) => change) }).toEqual({ status: 200, changes: ['published', 'published'] });
        const activatesAt = new Date(body.data[0]!.activates_at).getTime();
        for (const { kid, activates_at } of body.data) schedule.set(kid, new Date(activates_at).getTime());

        // Every node publishes the keys well before any of them signs with one.
        await pause(Math.max(0, activatesAt - Date.now() - 2500));
        for (const each of nodes) expect(await publishedKids(each)).toEqual(expect.arrayContaining(body.data.map(({ kid }) => kid)));

        kept.push([]);
        while (!body.data.every(({ kid }) => firstSeen.has(kid)) && Date.now() < activatesAt + 10_000) await pause(20);
        await verifyKept();
      }
    } finally {
      over.abort();
      await loops;
    }
    await verifyKept();
    const verified = verifiers.reduce((sum, verifier) => sum + verifier.verified, 0);
    const fetches = verifiers.reduce((sum, verifier) => sum + verifier.fetches, 0);
    const failures = verifiers.flatMap((verifier) => verifier.failures);
    report(`${ROTATIONS} rotations on ${nodes.length} node(s): ${issued} tokens signed by ${firstSeen.size} keys, ${verified} verifications with ${fetches} fetches of the key set, ${failures.length} failures`);

    expect(failures).toEqual([]);
    expect(refused).toBe(0);
    // Each rotation brought both its keys into use, neither before its time.
    expect(firstSeen.size).toBe(2 + 2 * ROTATIONS);
    for (const [kid, activatesAt] of schedule) expect({ kid, isEarly: firstSeen.get(kid)! < activatesAt }).toEqual({ kid, isEarly: false });
  }, 60_000 + ROTATIONS * 15_000);
});
