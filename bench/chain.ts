/** Agents that hand work on to one another: what exchanging a token, and asking about one that came a long way, are measured with. */
import { basic, postForm, postJson } from './requests.js';
import type { Target } from './targets.js';

/** The longest chain that a server allows unless it is told otherwise. */
const DEPTH = 5;
const SCOPE = 'agents:read';

export interface Agent { readonly id: string; readonly authorization: string }

export interface Chain {
  /** HTTP Basic credentials of the agent that exchanges. */
  readonly authorization: string;
  /** Body of a token exchange (RFC 8693): the first agent's own token for one of the second's. */
  readonly exchangeBody: string;
  /** A new token of the last agent, with five actors in its `act`. */
  deepToken(): Promise<string>;
}

export async function makeChain(target: Target): Promise<Chain> {
  const { legate } = target;
  if (!legate) throw new TypeError(`${target.label} knows no delegation`);
  const administrator = await ownToken(target, target.authorization, `agents:write delegations:write ${SCOPE}`);
  const agents: Agent[] = [];
  for (let index = 0; index <= DEPTH; index += 1) agents.push(await makeAgent(legate.apiUrl, administrator));
  const [first, second] = agents as [Agent, Agent];
  let grant = await postJson(`${legate.apiUrl}/delegations`, administrator, { principal_id: first.id, agent_id: second.id, scopes: [SCOPE], max_depth: DEPTH - 1 });
  for (let index = 2; index < agents.length; index += 1) {
    const token = await ownToken(target, agents[index - 1]!.authorization, 'delegations:write');
    grant = await postJson(`${legate.apiUrl}/delegations/${String(grant['id'])}/delegate`, token, { agent_id: agents[index]!.id });
  }
  let token = await ownToken(target, first.authorization, SCOPE);
  const exchangeBody = bodyFor(token);
  for (const agent of agents.slice(1, -1)) token = await exchange(target, agent, token);
  const last = agents.at(-1)!;
  return { authorization: second.authorization, exchangeBody, deepToken: () => exchange(target, last, token) };
}

export async function makeAgent(apiUrl: string, token: string): Promise<Agent> {
  const { credentials } = await postJson(`${apiUrl}/agents/register`, token, { agent_name: `bench ${Math.random()}`, scopes: [SCOPE, 'delegations:write'] }) as unknown as
    { credentials: { client_id: string; client_secret: string; registration_token: string } };
  await postJson(`${apiUrl}/agents/activate`, token, { registration_token: credentials.registration_token });
  return { id: credentials.client_id, authorization: basic(credentials.client_id, credentials.client_secret) };
}

export async function ownToken(target: Target, authorization: string, scope: string): Promise<string> {
  return accessToken(await postForm(target.tokenUrl, authorization, new URLSearchParams({ grant_type: 'client_credentials', scope }).toString()));
}

async function exchange(target: Target, { authorization }: Agent, token: string): Promise<string> {
  return accessToken(await postForm(target.tokenUrl, authorization, bodyFor(token)));
}

function bodyFor(token: string): string {
  return new URLSearchParams({
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange', subject_token: token, subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
  }).toString();
}

function accessToken(answer: Record<string, unknown>): string {
  const { access_token: token } = answer;
  if (typeof token !== 'string') throw new Error(`no access token in ${JSON.stringify(answer)}`);
  return token;
}
