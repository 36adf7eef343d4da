/** What a search of the audit log takes among millions of events, on a database of its own. No server: the service is asked. */
import { randomInt } from 'node:crypto';
import { DataSource } from 'typeorm';
import { newId } from '../src/kernel/ids.js';
import type { AuditFilter } from '../src/modules/audit/audit-filter.js';
import { AuditIndex } from '../src/modules/audit/audit-index.service.js';
import { coverLog } from '../src/modules/audit/audit-partitions.js';
import { AuditSearch } from '../src/modules/audit/audit-search.service.js';
import { MasterKey } from '../src/platform/crypto/master-key.js';
import type { Background } from '../src/platform/database/background.js';
import { migrations } from '../src/platform/database/migrations.js';
import { createThrowawayDatabase } from './throwaway-database.js';

/** Milliseconds, at p95. */
export const SEARCH_AIM = 50;

export interface SearchSeries {
  readonly what: string;
  readonly events: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

const ASKED = 300;
const AGENTS = 4000;
/** These have one event in ten between them; the others share the rest. */
const HOT_AGENTS = 4;
const SEEDED_AT_ONCE = 100_000;
const ORGANIZATION = newId();

/** The page that is asked for is the first one, of the usual size. */
export async function measureAuditSearch(events: number): Promise<SearchSeries[]> {
  const database = await createThrowawayDatabase();
  const dataSource = await new DataSource({ type: 'postgres', url: database.url, migrations, migrationsRun: true, extra: { options: '-c jit=off' } }).initialize();
  try {
    await seed(dataSource, events);
    await readAll(dataSource, events);
    await dataSource.query('VACUUM ANALYZE');
    const [sizes] = await dataSource.query<{ log: string; index: string; mentions: string }[]>(
      `SELECT (SELECT pg_size_pretty(sum(pg_total_relation_size(inhrelid))) FROM pg_inherits WHERE inhparent = 'audit_events'::regclass) AS log, pg_size_pretty(pg_total_relation_size('audit_mentions')) AS index, count(*)::text AS mentions FROM audit_mentions`);
    console.error(`audit search  the log has ${sizes!.log}, its index ${sizes!.index} and ${sizes!.mentions} mentions`);
    const search = new AuditSearch(dataSource, new MasterKey(Buffer.alloc(32, 7)));
    const series: SearchSeries[] = [];
    for (const [what, filterOf] of Object.entries(QUESTIONS)) series.push(await measure(search, what, events, filterOf));
    return series;
  } finally {
    await dataSource.destroy();
    await database.drop();
  }
}

/** What is asked for, by the number of an event: the ids of a task and its tokens follow from it. */
const QUESTIONS: Readonly<Record<string, (event: number) => AuditFilter>> = {
  'a task': (event) => ({ task: idOf('task', event - (event % 5)) }),
  'a token': (event) => ({ token: idOf('token', event) }),
  'an agent, hot': (event) => ({ agent: idOf('agent', event % HOT_AGENTS) }),
  'an agent, cold': (event) => ({ agent: idOf('agent', HOT_AGENTS + (event % (AGENTS - HOT_AGENTS))) }),
  'an agent in a chain': (event) => ({ actor: idOf('agent', HOT_AGENTS + (event % (AGENTS - HOT_AGENTS))) }),
  'an agent and a type, hot': (event) => ({ agent: idOf('agent', event % HOT_AGENTS), types: ['token.revoked'] }),
  'an agent, a day': (event) => ({ agent: idOf('agent', event % AGENTS), from: dayOf(event), to: new Date(dayOf(event).getTime() + 24 * 3600 * 1000) }),
};

const BEGIN = Date.UTC(2026, 0, 1);
/** Five million events are a bit more than half a year. */
const APART_MS = 3500;

function dayOf(event: number): Date {
  return new Date(BEGIN + event * APART_MS);
}

/** As the statement below makes them. */
function idOf(kind: 'agent' | 'task' | 'token', number: number): string {
  return `${{ agent: 'a0000000', task: 'b0000000', token: 'c0000000' }[kind]}-0000-7000-8000-${number.toString(16).padStart(12, '0')}`;
}

/** Five events in a task: tokens are issued and a tool is checked; every third acts for somebody, by a chain of two agents. */
const SEED = `INSERT INTO audit_events (sequence, event_id, organization_id, type, outcome, occurred_at, task_id, body, leaf_hash)
  SELECT n, id.event, $3, kind.type, kind.outcome, at.time, id.task::uuid,
    json_build_object('id', id.event, 'time', at.time, 'source', json_build_object('ip', '10.0.' || n % 250 || '.' || n % 199, 'request_id', id.event, 'user_agent', 'node'),
      'type', kind.type, 'outcome', kind.outcome, 'organization_id', $3::uuid, 'actor', json_build_object('kind', 'agent', 'id', id.agent, 'client_id', id.agent),
      'act', CASE WHEN n % 3 = 0 THEN json_build_object('sub', id.agent, 'act', json_build_object('sub', id.other)) END,
      'subject', CASE WHEN n % 3 = 0 THEN id.person ELSE id.agent END, 'target', json_build_object('kind', 'access_token', 'id', id.token), 'token_id', id.token, 'task_id', id.task,
      'details', json_build_object('grant_type', 'client_credentials', 'audience', 'https://api.example/v1', 'scope', 'calendar:read mail:read files:read:shared', 'expires_at', 1790000000 + n,
        'parent_token_id', CASE WHEN n % 3 = 0 THEN id.parent END, 'tools', json_build_array('search_flights', 'book_flight'), 'launch_reason', 'agent_delegated',
        'decision', json_build_object('id', id.event, 'policies', json_build_array('default:agents-get-what-they-are-assigned'))))::text, sha256(int8send(n))
  FROM generate_series($1::bigint, $2::bigint - 1) AS n,
    LATERAL (SELECT CASE WHEN n % 10 = 0 THEN n / 10 % ${HOT_AGENTS} ELSE ${HOT_AGENTS} + n * 7919 % ${AGENTS - HOT_AGENTS} END AS agent) AS acting,
    LATERAL (SELECT gen_random_uuid() AS event, 'a0000000-0000-7000-8000-' || lpad(to_hex(acting.agent), 12, '0') AS agent,
      'a0000000-0000-7000-8000-' || lpad(to_hex(${HOT_AGENTS} + n * 104729 % ${AGENTS - HOT_AGENTS}), 12, '0') AS other,
      'd0000000-0000-7000-8000-' || lpad(to_hex(n % 20000), 12, '0') AS person, 'b0000000-0000-7000-8000-' || lpad(to_hex(n - n % 5), 12, '0') AS task,
      'c0000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0') AS token, 'c0000000-0000-7000-8000-' || lpad(to_hex(n - n % 5), 12, '0') AS parent OFFSET 0) AS id,
    LATERAL (SELECT CASE n % 50 WHEN 0 THEN 'token.revoked' WHEN 1 THEN 'access.refused' WHEN 2 THEN 'tool.checked' ELSE 'token.issued' END AS type, CASE n % 50 WHEN 1 THEN 'refused' ELSE 'success' END AS outcome) AS kind,
    LATERAL (SELECT to_timestamp((${BEGIN} + n * ${APART_MS}) / 1000.0) AS time) AS at`;

async function seed(dataSource: DataSource, events: number): Promise<void> {
  const started = performance.now();
  await coverLog(dataSource.manager, events);
  for (let first = 0; first < events; first += SEEDED_AT_ONCE) await dataSource.query(SEED, [first, Math.min(events, first + SEEDED_AT_ONCE), ORGANIZATION]);
  await dataSource.query(`UPDATE audit_heads SET size = $1 WHERE log = 'main'`, [events]);
  console.error(`audit search  ${events} events made in ${((performance.now() - started) / 1000).toFixed(0)} s`);
}

async function readAll(dataSource: DataSource, events: number): Promise<void> {
  const index = new AuditIndex({ every: () => undefined } as unknown as Background);
  const started = performance.now();
  let longest = 0;
  for (let hasMore = true; hasMore;) {
    const begun = performance.now();
    hasMore = await dataSource.transaction((manager) => index.readOn(manager));
    longest = Math.max(longest, performance.now() - begun);
  }
  const seconds = (performance.now() - started) / 1000;
  console.error(`audit search  read in ${seconds.toFixed(0)} s, ${(events / seconds).toFixed(0)} events a second, the longest batch ${longest.toFixed(0)} ms`);
}

async function measure(search: AuditSearch, what: string, events: number, filterOf: (event: number) => AuditFilter): Promise<SearchSeries> {
  const times: number[] = [];
  for (let asked = -10; asked < ASKED; asked += 1) {
    const filter = filterOf(randomInt(events));
    const started = performance.now();
    const { data } = await search.list({ organizationId: ORGANIZATION }, filter, {});
    if (asked >= 0) times.push(performance.now() - started);
    if (data.length === 0 && filter.from === undefined) throw new Error(`nothing was found of ${JSON.stringify(filter)}`);
  }
  times.sort((a, b) => a - b);
  const at = (share: number): number => times[Math.floor(times.length * share)]!;
  return { what, events, p50: at(0.5), p95: at(0.95), p99: at(0.99) };
}
