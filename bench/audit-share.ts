/**
 * How much of what a token costs is the audit log: of the server's processor time, by a profile of it under load, and of the database's
 * time for the statement that commits tokens with their events, by what PostgreSQL says of each of its steps.
 *
 * Counted as audit is what would not happen if there were no log: completing the event and writing its text, hashing it, extending the
 * tree, the columns of the events, and of queueing, sending and hearing of the statement as much as events have of its bytes. What
 * reads the log behind its writers (index, checkpoints) is told apart. Putting together what the event says comes with the token's row
 * and claims (`tokenRecord`), and is counted as neither.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { DataSource } from 'typeorm';
import { newId } from '../src/kernel/ids.js';
import type { AuditEvent } from '../src/modules/audit/audit-event.js';
import { AuditLog } from '../src/modules/audit/audit-log.service.js';
import { TokenLedger, type LedgerRow } from '../src/modules/tokens/token-ledger.service.js';
import type { DatabasePool } from '../src/platform/database/database-pool.js';
import { busyByPart, type Frame } from './cpu-profile.js';
import { measure, prepare, warmUp } from './load.js';
import { percentile } from './percentile.js';
import { startUnbundled, type Target } from './targets.js';

/** Of a token's processor time in the server. */
export const AUDIT_SHARE_AIM = 0.1;

export interface AuditShare {
  /** Of the server for one token, with the profiler's. Microseconds. */
  readonly cpuMicroseconds: number;
  /** Of it: writing events, and their part of the statement. */
  readonly audit: number;
  /** Of it: the statement's other part, which carries the tokens' rows. */
  readonly ledger: number;
  /** Of it: reading the log behind its writers. */
  readonly behind: number;
  readonly database: {
    /** Of one statement, without planning it and without the commit. Milliseconds. */
    readonly execution: number;
    /** Of it: inserting the events and moving the head of the log. */
    readonly audit: number;
    /** Of it: checking what the tokens stand on, and inserting their rows. */
    readonly ledger: number;
  };
}

const CONNECTIONS = 50;
/** Tokens in one statement, as many as there are connections that wait for it. */
const BATCH = 50;
const EXPLAINED = 200;
/** The first statements find empty caches. */
const NOT_COUNTED = 20;

export async function measureAuditShare(seconds: number): Promise<AuditShare> {
  const folder = mkdtempSync(join(tmpdir(), 'legate-audit-share-'));
  try {
    const target = await startUnbundled(['--cpu-prof', `--cpu-prof-dir=${folder}`, '--cpu-prof-name=server.cpuprofile']);
    let loaded: { from: number; to: number; cpuMicroseconds: number };
    let statements: Statements;
    try {
      loaded = await load(target, seconds);
      statements = await explain(target.legate!.databaseUrl!);
    } finally {
      await target.stop();
    }
    const { total, byPart } = busyByPart(join(folder, 'server.cpuprofile'), partOf, loaded.from, loaded.to);
    const shareOf = (part: string): number => (byPart.get(part) ?? 0) / total;
    return {
      cpuMicroseconds: loaded.cpuMicroseconds,
      audit: shareOf('events') + shareOf('statement') * statements.eventBytes,
      ledger: shareOf('statement') * (1 - statements.eventBytes),
      behind: shareOf('behind'),
      database: { execution: statements.execution, audit: statements.audit, ledger: statements.ledger },
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function load(target: Target, seconds: number): Promise<{ from: number; to: number; cpuMicroseconds: number }> {
  const requests = await prepare(target, 'client_credentials');
  for (let round = 0; round < 3; round += 1) await warmUp(requests);
  const from = Number(process.hrtime.bigint() / 1000n);
  const { cpuMicroseconds, failures } = await measure(target, requests, CONNECTIONS, seconds);
  if (failures > 0) throw new Error(`${failures} requests failed`);
  return { from, to: Number(process.hrtime.bigint() / 1000n), cpuMicroseconds };
}

/** `merkle-log` is called by those who write events, and by those who read them. */
function partOf({ functionName, url }: Frame, callersPart: string | undefined): string | undefined {
  if (!url.includes('/dist/src/')) return undefined;
  if (url.endsWith('/modules/audit/merkle-log.js')) return callersPart === 'behind' ? 'behind' : 'events';
  if (url.endsWith('/modules/audit/audit-record.js')) return 'events';
  if (url.endsWith('/modules/audit/audit-log.service.js')) return functionName === 'enqueue' ? 'events' : 'statement';
  return url.includes('/modules/audit/') ? 'behind' : 'rest';
}

interface Statements { readonly execution: number; readonly audit: number; readonly ledger: number; /** Share of the statement's parameters. */ readonly eventBytes: number }
interface Named { text: string; values: (string | number | readonly string[])[] }
interface Step {
  readonly 'Relation Name'?: string;
  readonly 'CTE Name'?: string;
  readonly 'Subplan Name'?: string;
  /** For each loop. Milliseconds. */
  readonly 'Actual Total Time': number;
  readonly 'Actual Loops': number;
  readonly Plans?: readonly Step[];
}
interface Explained { readonly Plan: Step; readonly 'Execution Time': number; readonly Triggers?: readonly { readonly Relation: string; readonly Time: number }[] }

/** The statement that the server sends, made by the same code for tokens like those that it has just issued, in a transaction that is undone. */
async function explain(databaseUrl: string): Promise<Statements> {
  const dataSource = await new DataSource({ type: 'postgres', url: databaseUrl, extra: { options: '-c jit=off -c plan_cache_mode=force_generic_plan' } }).initialize();
  const client = new pg.Client({ connectionString: databaseUrl, options: '-c jit=off -c plan_cache_mode=force_generic_plan' });
  await client.connect();
  try {
    const explained: Explained[] = [];
    let eventBytes = 0;
    const query = async ({ text, values }: Named): Promise<{ rowCount: number }> => {
      if (explained.length === 0) await client.query(`PREPARE appended AS ${text}`);
      await client.query('BEGIN');
      const { rows } = await client.query<{ 'QUERY PLAN': [Explained] }>(`EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE appended (${values.map((value) => literal(client, value)).join(', ')})`);
      await client.query('ROLLBACK');
      explained.push(rows[0]!['QUERY PLAN'][0]);
      const lengths = values.map((value) => String(value).length);
      eventBytes = 1 - lengths[0]! / lengths.reduce((sum, length) => sum + length, 0);
      // As if another node had been quicker: the log then appends in a transaction, and knows the head for the next one.
      return { rowCount: 0 };
    };
    const database = { pool: { query }, isEmbedded: false } as unknown as DatabasePool;
    const audit = new AuditLog(dataSource, database);
    const ledger = new TokenLedger(dataSource, database, audit);
    const issued = await lastIssued(dataSource);
    while (explained.length < EXPLAINED) await Promise.all(issued.map(({ row, event }) => commitAnew(ledger, row, event)));
    const counted = explained.slice(NOT_COUNTED).map(timesOf);
    const median = (of: (times: { execution: number; audit: number; ledger: number }) => number): number => percentile(counted.map(of), 0.5);
    return { eventBytes, execution: median(({ execution }) => execution), audit: median((times) => times.audit), ledger: median((times) => times.ledger) };
  } finally {
    await client.end();
    await dataSource.destroy();
  }
}

async function lastIssued(dataSource: DataSource): Promise<{ row: LedgerRow; event: AuditEvent }[]> {
  return dataSource.query(
    `SELECT json_strip_nulls(to_json(t)) AS row, e.body::json AS event FROM tokens t JOIN audit_events e ON e.type = 'token.issued' AND e.task_id = t.task_id
     WHERE t.token_id = t.root_token_id AND e.sequence > (SELECT size FROM audit_heads) - 1000 ORDER BY e.sequence DESC LIMIT ${BATCH}`);
}

async function commitAnew(ledger: TokenLedger, row: LedgerRow, { id: _id, time: _time, ...event }: AuditEvent & { id?: unknown; time?: unknown }): Promise<void> {
  const id = newId();
  await ledger.commit({ ...row, token_id: id, task_id: id, root_token_id: id }, { ...event, token_id: id, task_id: id } as AuditEvent);
}

function literal(client: pg.Client, value: string | number | readonly string[]): string {
  return client.escapeLiteral(Array.isArray(value) ? `{${value.join()}}` : String(value));
}

/** A step's time holds that of the steps below it, and of a common table expression where it is read first. */
function timesOf({ Plan: plan, 'Execution Time': execution, Triggers: triggers = [] }: Explained): { execution: number; audit: number; ledger: number } {
  const sum = (steps: readonly Step[]): number => steps.reduce((total, step) => total + step['Actual Total Time'] * step['Actual Loops'], 0);
  const stepsOf = ({ Plans: plans = [] }: Step): Step[] => plans.filter((step) => !step['Subplan Name']?.startsWith('CTE '));
  const [head, companions] = ['head', 'companions'].map((name) => plan.Plans!.find((step) => step['Subplan Name'] === `CTE ${name}`)!) as [Step, Step];
  // The head is moved on where no token may be refused, so it waits for what they stand on.
  const checks = sum(stepsOf(head).filter((step) => step['Subplan Name'] !== undefined));
  const readsOfHead = (step: Step): number => sum(stepsOf(step).flatMap(flat).filter((one) => one['CTE Name'] === 'head'));
  const triggered = (table: string): number => triggers.filter(({ Relation: relation }) => relation.startsWith(table)).reduce((total, one) => total + one.Time, 0);
  return {
    execution,
    audit: sum([plan]) - readsOfHead(plan) + sum([head]) - checks + triggered('audit_'),
    ledger: checks + sum([companions]) - readsOfHead(companions) + triggered('tokens'),
  };
}

function flat(step: Step): Step[] {
  return [step, ...(step.Plans ?? []).flatMap(flat)];
}
