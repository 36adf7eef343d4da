import type { DataSource } from 'typeorm';
import { verifyStoredLog } from '../../src/modules/audit/stored-log.js';
import { introspect, post } from './api.js';
import type { ServerAddress, TestServer } from './server.js';
import { report } from './stored-facts.js';

const REVOKE_EVERY = 4;
const ASKED_AT_ONCE = 20;
const REFUSED_PAUSE_MS = 5;

/** What a server acknowledged: responses that were received whole, whatever became of it afterwards. */
export class Acknowledged {
  /** `token_id` → the token. */
  readonly issued = new Map<string, string>();
  readonly revoked = new Set<string>();
  /** Revocations that were sent and never acknowledged: either way is right. */
  private readonly unknown = new Set<string>();
  private refused = 0;

  /** Asks for tokens, and gives some of them back, until the server is gone or `isOver` says so. */
  async askUntilGone(server: TestServer, basic: [string, string], isOver: () => boolean = () => false): Promise<void> {
    for (let count = 1; !isOver() && !isGone(server); count += 1) {
      const answer = await post(server, '/api/oauth/token', { grant_type: 'client_credentials', scope: 'weather:read' }, { basic }).catch(() => undefined);
      if (answer?.status !== 200) {
        this.refused += 1;
        await new Promise((resolve) => { setTimeout(resolve, REFUSED_PAUSE_MS); });
        continue;
      }
      const [tokenId, token] = [String(answer.body['token_id']), String(answer.body['access_token'])];
      this.issued.set(tokenId, token);
      if (count % REVOKE_EVERY !== 0) continue;
      this.unknown.add(tokenId);
      const revocation = await post(server, '/api/oauth/revoke', { token }, { basic }).catch(() => undefined);
      if (revocation?.status !== 200) continue;
      this.unknown.delete(tokenId);
      this.revoked.add(tokenId);
    }
  }

  /** Waits until so many more were acknowledged. @throws with its output when the server ends by itself */
  async untilMore(server: TestServer, count: number): Promise<void> {
    const enough = this.issued.size + count;
    while (this.issued.size < enough) {
      if (isGone(server)) throw new Error(`the server ended by itself:\n${server.output()}`);
      await new Promise((resolve) => { setTimeout(resolve, 5); });
    }
  }

  /** Tokens that somebody was told they have, and whether they must be alive. */
  get standing(): { tokenId: string; token: string; active: boolean }[] {
    return [...this.issued].filter(([tokenId]) => !this.unknown.has(tokenId)).map(([tokenId, token]) => ({ tokenId, token, active: !this.revoked.has(tokenId) }));
  }

  /** Introspection says of each of these what was acknowledged. */
  async expectStanding(server: ServerAddress, tokens = this.standing): Promise<void> {
    const left = [...tokens];
    await Promise.all(Array.from({ length: ASKED_AT_ONCE }, async () => {
      for (let one = left.pop(); one; one = left.pop()) {
        const { tokenId, token, active } = one;
        expect({ tokenId, active: (await introspect(server, token))['active'] }).toEqual({ tokenId, active });
      }
    }));
  }

  /** Nothing acknowledged is missing, there is neither half of a token without the other, acknowledged or not, and the log is intact. */
  async expectStored(dataSource: DataSource): Promise<void> {
    const rows = await dataSource.query<{ token_id: string; revoked: boolean }[]>('SELECT token_id, revoked_at IS NOT NULL AS revoked FROM tokens');
    const events = await dataSource.query<{ type: string; token_id: string; many: number }[]>(
      `SELECT type, body::json ->> 'token_id' AS token_id, count(*)::int AS many FROM audit_events WHERE type IN ('token.issued', 'token.revoked') GROUP BY 1, 2`);
    const verdict = await verifyStoredLog(dataSource);
    report(`${this.issued.size} tokens and ${this.revoked.size} revocations acknowledged (${this.refused} requests refused); `
      + `${rows.length} rows in the ledger, ${verdict.size} events in the log, ${verdict.isIntact ? 'intact' : `broken at ${verdict.firstBad}`}`);
    expect(this.revoked.size).toBeGreaterThan(0);
    expect(verdict.isIntact).toBe(true);
    const ledger = new Map(rows.map((row) => [row.token_id, row.revoked]));
    expect(ledger.size).toBe(rows.length);
    expect([...this.issued.keys()].filter((id) => !ledger.has(id))).toEqual([]);
    expect([...this.revoked].filter((id) => !ledger.get(id))).toEqual([]);

    const issuedEvents = new Map(events.filter(({ type }) => type === 'token.issued').map((row) => [row.token_id, row.many]));
    const revokedEvents = new Map(events.filter(({ type }) => type === 'token.revoked').map((row) => [row.token_id, row.many]));
    expect([...ledger.keys()].filter((id) => issuedEvents.get(id) !== 1)).toEqual([]);
    expect([...issuedEvents.keys()].filter((id) => !ledger.has(id))).toEqual([]);
    expect([...ledger].filter(([id, isRevoked]) => (revokedEvents.get(id) ?? 0) !== (isRevoked ? 1 : 0))).toEqual([]);
  }
}

function isGone({ process: { exitCode, signalCode } }: TestServer): boolean {
  return exitCode !== null || signalCode !== null;
}
