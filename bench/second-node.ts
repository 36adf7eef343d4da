/** How long after the answer to a revocation or a suspension another process on the same database refuses what was ended. */
import { setTimeout as sleep } from 'node:timers/promises';
import { makeAgent, ownToken } from './chain.js';
import { percentile } from './percentile.js';
import { postForm, postJson } from './requests.js';
import type { Target as AnyTarget } from './targets.js';

type Target = AnyTarget & Required<Pick<AnyTarget, 'legate'>>;

/** Milliseconds, at p99. */
export const SECOND_NODE_AIM = 1000;

export interface SecondNodeSeries {
  readonly ended: 'a token revoked' | 'an agent suspended';
  readonly refused: Place;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
}

type Place = 'by introspection' | 'by the guard of the REST API' | 'a new token';

const SAMPLES = 200;
/** So that they meet the nodes wherever they are in what they do in the background. Milliseconds. */
const LONGEST_PAUSE = 400;
const PATIENCE_MS = 30_000;

/** Does the second node still take it? */
type Question = () => Promise<boolean>;

export async function measureSecondNode(target: Target): Promise<SecondNodeSeries[]> {
  const second = await target.legate.startBeside!();
  try {
    return [...await revocations(target, second.url), ...await suspensions(target, second.url)];
  } finally {
    await second.stop();
  }
}

async function revocations(target: Target, second: string): Promise<SecondNodeSeries[]> {
  const delays = newDelays('by introspection', 'by the guard of the REST API');
  for (let count = 0; count < SAMPLES; count += 1) {
    const token = await ownToken(target, target.authorization, 'agents:read');
    await untilRefused(questions(target, second, token), delays, () => postForm(target.legate.revocationUrl, target.authorization, `token=${token}`));
  }
  return seriesOf('a token revoked', delays);
}

async function suspensions(target: Target, second: string): Promise<SecondNodeSeries[]> {
  const administrator = await ownToken(target, target.authorization, 'agents:write agents:read delegations:write');
  const agent = await makeAgent(target.legate.apiUrl, administrator);
  const delays = newDelays('by introspection', 'by the guard of the REST API', 'a new token');
  for (let count = 0; count < SAMPLES; count += 1) {
    const token = await ownToken(target, agent.authorization, 'agents:read');
    const asked: Record<string, Question> = {
      ...questions(target, second, token),
      'a new token': async () => (await ask(`${second}/api/oauth/token`, agent.authorization, 'grant_type=client_credentials&scope=agents%3Aread')).ok,
    };
    await until(asked, true);
    await untilRefused(asked, delays, () => postJson(`${target.legate.apiUrl}/agents/${agent.id}/suspend`, administrator, {}));
    await postJson(`${target.legate.apiUrl}/agents/${agent.id}/resume`, administrator, {});
    await until({ first: async () => (await ask(target.tokenUrl, agent.authorization, 'grant_type=client_credentials')).ok }, true);
  }
  return seriesOf('an agent suspended', delays);
}

function questions(target: Target, second: string, token: string): Record<string, Question> {
  return {
    'by introspection': async () => (await (await ask(`${second}/api/oauth/introspect`, target.authorization, `token=${token}`)).json() as { active: boolean }).active,
    'by the guard of the REST API': async () => {
      const response = await fetch(`${second}/api/auth/me`, { headers: { authorization: `Bearer ${token}` } });
      await response.arrayBuffer();
      if (response.status !== 200 && response.status !== 401) throw new Error(`the second node answered ${response.status}`);
      return response.ok;
    },
  };
}

/** The second node knows the token and takes it; then it is ended at the first, and the second asked without a pause until it refuses. */
async function untilRefused(asked: Record<string, Question>, delays: Map<Place, number[]>, end: () => Promise<unknown>): Promise<void> {
  await until(asked, true);
  await sleep(Math.random() * LONGEST_PAUSE);
  await until(asked, true);
  await end();
  const answered = performance.now();
  await Promise.all([...delays].map(async ([place, all]) => {
    await until({ [place]: asked[place]! }, false);
    all.push(performance.now() - answered);
  }));
}

async function until(asked: Record<string, Question>, expected: boolean): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  for (const [place, isTaken] of Object.entries(asked)) {
    while (await isTaken() !== expected) if (performance.now() > deadline) throw new Error(`the second node goes on ${expected ? 'refusing' : 'taking'} it: ${place}`);
  }
}

async function ask(url: string, authorization: string, body: string): Promise<Response> {
  const response = await fetch(url, { method: 'POST', headers: { authorization, 'content-type': 'application/x-www-form-urlencoded' }, body });
  if (response.status >= 500 || response.status === 429) throw new Error(`${url} answered ${response.status}`);
  return new Response(await response.arrayBuffer(), { status: response.status });
}

function newDelays(...places: Place[]): Map<Place, number[]> {
  return new Map(places.map((place) => [place, []]));
}

function seriesOf(ended: SecondNodeSeries['ended'], delays: Map<Place, number[]>): SecondNodeSeries[] {
  return [...delays].map(([refused, all]) => ({ ended, refused, p50: percentile(all, 0.5), p99: percentile(all, 0.99) }));
}
