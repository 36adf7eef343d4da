import autocannon from 'autocannon';
import { processorTime, residentMemory } from './process-usage.js';
import { makeChain } from './chain.js';
import { postForm } from './requests.js';
import type { Target } from './targets.js';

/** `deep_introspection` asks about tokens that were exchanged five times. */
export const WORKLOADS = ['client_credentials', 'token_exchange', 'introspection', 'deep_introspection'] as const;
export type Workload = typeof WORKLOADS[number];

/** What the bare library can do as well. */
export const COMMON_WORKLOADS: readonly Workload[] = ['client_credentials', 'introspection'];

/** Requests to be sent in turns, all to one address by one client. */
export interface Requests {
  readonly url: string;
  readonly authorization: string;
  readonly bodies: readonly string[];
  /** Is it asked whether tokens are alive? */
  readonly isIntrospection: boolean;
}

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

/** The requests of a workload, after checking that the server answers them as it should. */
export async function prepare(target: Target, workload: Workload): Promise<Requests> {
  switch (workload) {
    case 'client_credentials': return issuing(target, target.authorization, target.issueBody);
    case 'token_exchange': {
      const { authorization, exchangeBody } = await makeChain(target);
      return issuing(target, authorization, exchangeBody);
    }
    case 'introspection': return introspecting(target, () => requestToken(target, target.authorization, target.poolBody));
    case 'deep_introspection': {
      const { deepToken } = await makeChain(target);
      return introspecting(target, deepToken);
    }
  }
}

async function issuing(target: Target, authorization: string, body: string): Promise<Requests> {
  const token = await requestToken(target, authorization, body);
  if (token.split('.').length !== 3) throw new Error(`${target.label} did not issue a JWT: ${token.slice(0, 40)}`);
  return { url: target.tokenUrl, authorization, bodies: [body], isIntrospection: false };
}

async function introspecting(target: Target, newToken: () => Promise<string>): Promise<Requests> {
  const bodies: string[] = [];
  for (let made = 0; made < POOL_SIZE; made += 20) {
    const batch = await Promise.all(Array.from({ length: 20 }, newToken));
    bodies.push(...batch.map((token) => `token=${encodeURIComponent(token)}`));
  }
  const requests = { url: target.introspectionUrl, authorization: target.authorization, bodies, isIntrospection: true };
  await checkActive(target, requests);
  return requests;
}

/** How many requests a server gets before anything is measured: each the same number, so that a slow one is compiled as well as a quick one. */
const WARM_UP_REQUESTS = 4000;

export async function warmUp(requests: Requests): Promise<void> {
  await drive(requests, { connections: 50, amount: WARM_UP_REQUESTS });
}

/** Drives one server with keep-alive connections, each sending its next request when the last was answered. */
export async function measure(target: Target, requests: Requests, connections: number, seconds: number): Promise<Measurement> {
  const latencies = new LatencyHistogram();
  const cpuBefore = processorTime(target.pid);
  const result = await drive(requests, { connections, duration: seconds }, latencies);
  const cpuAfter = processorTime(target.pid);
  if (requests.isIntrospection) await checkActive(target, requests);
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
  { url, authorization, bodies }: Requests, extent: { connections: number; duration?: number; amount?: number }, latencies?: LatencyHistogram,
): Promise<autocannon.Result> {
  return new Promise((resolve, reject) => {
    const run = autocannon({
      ...extent,
      url,
      timeout: 10,
      headers: { authorization, 'content-type': 'application/x-www-form-urlencoded' },
      requests: bodies.map((body) => ({ method: 'POST', path: new URL(url).pathname, body })),
    }, (error: Error | null, done) => { if (error) reject(error); else resolve(done); });
    if (latencies) run.on('response', (_client, _status, _bytes, milliseconds) => latencies.record(milliseconds));
  });
}

async function requestToken(target: Target, authorization: string, body: string): Promise<string> {
  const answer = await postForm(target.tokenUrl, authorization, body);
  if (answer['token_type'] !== 'Bearer' || typeof answer['access_token'] !== 'string') {
    throw new Error(`${target.label} gave an unexpected token response: ${JSON.stringify(answer)}`);
  }
  return answer['access_token'];
}

/** Asks about a few tokens of the pool: an inactive one also answers 200, and quicker. */
async function checkActive(target: Target, { url, authorization, bodies }: Requests): Promise<void> {
  for (const body of [bodies[0], bodies[Math.floor(bodies.length / 2)], bodies.at(-1)]) {
    const answer = await postForm(url, authorization, body ?? '');
    if (answer['active'] !== true) throw new Error(`${target.label} says that a live token is not active: ${JSON.stringify(answer)}`);
  }
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
