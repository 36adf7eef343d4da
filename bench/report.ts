import { AUDIT_SHARE_AIM, type AuditShare } from './audit-share.js';
import { SEARCH_AIM, type SearchSeries } from './audit-search.js';
import { VERIFICATION_AIM, type Verification } from './audit-verification.js';
import { DECISION_AIMS, type DecisionSeries } from './decisions.js';
import { WORKLOADS, type Measurement, type Workload } from './load.js';
import { SECOND_NODE_AIM, type SecondNodeSeries } from './second-node.js';
import { SIGNAL_AIM, type SignalSeries } from './signals.js';
import { STATUS_LIST_AIMS, type StatusListMeasurement } from './status-list.js';
import type { TargetName } from './targets.js';

export interface Series {
  readonly target: TargetName;
  readonly label: string;
  readonly workload: Workload;
  readonly connections: number;
  /** One for each round. */
  readonly rounds: Measurement[];
}

/** The median of each number over the rounds; failures are added up. */
export function medianOf(rounds: readonly Measurement[]): Measurement {
  const of = (key: keyof Measurement): number => median(rounds.map((round) => round[key]));
  return {
    requestsPerSecond: of('requestsPerSecond'),
    p50: of('p50'),
    p99: of('p99'),
    cpuMicroseconds: of('cpuMicroseconds'),
    residentMebibytes: of('residentMebibytes'),
    failures: rounds.reduce((sum, round) => sum + round.failures, 0),
  };
}

/** One table for each workload, with the ratios to the bare library of the same run. */
export function table(series: readonly Series[]): string {
  const lines: string[] = [];
  for (const workload of WORKLOADS) {
    const rows = series.filter((one) => one.workload === workload);
    if (rows.length === 0) continue;
    lines.push('', workload, line('server', 'conns', 'req/s', 'p50 ms', 'p99 ms', 'CPU µs', 'RSS MB', '÷ bare', 'CPU ÷', 'failed'));
    for (const row of rows) {
      const numbers = medianOf(row.rounds);
      const bare = rows.find((one) => one.target === 'bare' && one.connections === row.connections);
      const base = bare && medianOf(bare.rounds);
      lines.push(line(row.label, String(row.connections), numbers.requestsPerSecond.toFixed(0), numbers.p50.toFixed(2), numbers.p99.toFixed(2),
        numbers.cpuMicroseconds.toFixed(0), numbers.residentMebibytes.toFixed(0),
        base ? (numbers.requestsPerSecond / base.requestsPerSecond).toFixed(2) : '–',
        base ? (numbers.cpuMicroseconds / base.cpuMicroseconds).toFixed(2) : '–', String(numbers.failures)));
    }
  }
  return lines.join('\n');
}

/** Decisions by policies: how long one takes, by how many policies there are. */
export function decisionTable(series: readonly DecisionSeries[]): string {
  const cell = (text: string): string => text.padStart(12);
  const rows = series.map(({ policies, facts, p50, p99, mostCandidates }) => [String(policies), facts, median(p50).toFixed(1), median(p99).toFixed(1), String(mostCandidates)].map(cell).join(''));
  return ['', 'decisions', ['policies', 'facts', 'p50 µs', 'p99 µs', 'to Cedar ≤'].map(cell).join(''), ...rows].join('\n');
}

export function decisionAims(series: readonly DecisionSeries[]): Aim[] {
  return series.filter(({ facts }) => facts === 'new').map(({ policies, p50 }) => {
    const limit = DECISION_AIMS[policies]!;
    const value = median(p50) / 1000;
    return { text: `decision with ${policies} policies, p50 ms ≤ ${limit}`, value, isMet: value <= limit };
  });
}

/** Searches of the audit log: how long the first page takes, by what is looked for. */
export function searchTable(series: readonly SearchSeries[]): string {
  const cell = (text: string): string => text.padStart(10);
  const rows = series.map(({ what, p50, p95, p99 }) => `${what.padEnd(28)}${[p50, p95, p99].map((value) => cell(value.toFixed(1))).join('')}`);
  return ['', `searches of the audit log, ${series[0]?.events ?? 0} events`, `${''.padEnd(28)}${['p50 ms', 'p95 ms', 'p99 ms'].map(cell).join('')}`, ...rows].join('\n');
}

export function searchAims(series: readonly SearchSeries[]): Aim[] {
  return series.map(({ what, p95 }) => ({ text: `audit log searched for ${what}, p95 ms ≤ ${SEARCH_AIM}`, value: p95, isMet: p95 <= SEARCH_AIM }));
}

/** Signals to receivers: how long after the answer to a revocation they have it. */
export function signalTable(series: readonly SignalSeries[]): string {
  const cell = (text: string): string => text.padStart(10);
  const rows = series.map(({ what, p50, p99 }) => `${what.padEnd(10)}${[p50, p99].map((value) => cell(value.toFixed(0))).join('')}`);
  return ['', 'a revocation reaches a receiver, Legate, PostgreSQL', `${''.padEnd(10)}${['p50 ms', 'p99 ms'].map(cell).join('')}`, ...rows].join('\n');
}

export function signalAims(series: readonly SignalSeries[]): Aim[] {
  return series.map(({ what, p99 }) => ({ text: `a revocation reaches a receiver by ${what}, p99 ms ≤ ${SIGNAL_AIM}`, value: p99, isMet: p99 <= SIGNAL_AIM }));
}

/** Endings at one process: how long after the answer another one refuses what was ended. */
export function secondNodeTable(series: readonly SecondNodeSeries[]): string {
  const cell = (text: string): string => text.padStart(10);
  const rows = series.map(({ ended, refused, p50, p99 }) => `${`${ended}, ${refused}`.padEnd(52)}${[p50, p99].map((value) => cell(value.toFixed(1))).join('')}`);
  return ['', 'refused by a second process, Legate, PostgreSQL', `${''.padEnd(52)}${['p50 ms', 'p99 ms'].map(cell).join('')}`, ...rows].join('\n');
}

export function secondNodeAims(series: readonly SecondNodeSeries[]): Aim[] {
  return series.map(({ ended, refused, p99 }) => ({ text: `${ended} → refused by a second process (${refused}), p99 ms ≤ ${SECOND_NODE_AIM}`, value: p99, isMet: p99 <= SECOND_NODE_AIM }));
}

/** What of a token is the audit log, in the server and in the database. */
export function auditShareTable({ cpuMicroseconds, audit, ledger, behind, database }: AuditShare): string {
  const percent = (share: number): string => `${(share * 100).toFixed(1)} %`.padStart(10);
  return [
    '', 'the audit log in what a token costs, Legate, PostgreSQL',
    `  server, ${cpuMicroseconds.toFixed(0)} µs for a token (profiled)`,
    `    its event, with its part of the statement${percent(audit)}`, `    the part that carries the token’s row    ${percent(ledger)}`, `    reading the log behind its writers       ${percent(behind)}`,
    `  database, ${database.execution.toFixed(2)} ms for a statement, without the commit`,
    `    events and head of the log               ${percent(database.audit / database.execution)}`, `    checks and rows of the ledger            ${percent(database.ledger / database.execution)}`,
  ].join('\n');
}

export function auditShareAims({ audit }: AuditShare): Aim[] {
  return [{ text: `the audit log’s share of a token’s processor time in the server ≤ ${AUDIT_SHARE_AIM}`, value: audit, isMet: audit <= AUDIT_SHARE_AIM }];
}

export function verificationAims({ events, seconds, megabytes }: Verification): Aim[] {
  return [
    { text: `an export of ${events} events verified, s ≤ ${VERIFICATION_AIM.seconds} a million`, value: seconds, isMet: seconds <= VERIFICATION_AIM.seconds * events / 1_000_000 },
    { text: `… and the most memory that it held, MB ≤ ${VERIFICATION_AIM.megabytes}`, value: megabytes, isMet: megabytes <= VERIFICATION_AIM.megabytes },
  ];
}

export function statusListAims({ tokens, written, kilobytes, judged, delays }: StatusListMeasurement): Aim[] {
  const { milliseconds, kilobytes: most, delay } = STATUS_LIST_AIMS;
  return [
    { text: `a status list of ${tokens} tokens written and served, ms ≤ ${milliseconds} (all of them judged anew: ${judged.toFixed(1)} s)`, value: written, isMet: written <= milliseconds },
    { text: `… and its length, kB ≤ ${most}`, value: kilobytes, isMet: kilobytes <= most },
    ...delays.map(({ what, p50, p99 }) => ({ text: `${what} → status list, p99 ms ≤ ${delay} (p50: ${p50.toFixed(0)})`, value: p99, isMet: p99 <= delay })),
  ];
}

interface Aim { readonly text: string; readonly value: number; readonly isMet: boolean }

/** The aims of docs/performance.md for what was measured. They inform; a shared machine is no place for a timed verdict. */
export function aims(series: readonly Series[]): Aim[] {
  const find = (target: TargetName, workload: Workload, connections: number): Measurement | undefined => {
    const found = series.find((one) => one.target === target && one.workload === workload && one.connections === connections);
    return found && medianOf(found.rounds);
  };
  const list: Aim[] = [];
  const bareIssue = find('bare', 'client_credentials', 50);
  const issue = find('postgres', 'client_credentials', 50);
  if (bareIssue && issue) {
    const throughput = issue.requestsPerSecond / bareIssue.requestsPerSecond;
    const cpu = issue.cpuMicroseconds / bareIssue.cpuMicroseconds;
    list.push({ text: 'client_credentials, durable ÷ bare, requests/s ≥ 1.2', value: throughput, isMet: throughput >= 1.2 });
    list.push({ text: 'client_credentials, durable ÷ bare, CPU ≤ 0.8', value: cpu, isMet: cpu <= 0.8 });
  }
  const bareIntrospection = find('bare', 'introspection', 50);
  const introspection = find('postgres', 'introspection', 50);
  if (bareIntrospection && introspection) {
    const ratio = introspection.requestsPerSecond / bareIntrospection.requestsPerSecond;
    list.push({ text: 'introspection of a JWT ÷ bare opaque, requests/s ≥ 1.0', value: ratio, isMet: ratio >= 1 });
  }
  const exchange = find('postgres', 'token_exchange', 50);
  if (issue && exchange) {
    const ratio = exchange.cpuMicroseconds / issue.cpuMicroseconds;
    list.push({ text: 'token exchange ÷ client_credentials, CPU ≤ 2.0', value: ratio, isMet: ratio <= 2 });
  }
  const deep = find('postgres', 'deep_introspection', 50);
  if (introspection && deep) {
    const ratio = deep.cpuMicroseconds / introspection.cpuMicroseconds;
    list.push({ text: 'introspection of a token with five actors ÷ of a plain one, CPU ≤ 1.3', value: ratio, isMet: ratio <= 1.3 });
  }
  for (const [target, limit] of [['postgres', 300], ['embedded', 450]] as const) {
    const peak = Math.max(...series.filter((one) => one.target === target).flatMap((one) => one.rounds.map((round) => round.residentMebibytes)));
    if (Number.isFinite(peak)) list.push({ text: `RSS, ${target}, MB ≤ ${limit}`, value: peak, isMet: peak <= limit });
  }
  return list;
}

function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? upper)) / 2;
}

const WIDTHS = [24, 6, 8, 8, 8, 8, 8, 7, 7, 7];

function line(...cells: string[]): string {
  return cells.map((cell, index) => (index === 0 ? cell.padEnd(WIDTHS[0] ?? 0) : cell.padStart(WIDTHS[index] ?? 0))).join('');
}
