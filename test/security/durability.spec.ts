import { verifyStoredLog } from '../../src/modules/audit/stored-log.js';
import { introspect, post } from '../support/api.js';
import { MACHINE_CLIENT, registerClient } from '../support/clients.js';
import { startServer, type TestServer } from '../support/server.js';
import { openDatabaseOf, report } from '../support/stored-facts.js';

const KILLS = 3;
const LOOPS = 20;
/** Acknowledged before each kill, which so comes in the middle of the load however fast the machine is. */
const TOKENS = 120;
const REVOKE_EVERY = 4;
const INTROSPECTED = 200;

/** What the server acknowledged: a response that was received whole. */
interface Acknowledged {
  /** `token_id` → the token. */
  readonly issued: Map<string, string>;
  readonly revoked: Set<string>;
  /** Revocations that were sent and never answered: either way is right. */
  readonly unknown: Set<string>;
  refused: number;
}

describe('a server that is killed under load', () => {
  const servers: TestServer[] = [];
  let basic: [string, string];

  beforeAll(async () => {
    servers.push(await startServer());
    const client = await registerClient(servers[0]!, MACHINE_CLIENT);
    basic = [client.clientId, client.clientSecret!];
  });

  afterAll(async () => {
    for (const server of [...servers].reverse()) await server.stop();
  });

  /** Asks for tokens, and gives some of them back, until the server is gone. */
  async function askUntilGone(server: TestServer, acknowledged: Acknowledged): Promise<void> {
    for (let count = 1; ; count += 1) {
      const answer = await post(server, '/api/oauth/token', { grant_type: 'client_credentials', scope: 'weather:read' }, { basic }).catch(() => undefined);
      if (!answer) return;
      if (answer.status !== 200) {
        acknowledged.refused += 1;
        continue;
      }
      const [tokenId, token] = [String(answer.body['token_id']), String(answer.body['access_token'])];
      acknowledged.issued.set(tokenId, token);
      if (count % REVOKE_EVERY !== 0) continue;
      acknowledged.unknown.add(tokenId);
      const revocation = await post(server, '/api/oauth/revoke', { token }, { basic }).catch(() => undefined);
      if (revocation?.status !== 200) continue;
      acknowledged.unknown.delete(tokenId);
      acknowledged.revoked.add(tokenId);
    }
  }

  async function killUnderLoad(server: TestServer, acknowledged: Acknowledged): Promise<void> {
    const loops = Array.from({ length: LOOPS }, () => askUntilGone(server, acknowledged));
    const enough = acknowledged.issued.size + TOKENS;
    while (acknowledged.issued.size < enough && server.process.exitCode === null) await new Promise((resolve) => { setTimeout(resolve, 5); });
    await server.kill('SIGKILL');
    await Promise.all(loops);
  }

  it('has every token whose response was received, each with exactly one audit event, and an audit log that verifies', async () => {
    const acknowledged: Acknowledged = { issued: new Map(), revoked: new Set(), unknown: new Set(), refused: 0 };
    for (let kill = 1; kill <= KILLS; kill += 1) {
      const before = acknowledged.issued.size;
      await killUnderLoad(servers.at(-1)!, acknowledged);
      servers.push(await startServer({ beside: servers[0]! }));
      report(`kill ${kill}: ${acknowledged.issued.size - before} tokens acknowledged, ${acknowledged.revoked.size} revocations so far`);
    }
    const last = servers.at(-1)!;
    const newest = [...acknowledged.issued].slice(-INTROSPECTED);
    for (const [tokenId, token] of [...newest, ...[...acknowledged.issued].filter(([id]) => acknowledged.revoked.has(id)).slice(-INTROSPECTED)]) {
      if (acknowledged.unknown.has(tokenId)) continue;
      expect({ tokenId, active: (await introspect(last, token))['active'] }).toEqual({ tokenId, active: !acknowledged.revoked.has(tokenId) });
    }
    await last.kill();

    const { dataSource, close } = await openDatabaseOf(last);
    try {
      const rows = await dataSource.query<{ token_id: string; revoked: boolean }[]>('SELECT token_id, revoked_at IS NOT NULL AS revoked FROM tokens');
      const events = await dataSource.query<{ type: string; token_id: string; many: number }[]>(
        `SELECT type, body::json ->> 'token_id' AS token_id, count(*)::int AS many FROM audit_events WHERE type IN ('token.issued', 'token.revoked') GROUP BY 1, 2`);
      const verdict = await verifyStoredLog(dataSource);
      report(`${acknowledged.issued.size} tokens and ${acknowledged.revoked.size} revocations acknowledged (${acknowledged.refused} requests refused); `
        + `${rows.length} rows in the ledger, ${verdict.size} events in the log, ${verdict.isIntact ? 'intact' : `broken at ${verdict.firstBad}`}`);

      expect(acknowledged.issued.size).toBeGreaterThanOrEqual(KILLS * TOKENS);
      expect(acknowledged.revoked.size).toBeGreaterThan(0);
      expect(verdict.isIntact).toBe(true);
      const ledger = new Map(rows.map((row) => [row.token_id, row.revoked]));
      expect(ledger.size).toBe(rows.length);
      expect([...acknowledged.issued.keys()].filter((id) => !ledger.has(id))).toEqual([]);
      expect([...acknowledged.revoked].filter((id) => !ledger.get(id))).toEqual([]);

      // Neither half without the other, acknowledged or not.
      const issuedEvents = new Map(events.filter(({ type }) => type === 'token.issued').map((row) => [row.token_id, row.many]));
      const revokedEvents = new Map(events.filter(({ type }) => type === 'token.revoked').map((row) => [row.token_id, row.many]));
      expect([...ledger.keys()].filter((id) => issuedEvents.get(id) !== 1)).toEqual([]);
      expect([...issuedEvents.keys()].filter((id) => !ledger.has(id))).toEqual([]);
      expect([...ledger].filter(([id, isRevoked]) => (revokedEvents.get(id) ?? 0) !== (isRevoked ? 1 : 0))).toEqual([]);
    } finally {
      await close();
    }
  });
});
