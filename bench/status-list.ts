/** What a status list of many tokens takes, and how long after an ending it tells of it: a server on PostgreSQL, asked over HTTP. */
import { setTimeout as sleep } from 'node:timers/promises';
import { inflateSync } from 'node:zlib';
import pg from 'pg';
import { percentile } from './percentile.js';
import { postForm } from './requests.js';
import { startTarget, type Target } from './targets.js';

export const STATUS_LIST_AIMS = { milliseconds: 150, kilobytes: 200, delay: 1000 } as const;

export interface StatusListMeasurement {
  readonly tokens: number;
  /** From the question until the answer is there, of a list that has changed. Milliseconds. */
  readonly written: number;
  readonly kilobytes: number;
  /** Looking at every token of the list anew, in the background. Seconds. */
  readonly judged: number;
  /** From the answer to an ending until the list tells of it. Milliseconds. */
  readonly delays: readonly { readonly what: string; readonly p50: number; readonly p99: number }[];
}

const LIST_SIZE = 2 ** 20;
const LIST = 'bench-list-1';
const AGENTS = 1000;
const REVOKED_SHARE = 0.01;
const SEEDED_AT_ONCE = 100_000;
const WRITTEN_TIMES = 15;
const REVOCATIONS = 100;
const SUSPENSIONS = 30;
const LOOK_EVERY_MS = 10;
const PATIENCE_MS = 120_000;

/** @param tokens in one list, at most as many as it has entries */
export async function measureStatusList(tokens: number): Promise<StatusListMeasurement> {
  const target = await startTarget('postgres');
  const client = new pg.Client({ connectionString: target.legate!.databaseUrl });
  try {
    await client.connect();
    await seed(client, tokens);
    const judged = await judgeAll(client);
    const { written, kilobytes } = await timesToWrite(target, client);
    return {
      tokens, judged, written, kilobytes,
      delays: [{ what: 'a token revoked', ...await delayOfRevocations(target) }, { what: `an agent with ${tokens / AGENTS} of them suspended`, ...await delayOfSuspensions(target, client) }],
    };
  } finally {
    await client.end();
    await target.stop();
  }
}

/** Tokens of a thousand agents, issued within ten minutes and good for an hour, as many as fit into a list of their own. */
async function seed(client: pg.Client, tokens: number): Promise<void> {
  const started = performance.now();
  await client.query(`INSERT INTO clients (id, organization_id, kind, name) SELECT ${agentId('n')}::text, o.id, 'agent', 'agent ' || n FROM organizations o, generate_series(0, ${AGENTS - 1}) n`);
  await client.query(`INSERT INTO agents (id, client_id, organization_id, name, status) SELECT ${agentId('n')}, ${agentId('n')}::text, o.id, 'agent ' || n, 'active' FROM organizations o, generate_series(0, ${AGENTS - 1}) n`);
  const { rows: [list] } = await client.query<{ number: string }>(
    `INSERT INTO status_lists (name, seed, leased, longest_life, opened_at, ends_at) VALUES ($1, '', ${LIST_SIZE}, 3600, now(), now() + interval '1 day') RETURNING number`, [LIST]);
  for (let first = 0; first < tokens; first += SEEDED_AT_ONCE) {
    // Where a token stands in the list has nothing to do with when it was issued: an odd factor scatters the indexes.
    await client.query(
      `INSERT INTO tokens (token_id, kind, format, grant_type, organization_id, client_id, subject, agent_id, scope, task_id, root_token_id, issued_at, expires_at, revoked_at, status_entry)
       SELECT named.id, 'access_token', 'jwt', 'client_credentials', o.id, agent::text, agent::text, agent, 'agents:read', named.id, named.id, at, at + interval '1 hour',
         CASE WHEN abs(hashint4(n)) % ${1 / REVOKED_SHARE} = 0 THEN now() END, $1::bigint * ${LIST_SIZE} + (n::bigint * 611953) % ${LIST_SIZE}
       FROM organizations o, generate_series($2::int, $3::int - 1) n,
         LATERAL (SELECT now() - interval '10 minutes' * (1 - n / $4::float) AS at, ${agentId(`(n % ${AGENTS})`)} AS agent) made,
         LATERAL (SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7000a000' || lpad(to_hex(n), 12, '0'))::uuid AS id) named`,
      [list!.number, first, Math.min(tokens, first + SEEDED_AT_ONCE), tokens]);
  }
  await client.query('VACUUM ANALYZE tokens');
  console.error(`status list  ${tokens} tokens made in ${((performance.now() - started) / 1000).toFixed(0)} s`);
}

function agentId(number: string): string {
  return `('a0000000-0000-7000-8000-' || lpad(to_hex(${number}), 12, '0'))::uuid`;
}

/** Seconds until the server has looked at all of them, as when a whole organization is suspended. */
async function judgeAll(client: pg.Client): Promise<number> {
  const started = performance.now();
  await client.query(`INSERT INTO status_sweeps (organization_id, kind, ended_id, before) SELECT id, 'organization', id, 'ffffffff-ffff-ffff-ffff-ffffffffffff' FROM organizations`);
  await until(async () => (await client.query('SELECT FROM status_sweeps')).rowCount === 0, 'the ledger was not looked through');
  const seconds = (performance.now() - started) / 1000;
  const { rows: [row] } = await client.query<{ listed: string; revoked: string }>(
    `SELECT bit_count(statuses) AS listed, (SELECT count(*) FROM tokens WHERE revoked_at IS NOT NULL) AS revoked FROM status_lists WHERE name = '${LIST}'`);
  if (row!.listed !== row!.revoked) throw new Error(`the list says that ${row!.listed} tokens have ended, where ${row!.revoked} have`);
  return seconds;
}

async function timesToWrite(target: Target, client: pg.Client): Promise<{ written: number; kilobytes: number }> {
  const times: number[] = [];
  let bytes = 0;
  for (let time = 0; time < WRITTEN_TIMES; time += 1) {
    await client.query(`UPDATE status_lists SET version = version + 1 WHERE name = '${LIST}'`);
    // What a node knows of a list may be a tenth of a second old.
    await sleep(200);
    const started = performance.now();
    const response = await fetch(`${target.legate!.apiUrl}/status-lists/${LIST}`);
    const text = await response.text();
    times.push(performance.now() - started);
    if (!response.ok) throw new Error(`the list was answered with ${response.status}: ${text}`);
    bytes = text.length;
  }
  return { written: percentile(times, 0.5), kilobytes: bytes / 1000 };
}

async function delayOfRevocations(target: Target): Promise<{ p50: number; p99: number }> {
  const delays: number[] = [];
  for (let count = 0; count < REVOCATIONS; count += 1) {
    const { access_token: token } = await postForm(target.tokenUrl, target.authorization, target.issueBody);
    const { idx, uri } = (JSON.parse(Buffer.from(String(token).split('.')[1]!, 'base64url').toString()) as { status: { status_list: { idx: number; uri: string } } }).status.status_list;
    // Endings come at any time, not right after the list was written.
    await sleep(Math.random() * 500);
    await postForm(target.legate!.revocationUrl, target.authorization, `token=${String(token)}`);
    delays.push(await untilTold(uri, idx));
  }
  return { p50: percentile(delays, 0.5), p99: percentile(delays, 0.99) };
}

/** Until the oldest of its tokens is told of, which comes last. */
async function delayOfSuspensions(target: Target, client: pg.Client): Promise<{ p50: number; p99: number }> {
  const { access_token: token } = await postForm(target.tokenUrl, target.authorization, 'grant_type=client_credentials&scope=agents%3Awrite');
  const delays: number[] = [];
  for (let agent = 1; agent <= SUSPENSIONS; agent += 1) {
    const { rows: [row] } = await client.query<{ id: string; index: string }>(
      `SELECT ${agentId('$1::int')} AS id, status_entry % ${LIST_SIZE} AS index FROM tokens WHERE agent_id = ${agentId('$1::int')} AND revoked_at IS NULL ORDER BY token_id LIMIT 1`, [agent]);
    await sleep(Math.random() * 500);
    const response = await fetch(`${target.legate!.apiUrl}/agents/${row!.id}/suspend`, { method: 'POST', headers: { authorization: `Bearer ${String(token)}` } });
    if (!response.ok) throw new Error(`an agent was not suspended: ${response.status} ${await response.text()}`);
    delays.push(await untilTold(`${target.legate!.apiUrl}/status-lists/${LIST}`, Number(row!.index)));
  }
  return { p50: percentile(delays, 0.5), p99: percentile(delays, 0.99) };
}

/** Milliseconds. */
async function untilTold(uri: string, index: number): Promise<number> {
  const started = performance.now();
  let tag = '';
  await until(async () => {
    const response = await fetch(uri, { headers: { 'if-none-match': tag } });
    const text = await response.text();
    if (response.status === 304) return false;
    if (!response.ok) throw new Error(`the list was answered with ${response.status}: ${text}`);
    tag = response.headers.get('etag') ?? '';
    const { status_list: { lst } } = JSON.parse(Buffer.from(text.split('.')[1]!, 'base64url').toString()) as { status_list: { lst: string } };
    return (inflateSync(Buffer.from(lst, 'base64url'))[index >>> 3]! >> (index & 7) & 1) === 1;
  }, 'the list does not tell of an ending');
  return performance.now() - started;
}

async function until(isSo: () => Promise<boolean>, complaint: string): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (!await isSo()) {
    if (performance.now() > deadline) throw new Error(complaint);
    await sleep(LOOK_EVERY_MS);
  }
}
