import { DataSource } from 'typeorm';
import { verifyStoredLog } from '../../src/modules/audit/stored-log.js';
import { bootstrapToken } from '../support/api.js';
import { CALLBACK, MACHINE_CLIENT, registerAgent, registerClient } from '../support/clients.js';
import type { TestServer } from '../support/server.js';
import { report } from '../support/stored-facts.js';
import { Load, type LoadParts, type Told } from './load.js';

/** When something was away. Milliseconds, as of `performance.now()`. */
export interface Outage {
  readonly from: number;
  readonly to: number;
}

export interface Pace {
  readonly beforeMs: number;
  /** From the end of the outage until everything must work again. */
  readonly recoveryMs: number;
  readonly afterMs: number;
}

/** REST says it in its own words, and says so when it was the record that could not be written. */
const REST_CODES = ['database_unavailable', 'audit_unavailable'];
const EXPECTED_CODES: Readonly<Record<string, readonly string[]>> = {
  token: ['temporarily_unavailable'], introspection: ['temporarily_unavailable'], login: [...REST_CODES, 'policies_unavailable'], registration: REST_CODES, 'sign-in page': [],
};
export const KINDS = Object.keys(EXPECTED_CODES);

/** Whom a load is made of, on a server that nobody has used. */
export async function loadParts(server: TestServer): Promise<LoadParts> {
  const machine = await registerClient(server, MACHINE_CLIENT);
  const web = await registerClient(server, { grant_types: ['authorization_code'], redirect_uris: [CALLBACK], scopes: ['openid', 'weather:read'] });
  return {
    server,
    basic: [machine.clientId, machine.clientSecret!],
    token: await bootstrapToken(server),
    apiKey: (await registerAgent(server)).clientSecret,
    authorizationUrl: `${server.issuer}/api/oauth/authorize?${new URLSearchParams({
      client_id: web.clientId, redirect_uri: CALLBACK, response_type: 'code', scope: 'openid',
      code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM', code_challenge_method: 'S256',
    })}`,
  };
}

/** Puts the server under load, takes something away from it, and waits until things should be well again. */
export async function live(parts: LoadParts, { beforeMs, recoveryMs, afterMs }: Pace, through: (load: Load) => Promise<void>): Promise<{ load: Load; outage: Outage }> {
  const load = new Load(parts);
  load.start();
  await pause(beforeMs);
  const from = performance.now();
  await through(load);
  const outage = { from, to: performance.now() };
  await pause(recoveryMs + afterMs);
  await load.stop();
  return { load, outage };
}

/** A reason that programs understand, in time, and never that something is not so when it only cannot be asked. */
export function expectHonestAnswers({ lies, told }: Load, longestMs: number): void {
  expect(lies).toEqual([]);
  expect(told.filter(({ status }) => ![200, 201, 503].includes(status)).map(({ kind, status, code }) => ({ kind, status, code }))).toEqual([]);
  expect(told.filter(({ from, to }) => to - from > longestMs).map(({ kind, from, to }) => `${kind} took ${Math.round(to - from)} ms`)).toEqual([]);
  const refused = told.filter(({ kind, status }) => status === 503 && kind !== 'ready');
  expect(refused.filter(({ headers }) => !headers?.get('retry-after'))).toEqual([]);
  expect(refused.filter(({ kind, headers }) => kind === 'sign-in page' && !headers?.get('content-type')?.startsWith('text/html'))).toEqual([]);
  expect(refused.filter(({ kind, code }) => kind !== 'sign-in page' && !EXPECTED_CODES[kind]!.includes(String(code))).map(({ kind, code }) => ({ kind, code }))).toEqual([]);
}

/** Well before, and well again soon after; the process is there all the time. */
export function expectRecovery({ told }: Load, outage: Outage, recoveryMs: number, { process }: TestServer): void {
  expect(told.filter(({ kind, status, from, to }) => kind === 'live' && (status !== 200 || to - from > 1_000))).toEqual([]);
  expect(told.filter(({ kind, status, from }) => kind === 'ready' && status !== 200 && from > outage.to + recoveryMs)).toEqual([]);
  expect({ exitCode: process.exitCode, signal: process.signalCode }).toEqual({ exitCode: null, signal: null });
  for (const kind of KINDS) {
    const asked = told.filter((one) => one.kind === kind);
    expect(asked.filter(({ to, status }) => to < outage.from && status < 300).length).toBeGreaterThan(5);
    expect(asked.filter(({ from, status }) => from > outage.to + recoveryMs && status >= 300)).toEqual([]);
    expect(asked.filter(({ from, status }) => from > outage.to + recoveryMs && status < 300).length).toBeGreaterThan(5);
  }
}

/**
 * Everything acknowledged is there, nothing is there without its event, and the log is whole.
 * @param options whether the test asked for refusals itself
 */
export async function expectAllStored({ issued, registered }: Load, url: string, { hasRefusals = false } = {}): Promise<void> {
  const stored = await whatIsStored(url);
  report(`${issued.size} tokens and ${registered.size} agents acknowledged; ${stored.tokens.size} tokens and ${stored.agents.size} agents stored in all, `
    + `${stored.verdict.size} events in the log, ${stored.verdict.isIntact ? 'intact' : `broken at ${stored.verdict.firstBad}`}`);
  expect([...issued].filter((id) => !stored.tokens.has(id))).toEqual([]);
  expect([...registered].filter((id) => !stored.agents.has(id))).toEqual([]);
  expect([...stored.tokens].filter(([, events]) => events !== 1)).toEqual([]);
  expect(stored.eventsAlone).toBe(0);
  expect(stored.verdict.isIntact).toBe(true);
  expect(stored.forgotten).toEqual([]);
  // That something could not be asked is nobody's refusal.
  if (!hasRefusals) expect(stored.refusals).toEqual([]);
  expect(stored.listeners).toBe(1);
}

/** Tokens with the number of their events, agents, transactions that somebody began and left, and who listens for changes. */
async function whatIsStored(url: string) {
  const dataSource = await new DataSource({ type: 'postgres', url }).initialize();
  try {
    const tokens = await dataSource.query<{ token_id: string; events: number }[]>(
      `SELECT t.token_id, count(e.sequence)::int AS events FROM tokens t
       LEFT JOIN audit_events e ON e.type = 'token.issued' AND e.body::json ->> 'token_id' = t.token_id::text GROUP BY 1`);
    const [{ alone: eventsAlone } = { alone: 0 }] = await dataSource.query<{ alone: number }[]>(
      `SELECT count(*)::int AS alone FROM audit_events e WHERE e.type = 'token.issued'
       AND NOT EXISTS (SELECT FROM tokens t WHERE t.token_id = (e.body::json ->> 'token_id')::uuid)`);
    const agents = await dataSource.query<{ id: string }[]>('SELECT id FROM agents');
    const forgotten = await dataSource.query<object[]>(
      `SELECT state, query, now() - state_change AS since FROM pg_stat_activity WHERE application_name = 'legate' AND state LIKE 'idle in transaction%' AND now() - state_change > interval '1 s'`);
    const refusals = await dataSource.query<{ type: string; body: string }[]>(`SELECT type, body FROM audit_events WHERE outcome = 'refused'`);
    const [{ listeners } = { listeners: 0 }] = await dataSource.query<{ listeners: number }[]>(
      `SELECT count(*)::int AS listeners FROM pg_stat_activity WHERE application_name = 'legate-changes'`);
    return {
      refusals, listeners, eventsAlone, forgotten,
      tokens: new Map(tokens.map((row) => [row.token_id, row.events])), agents: new Set(agents.map(({ id }) => id)), verdict: await verifyStoredLog(dataSource),
    };
  } finally {
    await dataSource.destroy();
  }
}

export function summary(told: readonly Told[], outage: Outage): string[] {
  const kinds = [...new Set(told.map(({ kind }) => kind))];
  return [`away for ${Math.round(outage.to - outage.from)} ms`, ...kinds.map((kind) => {
    const of = told.filter((one) => one.kind === kind);
    const counts = new Map<string, number>();
    for (const { status, code } of of) counts.set(`${status}${code ? ` ${code}` : ''}`, (counts.get(`${status}${code ? ` ${code}` : ''}`) ?? 0) + 1);
    const longest = Math.max(...of.map(({ from, to }) => to - from));
    const lastBad = Math.max(...of.filter(({ status }) => status >= 300 || status === 0).map(({ to }) => to), -Infinity);
    const recovered = lastBad === -Infinity ? '' : `, last refusal ${Math.round(lastBad - outage.to)} ms after its return`;
    return `${kind}: ${[...counts].map(([what, many]) => `${many} × ${what}`).join(', ')}; longest ${Math.round(longest)} ms${recovered}`;
  })];
}

export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => { setTimeout(resolve, milliseconds); });
}
