import autocannon from 'autocannon';
import { processorTime, residentMemory } from './process-usage.js';
import type { Target } from './targets.js';

export const WORKLOADS = ['client_credentials', 'introspection'] as const;
export type Workload = typeof WORKLOADS[number];

export interface Measurement {
  /** 2xx answers per second. */
  requestsPerSecond: number;
  /** Milliseconds. */
  p50: number;
  p99: number;
  /** Processor time of the server process for each answer. Microseconds; NaN where there is no /proc. */
  cpuMicroseconds: number;
  /** Resident set of the server process right after the load. Mebibytes; NaN where there is no /proc. */
  residentMebibytes: number;
  /** Answers that were not 2xx, and requests without an answer. */
  failures: number;
}

const POOL_SIZE = 200;
const FORM = 'application/x-www-form-urlencoded';

/** The request bodies of a workload, after checking that the server answers them as it should. */
export async function prepare(target: Target, workload: Workload): Promise<string[]> {
  if (workload === 'client_credentials') {
    const token = await requestToken(target, target.issueBody);
    if (token.split('.').length !== 3) throw new Error(`${target.label} did not issue a JWT: ${token.slice(0, 40)}`);
    return [target.issueBody];
  }
  const bodies: string[] = [];
  for (let made = 0; made < POOL_SIZE; made += 20) {
    const batch = await Promise.all(Array.from({ length: 20 }, () => requestToken(target, target.poolBody)));
    bodies.push(...batch.map((token) => `token=${encodeURIComponent(token)}`));
  }
  await checkActive(target, bodies);
  return bodies;
}

/** How many requests a server gets before anything is measured: each the same number, so that a slow one is compiled as well as a quick one. */
const WARM_UP_REQUESTS = 4000;

export async function warmUp(target: Target, workload: Workload, bodies: readonly string[]): Promise<void> {
  await drive(target, workload, bodies, { connections: 50, amount: WARM_UP_REQUESTS });
}

/** Drives one server with keep-alive connections, each sending its next request when the last was answered. */
export async function measure(target: Target, workload: Workload, bodies: readonly string[], connections: number, seconds: number): Promise<Measurement> {
  const latencies = new LatencyHistogram();
  const cpuBefore = processorTime(target.pid);
  const result = await drive(target, workload, bodies, { connections, duration: seconds }, latencies);
  const cpuAfter = processorTime(target.pid);
  if (workload === 'introspection') await checkActive(target, bodies);
  const succeeded = result['2xx'];
  return {
    requestsPerSecond: succeeded / result.duration,
    p50: latencies.percentile(50),
    p99: latencies.percentile(99),
    cpuMicroseconds: cpuBefore === undefined || cpuAfter === undefined ? Number.NaN : (cpuAfter - cpuBefore) / succeeded,
    residentMebibytes: residentMemory(target.pid) ?? Number.NaN,
    failures: result.non2xx + result.errors + result.timeouts,
  };
}

function drive(
  target: Target, workload: Workload, bodies: readonly string[], extent: { connections: number; duration?: number; amount?: number }, latencies?: LatencyHistogram,
): Promise<autocannon.Result> {
  const url = workload === 'client_credentials' ? target.tokenUrl : target.introspectionUrl;
  return new Promise((resolve, reject) => {
    const run = autocannon({
      ...extent,
      url,
      timeout: 10,
      headers: { authorization: target.authorization, 'content-type': FORM },
      requests: bodies.map((body) => ({ method: 'POST', path: new URL(url).pathname, body })),
    }, (error: Error | null, done) => { if (error) reject(error); else resolve(done); });
    if (latencies) run.on('response', (_client, _status, _bytes, milliseconds) => latencies.record(milliseconds));
  });
}

async function requestToken(target: Target, body: string): Promise<string> {
  const answer = await post(target.tokenUrl, target.authorization, body);
  if (answer['token_type'] !== 'Bearer' || typeof answer['access_token'] !== 'string') {
    throw new Error(`${target.label} gave an unexpected token response: ${JSON.stringify(answer)}`);
  }
  return answer['access_token'];
}

/** Asks about a few tokens of the pool: an inactive one also answers 200, and quicker. */
async function checkActive(target: Target, bodies: readonly string[]): Promise<void> {
  for (const body of [bodies[0], bodies[Math.floor(bodies.length / 2)], bodies.at(-1)]) {
    const answer = await post(target.introspectionUrl, target.authorization, body ?? '');
    if (answer['active'] !== true) throw new Error(`${target.label} says that a live token is not active: ${JSON.stringify(answer)}`);
  }
}

async function post(url: string, authorization: string, body: string): Promise<Record<string, unknown>> {
  const response = await fetch(url, { method: 'POST', headers: { authorization, 'content-type': FORM }, body, signal: AbortSignal.timeout(10_000) });
  const text = await response.text();
  if (!response.ok) throw new Error(`POST ${url} answered ${response.status}: ${text.slice(0, 500)}`);
  return JSON.parse(text) as Record<string, unknown>;
}

/** Counts in steps of 20 µs up to 10 s; the load generator's own histogram knows whole milliseconds only. */
class LatencyHistogram {
  private readonly counts = new Uint32Array(500_000);
  private total = 0;

  record(milliseconds: number): void {
    const slot = Math.min(this.counts.length - 1, Math.floor(milliseconds * 50));
    this.counts[slot] = (this.counts[slot] ?? 0) + 1;
    this.total++;
  }

  /** Milliseconds; NaN when nothing was recorded. */
  percentile(percent: number): number {
    let left = Math.ceil((this.total * percent) / 100);
    for (let slot = 0; slot < this.counts.length; slot++) {
      left -= this.counts[slot] ?? 0;
      if (left <= 0 && this.total > 0) return slot / 50;
    }
    return Number.NaN;
  }
}
