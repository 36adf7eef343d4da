import { createHash, randomBytes } from 'node:crypto';
import * as jose from 'jose';
import { DataSource } from 'typeorm';
import { newId, type OrganizationId } from '../../src/kernel/ids.js';
import { RecordedDecisions } from '../../src/modules/audit/recorded-decisions.service.js';
import { DecisionReplays } from '../../src/modules/policies/decision-replays.service.js';
import { PolicyDecisions, type DecisionRequest } from '../../src/modules/policies/policy-decisions.service.js';
import { MOST_DECISIONS } from '../../src/modules/policies/policy-simulation.service.js';
import { bootstrapToken, call, post } from '../support/api.js';
import { startApplication, type TestApplication } from '../support/application.js';
import { FormBrowser } from '../support/browser.js';
import { CALLBACK, registerAgent, registerClient } from '../support/clients.js';
import { addPerson, signIn } from '../support/people.js';
import { ADMIN } from '../support/server.js';

interface Change {
  event: { id: string; sequence: number; type: string };
  decision: Record<string, unknown>;
  subject: { type: string; id: string };
  resource: { type: string; id: string };
  action: string;
  replayed_with: string;
  is_allowed_now: boolean;
  would_be_allowed: boolean;
}
interface Simulation { replayed: number; skipped: number; changes: Change[]; unlisted: number; left_out: number }
type Agent = Awaited<ReturnType<typeof registerAgent>>;

const SCOPES = ['weather:read', 'stocks:read', 'delegations:write'];
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';
const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';

let server: TestApplication;
let token: string;
let organizationId: OrganizationId;
let agent: Agent;
let helper: Agent;

beforeAll(async () => {
  server = await startApplication();
  token = await bootstrapToken(server);
  organizationId = String(jose.decodeJwt(token)['tenant_id']) as OrganizationId;
  [agent, helper] = await Promise.all([registerAgent(server, { scopes: SCOPES, redirect_uris: [CALLBACK] }), registerAgent(server, { scopes: SCOPES })]);
  const { body } = await call(server, 'POST', '/api/tools', { token, body: { name: 'forecast', description: 'A tool.', permissions_required: ['weather:read'], cost_usd: '0.01' } });
  await call(server, 'POST', `/api/agents/${agent.clientId}/tools/${String(body['id'])}`, { token });
});
afterAll(() => server.stop());

const ask = (form: Record<string, string> = {}, by = agent) => post(server, '/api/oauth/token', { grant_type: 'client_credentials', ...form }, { basic: [by.clientId, by.clientSecret] });
const tokenIdOf = ({ body }: { body: Record<string, unknown> }) => String(body['token_id']);

async function simulate(draft: object, limit = 1000): Promise<Simulation> {
  const { status, body } = await call<Simulation>(server, 'POST', '/api/policies/simulate', { token, body: { ...draft, limit } });
  if (status !== 200) throw new Error(JSON.stringify(body));
  return body;
}

const denying = (what: object, more: object = {}) => ({ add: { rule: { effect: 'deny', what, ...more } } });

async function withPolicy(rule: object, run: (id: string) => Promise<void>): Promise<void> {
  const { status, body } = await call(server, 'POST', '/api/policies', { token, body: { name: `policy ${Math.random()}`, rule } });
  if (status !== 201) throw new Error(JSON.stringify(body));
  try {
    await run(String(body['id']));
  } finally {
    await call(server, 'DELETE', `/api/policies/${String(body['id'])}`, { token });
  }
}

const sql = <T>(text: string, parameters: unknown[] = []) => server.inside(DataSource).query<T[]>(text, parameters);

async function eventOf(tokenId: string): Promise<{ id: string; sequence: number }> {
  const [row] = await sql<{ event_id: string; sequence: string }>(`SELECT event_id, sequence FROM audit_events WHERE type = 'token.issued' AND body::jsonb ->> 'token_id' = $1`, [tokenId]);
  return { id: row!.event_id, sequence: Number(row!.sequence) };
}

describe('a simulation', () => {
  it('names the token that would have been denied, and the scope', async () => {
    const { id, sequence } = await eventOf(tokenIdOf(await ask({ scope: 'weather:read' })));
    const { changes, replayed } = await simulate(denying({ actions: ['issue'], scopes: ['weather:read'] }, { who: { agents: [agent.clientId] } }), 1);
    expect(replayed).toBe(1);
    expect(changes).toEqual([{
      decided_at: expect.any(String) as string, event: { id, sequence, type: 'token.issued' }, replayed_with: 'present_attributes',
      decision: { id: expect.any(String) as string, is_allowed: true, reason: null, policies: [expect.any(String)], version: null },
      subject: { type: 'agent', id: agent.clientId }, action: 'issue', resource: { type: 'scope', id: 'weather:read' },
      is_allowed_now: true, would_be_allowed: false, reason: 'denied_by_policy', policies: ['draft'],
    }]);
  });

  it('lists nothing when the draft changes nothing', async () => {
    await ask({ scope: 'weather:read' });
    expect(await simulate(denying({ actions: ['issue'], scopes: ['stocks:read'] }), 1)).toEqual({ replayed: 1, skipped: 0, changes: [], unlisted: 0, left_out: 0 });
  });

  it('looks at the tools of a token, and at how it was asked for', async () => {
    const [job, other] = [await ask({ scope: 'weather:read', launch_reason: 'system_job' }), await ask({ scope: 'weather:read', launch_reason: 'user_interactive' })];
    const when = { attribute: 'context.launch_reason', equals: 'system_job' };
    const { changes } = await simulate(denying({ actions: ['issue'], tools: ['forecast'] }, { who: { agents: ['*'] }, when }), 2);
    expect(changes.map(({ event, resource }) => [event.id, resource])).toEqual([[(await eventOf(tokenIdOf(job))).id, { type: 'tool', id: 'forecast' }]]);
    expect(tokenIdOf(other)).not.toBe(tokenIdOf(job));
  });

  it('takes the agent as it is now', async () => {
    const promoted = await registerAgent(server, { scopes: SCOPES, agent_type: 'assistant' });
    await ask({ scope: 'weather:read' }, promoted);
    const draft = denying({ actions: ['issue'] }, { who: { agents: [promoted.clientId] }, when: { attribute: 'subject.agent_type', equals: 'coding' } });
    expect((await simulate(draft, 1)).changes).toEqual([]);
    expect((await call(server, 'PUT', `/api/agents/${promoted.clientId}`, { token, body: { agent_type: 'coding' } })).status).toBe(200);
    const [event] = await sql<{ type: string }>(`SELECT type FROM audit_events WHERE organization_id = $1 ORDER BY sequence DESC LIMIT 1`, [organizationId]);
    expect(event!.type).toBe('agent.updated');
    expect((await simulate(draft, 1)).changes).toMatchObject([{ subject: { id: promoted.clientId }, replayed_with: 'present_attributes', would_be_allowed: false }]);
  });

  it('shows what would be had that was denied', async () => {
    await withPolicy({ effect: 'deny', who: { agents: ['*'] }, what: { actions: ['issue'], scopes: ['stocks:read'] } }, async (id) => {
      expect((await ask({ scope: 'weather:read stocks:read' })).status).toBe(400);
      const { status } = await call(server, 'POST', '/api/auth/login', { body: { api_key: agent.clientSecret, scope: 'stocks:read' } });
      expect(status).toBe(403);
      const { changes } = await simulate({ remove: { policy_id: id } }, 2);
      expect(changes).toMatchObject([0, 1].map(() => ({
        event: { type: 'token.refused' }, decision: { is_allowed: false, policies: [id] }, subject: { type: 'agent', id: agent.clientId }, resource: { type: 'scope', id: 'stocks:read' },
        is_allowed_now: false, would_be_allowed: true,
      })));
    });
  });

  it('covers what is delegated, and what may not be', async () => {
    const admin = (await signIn(server, ADMIN)).accessToken;
    const body = { agent_id: agent.clientId, scopes: ['weather:read', 'stocks:read'] };
    expect((await call(server, 'POST', '/api/delegations', { token: admin, body })).status).toBe(201);
    expect((await simulate(denying({ actions: ['delegate'], scopes: ['stocks:read'] }), 1)).changes).toMatchObject([{ event: { type: 'delegation.created' }, action: 'delegate', subject: { type: 'user' }, resource: { type: 'scope', id: 'stocks:read' } }]);
    await withPolicy({ effect: 'deny', what: { actions: ['delegate'], scopes: ['stocks:read'] } }, async (id) => {
      expect((await call(server, 'POST', '/api/delegations', { token: admin, body })).status).toBe(403);
      expect((await simulate({ remove: { policy_id: id } }, 1)).changes).toMatchObject([{ event: { type: 'access.refused' }, decision: { is_allowed: false }, action: 'delegate', resource: { id: 'stocks:read' }, would_be_allowed: true }]);
    });
  });
});

describe('what is decided again', () => {
  const asked: DecisionRequest[][] = [];

  beforeAll(() => {
    const decisions = server.inside(PolicyDecisions);
    const decideAll = decisions.decideAll.bind(decisions);
    decisions.decideAll = (requests) => {
      if (requests.length > 0) asked.push([...requests]);
      return decideAll(requests);
    };
  });

  /** The questions of the newest events, the oldest first. */
  async function replayed(count: number): Promise<DecisionRequest[][]> {
    const events = (await server.inside(RecordedDecisions).newest(organizationId, 20)).toSorted((one, other) => one.sequence - other.sequence);
    const read = server.inside(DecisionReplays).reader();
    const found = await Promise.all(events.map((event) => read(organizationId, event)));
    return found.flatMap((decisions) => (decisions && decisions.length > 0 ? [decisions.map(({ request }) => request)] : [])).slice(-count);
  }

  /** As JSON has it, sets as lists, without the time, which at issuance is the present. */
  const plain = (requests: DecisionRequest[]): unknown => requests.map((request) => JSON.parse(JSON.stringify({ ...request, context: { ...request.context, time: undefined } }, (_key, value: unknown) => (value instanceof Set ? [...value].sort() : value))) as object);

  /** @param events how many there are of it: as many as there were questions, when left out */
  async function expectSame(run: () => Promise<unknown>, events?: number): Promise<void> {
    asked.length = 0;
    await run();
    if (events !== undefined) asked.splice(0, asked.length - events);
    expect(asked.length).toBeGreaterThan(0);
    expect((await replayed(asked.length)).map(plain)).toEqual(asked.map(plain));
  }

  it('is what was asked, of a client and of an agent, by every way to a token of their own', async () => {
    await expectSame(() => bootstrapToken(server));
    await expectSame(async () => {
      const first = await ask({ scope: 'weather:read', launch_reason: 'system_job', delegation_purpose: 'A trip.' });
      await ask({ parent_token: String(first.body['access_token']), parent_task_id: String(first.body['task_id']) });
      await ask({ task_id: String(first.body['task_id']), required_tools: 'forecast' });
      const login = await call(server, 'POST', '/api/auth/login', { body: { api_key: agent.clientSecret } });
      await call(server, 'POST', '/api/auth/refresh', { token: String(login.body['access_token']) });
      await call(server, 'POST', '/api/agents/token', { token, body: { agent_id: agent.clientId, scopes: ['weather:read'] } });
      const narrower = await post(server, '/api/oauth/token', { grant_type: TOKEN_EXCHANGE, subject_token: String(first.body['access_token']), subject_token_type: ACCESS_TOKEN }, { basic: [agent.clientId, agent.clientSecret] });
      expect(narrower.status).toBe(200);
    });
    expect(asked).toHaveLength(7);
  });

  it('is what was asked of a denial', async () => {
    await withPolicy({ effect: 'deny', who: { agents: ['*'] }, what: { actions: ['issue'] } }, () => expectSame(async () => {
      expect((await ask({ scope: 'weather:read', launch_reason: 'system_job', required_tools: 'forecast', delegation_purpose: 'A trip.' })).status).toBe(400);
      // The fast path asks, too, and leaves it to the other to refuse.
    }, 1));
  });

  it('is what was asked of people, of who acts for them, and of what is delegated', async () => {
    const person = await addPerson(server, token, 'admin');
    const actor = await ask();
    const application = await registerClient(server, { grant_types: ['authorization_code', 'refresh_token'], redirect_uris: [CALLBACK], scopes: ['openid', 'offline_access', 'weather:read'] });
    const code = async (by: { clientId: string; clientSecret?: string }, extra: Record<string, string>, form: Record<string, string>) => {
      const verifier = randomBytes(32).toString('base64url');
      const url = new URL('/api/oauth/authorize', server.issuer);
      url.search = new URLSearchParams({
        response_type: 'code', client_id: by.clientId, redirect_uri: CALLBACK, state: 's', code_challenge_method: 'S256', code_challenge: createHash('sha256').update(verifier).digest('base64url'), ...extra,
      }).toString();
      const callback = await new FormBrowser().authorize(url.href, person);
      const answer = await post(server, '/api/oauth/token', { grant_type: 'authorization_code', code: callback.searchParams.get('code')!, redirect_uri: CALLBACK, code_verifier: verifier, ...form }, { basic: [by.clientId, by.clientSecret!] });
      if (answer.status !== 200) throw new Error(JSON.stringify(answer.body));
      return answer.body;
    };
    await expectSame(async () => {
      const personal = await signIn(server, person);
      await code(agent, { scope: 'weather:read' }, {});
      const body = await code(application, { scope: 'openid offline_access weather:read', requested_actor: agent.clientId, prompt: 'consent' }, { actor_token: String(actor.body['access_token']), actor_token_type: ACCESS_TOKEN });
      await post(server, '/api/oauth/token', { grant_type: 'refresh_token', refresh_token: String(body['refresh_token']) }, { basic: [application.clientId, application.clientSecret!] });
      const delegation = await call(server, 'POST', '/api/delegations', { token: personal.accessToken, body: { agent_id: agent.clientId, scopes: ['weather:read'], max_depth: 1, purpose: 'A trip.' } });
      expect(delegation.status).toBe(201);
      const grant = String(delegation.body['id']);
      const acting = await ask({ delegation_grant_id: grant });
      expect(acting.status).toBe(200);
      const onwards = await call(server, 'POST', `/api/delegations/${grant}/delegate`, { token: String(actor.body['access_token']), body: { agent_id: helper.clientId } });
      expect(onwards.status).toBe(201);
      const exchanged = await post(server, '/api/oauth/token', { grant_type: TOKEN_EXCHANGE, subject_token: String(acting.body['access_token']), subject_token_type: ACCESS_TOKEN, launch_reason: 'agent_delegated' }, { basic: [helper.clientId, helper.clientSecret] });
      expect(exchanged.status).toBe(200);
    });
    expect(asked).toHaveLength(8);
  });
});

describe('an event that cannot be decided again, or is not theirs,', () => {
  async function insert(sequence: number, owner: string, body: object): Promise<void> {
    await sql(`INSERT INTO audit_events (sequence, event_id, organization_id, type, outcome, occurred_at, body, leaf_hash) VALUES ($1, $2, $3, 'token.issued', 'success', now(), $4, '')`,
      [sequence, (body as { id: string }).id, owner, JSON.stringify(body)]);
  }
  const event = (details: object, clientId: string) => ({
    id: newId(), time: new Date().toISOString(), type: 'token.issued', outcome: 'success', organization_id: organizationId, actor: { kind: 'agent', id: clientId, client_id: clientId }, subject: clientId,
    details: { decision: { id: newId(), policies: [] }, ...details },
  });

  it('is counted as skipped: its agent is gone, or it says too little', async () => {
    await insert(60_000, organizationId, event({ grant_type: 'client_credentials', scope: 'weather:read' }, newId()));
    await insert(60_001, organizationId, event({}, agent.clientId));
    expect(await simulate(denying({ actions: ['issue'] }), 2)).toEqual({ replayed: 0, skipped: 2, changes: [], unlisted: 0, left_out: 0 });
  });

  it('never appears when it is in the log of another organization', async () => {
    const other = newId<OrganizationId>();
    await sql('INSERT INTO organizations (id, slug, name) VALUES ($1, $2, $2)', [other, `other-${other}`]);
    const theirs = event({ grant_type: 'client_credentials', scope: 'weather:read' }, agent.clientId);
    await insert(60_010, other, { ...theirs, organization_id: other });
    const { changes } = await simulate(denying({ actions: ['issue'] }));
    expect(changes.length).toBeGreaterThan(0);
    expect(changes.map(({ event: { id } }) => id)).not.toContain(theirs.id);
    // Nor does an agent of ours answer for what lies in theirs.
    const [found] = await server.inside(RecordedDecisions).newest(other, 1);
    expect(found!.id).toBe(theirs.id);
    expect(await server.inside(DecisionReplays).reader()(other, found!)).toBeUndefined();
  });

  it('is left out when those after it came of more decisions than are made at once; changes beyond a thousand are counted', async () => {
    const tools = Array.from({ length: MOST_DECISIONS / 2 }, () => 'forecast');
    for (const index of [2, 3, 4]) await insert(60_020 + index, organizationId, event({ grant_type: 'client_credentials', tools }, agent.clientId));
    const { changes, ...counts } = await simulate(denying({ actions: ['issue'], tools: ['forecast'] }), 5);
    expect(counts).toEqual({ replayed: 2, skipped: 0, unlisted: MOST_DECISIONS - 1000, left_out: 3 });
    expect(changes).toHaveLength(1000);
  });
});
