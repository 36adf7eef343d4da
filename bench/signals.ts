/** How long it takes from the answer to a revocation until a receiver of shared signals has the token that tells of it. */
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { postForm, postJson } from './requests.js';
import type { Target as AnyTarget } from './targets.js';

type Target = AnyTarget & Required<Pick<AnyTarget, 'legate'>>;

/** Milliseconds, at p99. */
export const SIGNAL_AIM = 1000;

export interface SignalSeries {
  readonly what: 'push' | 'poll';
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
}

const REVOKED = 300;
/** So that they meet the server wherever it is in its round. Milliseconds. */
const LONGEST_PAUSE = 400;
const PATIENCE_MS = 30_000;
const SESSION_REVOKED = 'https://schemas.openid.net/secevent/caep/event-type/session-revoked';

/** Told of each token as soon as it has come, by the `jti` of the token that ended. */
type Arrivals = Map<string, () => void>;

export async function measureSignals(target: Target): Promise<SignalSeries[]> {
  const base = target.legate.apiUrl.replace(/\/api$/, '');
  const { access_token: token } = await postForm(target.tokenUrl, target.authorization, `${target.issueBody}%20ssf.read%20ssf.manage`) as { access_token: string };
  const arrivals: Arrivals = new Map();
  const server = createServer((request, response) => {
    void textOf(request).then((set) => {
      arrived(arrivals, set);
      response.writeHead(202).end();
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    const pushed = await postJson(`${base}/ssf/v1/streams`, token, { delivery: { method: 'urn:ietf:rfc:8935', endpoint_url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` } });
    const push = await measure('push', target, arrivals);
    await end(base, token, pushed);
    const polled = await postJson(`${base}/ssf/v1/streams`, token, {}) as { stream_id: string; delivery: { endpoint_url: string } };
    // Until the stream is gone.
    const polling = pollFor(arrivals, polled.delivery.endpoint_url, token).catch(() => undefined);
    const poll = await measure('poll', target, arrivals);
    await end(base, token, polled);
    await polling;
    return [push, poll];
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

async function pollFor(arrivals: Arrivals, url: string, token: string): Promise<never> {
  for (let ack: string[] = []; ;) {
    const { sets } = await postJson(url, token, { ack }, PATIENCE_MS) as { sets: Record<string, string> };
    ack = Object.keys(sets);
    for (const set of Object.values(sets)) arrived(arrivals, set);
  }
}

async function measure(what: SignalSeries['what'], target: Target, arrivals: Arrivals): Promise<SignalSeries> {
  const delays: number[] = [];
  for (let count = 0; count < REVOKED; count += 1) {
    const { access_token: token, token_id: id } = await postForm(target.tokenUrl, target.authorization, target.issueBody) as { access_token: string; token_id: string };
    await sleep(Math.random() * LONGEST_PAUSE);
    const arrival = new Promise<number>((resolve) => { arrivals.set(id, () => resolve(performance.now())); });
    await postForm(target.legate.revocationUrl, target.authorization, `token=${token}`);
    const answered = performance.now();
    const at = await Promise.race([arrival, sleep(PATIENCE_MS)]);
    if (at === undefined) throw new Error(`${target.label}: a revocation did not arrive by ${what}`);
    delays.push(Math.max(0, at - answered));
  }
  delays.sort((one, other) => one - other);
  return { what, p50: delays[Math.floor(delays.length / 2)]!, p99: delays[Math.floor(delays.length * 0.99)]! };
}

function arrived(arrivals: Arrivals, set: string): void {
  const { events } = JSON.parse(Buffer.from(set.split('.')[1]!, 'base64url').toString()) as { events: Record<string, { token_ids?: string[] } | undefined> };
  for (const id of events[SESSION_REVOKED]?.token_ids ?? []) {
    arrivals.get(id)?.();
    arrivals.delete(id);
  }
}

async function end(base: string, token: string, { stream_id: id }: { stream_id?: unknown }): Promise<void> {
  await fetch(`${base}/ssf/v1/streams?stream_id=${String(id)}`, { method: 'DELETE', headers: { authorization: `Bearer ${token}` } });
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request.setEncoding('utf8')) text += chunk as string;
  return text;
}
