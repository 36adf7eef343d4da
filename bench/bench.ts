/**
 * `npm run bench`: what durability costs against the bare library, measured in one run on one machine.
 *
 *   node scripts/run.mjs dist/bench/bench.js [--seconds 5] [--rounds 3] [--connections 10,50]
 *     [--only bare,postgres,embedded] [--workload client_credentials,token_exchange,introspection,deep_introspection,trees,decisions,audit_search,audit_verification,audit_share,status_list,signals,second_node] [--json results.json]
 *     [--events 5000000]    (in the log that is searched; a million where one is verified)
 *     [--tokens 1000000]    (in the status list)
 *     [--profile folder]    (writes a V8 profile of each server; its numbers are then not to be compared)
 *
 * All servers are up for the whole run and are driven in turns (a b c a b c …), so that a slow minute of the machine
 * hits them alike, each while the others are halted; each number is the median of the rounds. The load generator shares the machine with the servers:
 * processor time per request is the steadier number. Decisions by policies and searches of the
 * audit log are measured inside this process, before the servers start.
 */
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { COMMON_WORKLOADS, measure, prepare, warmUp, WORKLOADS, type Requests, type Workload } from './load.js';
import { measureAuditShare, type AuditShare } from './audit-share.js';
import { measureAuditSearch, type SearchSeries } from './audit-search.js';
import { measureVerification, type Verification } from './audit-verification.js';
import { measureDecisions, type DecisionSeries } from './decisions.js';
import { aims, auditShareAims, auditShareTable, decisionAims, decisionTable, medianOf, searchAims, searchTable, secondNodeAims, secondNodeTable, signalAims, signalTable, statusListAims, table, verificationAims, type Series } from './report.js';
import { measureSecondNode, type SecondNodeSeries } from './second-node.js';
import { measureSignals, type SignalSeries } from './signals.js';
import { startTarget, TARGET_NAMES, type Target, type TargetName } from './targets.js';
import { measureStatusList, type StatusListMeasurement } from './status-list.js';
import { measureTrees, type TreeMeasurement } from './trees.js';

const ALL_WORKLOADS = [...WORKLOADS, 'trees', 'decisions', 'audit_search', 'audit_verification', 'audit_share', 'status_list', 'signals', 'second_node'] as const;
/** Making millions of rows, waiting for hundreds of endings one after the other, or a server of its own takes its time: these are asked for by name. */
const USUAL_WORKLOADS = ALL_WORKLOADS.filter((workload) => !workload.startsWith('audit_') && !['status_list', 'signals', 'second_node'].includes(workload));

/** Before each measurement: connections are open and caches filled when it begins. */
const WARM_UP_SECONDS = 1;

interface Plan {
  readonly seconds: number;
  readonly rounds: number;
  readonly connections: readonly number[];
  readonly targets: readonly TargetName[];
  readonly workloads: readonly Workload[];
  /** Whether trees of tokens are measured too: on PostgreSQL, one request each. */
  readonly trees: boolean;
  /** Whether signals to receivers are: on PostgreSQL, one revocation after the other. */
  readonly signals: boolean;
  /** Whether endings at one process are looked for at another: on PostgreSQL, one after the other. */
  readonly secondNode: boolean;
  /** Whether the audit log's share of a token is measured: on PostgreSQL, with a server of its own. */
  readonly auditShare: boolean;
  /** Whether decisions of policies are: without a server. */
  readonly decisions: boolean;
  /** In the audit log that is searched, on PostgreSQL; 0 when it is not. */
  readonly loggedEvents: number;
  /** In the export that is verified; 0 when none is. */
  readonly exportedEvents: number;
  /** In one status list, on PostgreSQL; 0 when none is measured. */
  readonly listedTokens: number;
  readonly json?: string;
  readonly profile?: string;
}

function readPlan(): Plan {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string', default: '5' },
      rounds: { type: 'string', default: '3' },
      connections: { type: 'string', default: '10,50' },
      only: { type: 'string', default: TARGET_NAMES.join(',') },
      workload: { type: 'string', default: USUAL_WORKLOADS.join(',') },
      events: { type: 'string' },
      tokens: { type: 'string', default: '1000000' },
      json: { type: 'string' },
      profile: { type: 'string' },
    },
  });
  const workloads = oneOf('--workload', values.workload, ALL_WORKLOADS);
  return {
    seconds: between('--seconds', values.seconds, 1, 60),
    rounds: between('--rounds', values.rounds, 1, 20),
    connections: values.connections.split(',').map((count) => between('--connections', count, 1, 500)),
    targets: oneOf('--only', values.only, TARGET_NAMES),
    workloads: WORKLOADS.filter((one) => workloads.includes(one)),
    trees: workloads.includes('trees'),
    signals: workloads.includes('signals'),
    secondNode: workloads.includes('second_node'),
    auditShare: workloads.includes('audit_share'),
    decisions: workloads.includes('decisions'),
    loggedEvents: workloads.includes('audit_search') ? between('--events', values.events ?? '5000000', 1000, 100_000_000) : 0,
    exportedEvents: workloads.includes('audit_verification') ? between('--events', values.events ?? '1000000', 1000, 100_000_000) : 0,
    listedTokens: workloads.includes('status_list') ? between('--tokens', values.tokens, 1000, 2 ** 20) : 0,
    ...(values.json === undefined ? {} : { json: values.json }),
    ...(values.profile === undefined ? {} : { profile: resolve(values.profile) }),
  };
}

async function run(plan: Plan, targets: readonly Target[]): Promise<Series[]> {
  const series: Series[] = [];
  for (let round = 1; round <= plan.rounds; round++) {
    for (const workload of plan.workloads) {
      const able = targets.filter(({ legate }) => legate !== undefined || COMMON_WORKLOADS.includes(workload));
      const prepared: { target: Target; requests: Requests }[] = [];
      for (const target of able) {
        const requests = await prepare(target, workload);
        prepared.push({ target, requests });
        if (round === 1) await warmUp(requests);
      }
      for (const connections of plan.connections) {
        for (const { target, requests } of prepared) {
          const measured = await alone(target, targets, async () => {
            await measure(target, requests, connections, WARM_UP_SECONDS);
            return measure(target, requests, connections, plan.seconds);
          });
          const same = series.find((one) => one.target === target.name && one.workload === workload && one.connections === connections);
          if (same) same.rounds.push(measured);
          else series.push({ target: target.name, label: target.label, workload, connections, rounds: [measured] });
          console.error(`round ${round}/${plan.rounds}  ${workload.padEnd(18)} ${String(connections).padStart(3)} connections  ${target.label.padEnd(24)}`
            + `${measured.requestsPerSecond.toFixed(0).padStart(6)} req/s ${measured.cpuMicroseconds.toFixed(0).padStart(5)} CPU µs ${measured.p99.toFixed(1).padStart(6)} ms p99`);
        }
      }
    }
  }
  return series.sort((a, b) => plan.connections.indexOf(a.connections) - plan.connections.indexOf(b.connections));
}

/** Halts the others meanwhile: what a server still does in the background after its turn is its own to pay for, in its next one. */
async function alone<T>(target: Target, targets: readonly Target[], work: () => Promise<T>): Promise<T> {
  const others = targets.filter((other) => other !== target);
  for (const { pid } of others) process.kill(pid, 'SIGSTOP');
  try {
    return await work();
  } finally {
    for (const { pid } of others) process.kill(pid, 'SIGCONT');
  }
}

interface Results {
  readonly series: readonly Series[];
  readonly trees: readonly TreeMeasurement[];
  readonly decisions: readonly DecisionSeries[];
  readonly searches: readonly SearchSeries[];
  readonly verification?: Verification;
  readonly statusList?: StatusListMeasurement;
  readonly signals: readonly SignalSeries[];
  readonly secondNode: readonly SecondNodeSeries[];
  readonly auditShare?: AuditShare;
}

function print(plan: Plan, targets: readonly Target[], { series, trees, decisions, searches, verification, statusList, signals, secondNode, auditShare }: Results): void {
  console.log(`\nNode ${process.version} on ${cpus().length} × ${cpus()[0]?.model ?? 'unknown processor'}; median of ${plan.rounds} rounds of ${plan.seconds} s`);
  for (const target of targets) console.log(`${target.label}: ${target.notes}`);
  if (series.length > 0) console.log(table(series));
  if (decisions.length > 0) console.log(decisionTable(decisions));
  if (searches.length > 0) console.log(searchTable(searches));
  if (trees.length > 0) console.log(`\ntrees, Legate, PostgreSQL\n${trees.map(({ what, milliseconds, aim }) => `  ${milliseconds <= aim ? 'met   ' : 'missed'}  ${what}, ms ≤ ${aim}: ${milliseconds.toFixed(0)}`).join('\n')}`);
  if (signals.length > 0) console.log(signalTable(signals));
  if (secondNode.length > 0) console.log(secondNodeTable(secondNode));
  if (auditShare) console.log(auditShareTable(auditShare));
  const list = [...aims(series), ...decisionAims(decisions), ...searchAims(searches), ...(verification ? verificationAims(verification) : []), ...(statusList ? statusListAims(statusList) : []), ...signalAims(signals), ...secondNodeAims(secondNode), ...(auditShare ? auditShareAims(auditShare) : [])];
  if (list.length > 0) console.log(`\naims\n${list.map((aim) => `  ${aim.isMet ? 'met   ' : 'missed'}  ${aim.text}: ${aim.value.toFixed(2)}`).join('\n')}`);
  if (plan.json) {
    writeFileSync(plan.json, `${JSON.stringify({
      node: process.version, processors: cpus().length, processor: cpus()[0]?.model, seconds: plan.seconds, rounds: plan.rounds,
      series: series.map((one) => ({ ...one, median: medianOf(one.rounds) })), decisions, searches, verification, statusList, signals, secondNode, auditShare, aims: list, trees,
    }, null, 2)}\n`);
  }
}

async function main(): Promise<void> {
  const plan = readPlan();
  const targets: Target[] = [];
  const stopAll = async (): Promise<void> => { for (const target of targets.splice(0)) await target.stop().catch((error: unknown) => console.error(error)); };
  const giveUp = (reason: string) => (): void => {
    console.error(reason);
    void stopAll().finally(() => process.exit(1));
  };
  process.once('SIGINT', giveUp('interrupted'));
  process.once('SIGTERM', giveUp('interrupted'));
  const measurements = plan.rounds * plan.workloads.length * plan.connections.length * plan.targets.length;
  const limit = 300 + plan.loggedEvents / 500 + plan.exportedEvents / 2000 + plan.listedTokens / 1000 + measurements * (plan.seconds + WARM_UP_SECONDS + 10);
  setTimeout(giveUp(`not done within ${limit} seconds`), limit * 1000).unref();

  try {
    const decisions = plan.decisions ? await measureDecisions(plan.rounds) : [];
    // Alone on the machine, as far as that goes.
    const verification = plan.exportedEvents > 0 ? await measureVerification(plan.exportedEvents) : undefined;
    const searches = plan.loggedEvents > 0 ? await measureAuditSearch(plan.loggedEvents) : [];
    const statusList = plan.listedTokens > 0 ? await measureStatusList(plan.listedTokens) : undefined;
    const auditShare = plan.auditShare ? await measureAuditShare(plan.seconds * plan.rounds) : undefined;
    for (const name of plan.workloads.length > 0 || plan.trees || plan.signals || plan.secondNode ? plan.targets : []) targets.push(await startTarget(name, plan.profile ? ['--cpu-prof', `--cpu-prof-dir=${plan.profile}`, `--cpu-prof-name=${name}.cpuprofile`] : []));
    const series = await run(plan, targets);
    const target = targets.find(({ name }) => name === 'postgres');
    const trees = plan.trees && target?.legate ? await measureTrees({ ...target, legate: target.legate }) : [];
    const signals = plan.signals && target?.legate ? await measureSignals({ ...target, legate: target.legate }) : [];
    const secondNode = plan.secondNode && target?.legate?.startBeside ? await measureSecondNode({ ...target, legate: target.legate }) : [];
    print(plan, targets, { series, trees, decisions, searches, verification, statusList, signals, secondNode, auditShare });
    if (series.some((one) => medianOf(one.rounds).failures > 0)) throw new Error('some requests failed: these numbers are not to be compared');
  } finally {
    await stopAll();
  }
}

function between(name: string, text: string, low: number, high: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < low || value > high) throw new Error(`${name} must be a whole number from ${low} to ${high}`);
  return value;
}

function oneOf<T extends string>(name: string, text: string, known: readonly T[]): T[] {
  const wanted = text.split(',');
  const unknown = wanted.filter((one) => !(known as readonly string[]).includes(one));
  if (unknown.length > 0) throw new Error(`${name} knows ${known.join(', ')}, not ${unknown.join(', ')}`);
  return known.filter((one) => wanted.includes(one));
}

main().then(() => process.exit(0), (error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
});
