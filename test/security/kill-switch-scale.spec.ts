import { decodeJwt } from 'jose';
import { DataSource } from 'typeorm';
import { judgedColumns, standingOfRows } from '../../src/modules/tokens/token-liveness.js';
import { bootstrapToken, call, introspect, post } from '../support/api.js';
import { startApplication, type TestApplication } from '../support/application.js';
import { registerAgent } from '../support/clients.js';
import { report } from '../support/stored-facts.js';

/** A quick run ends few. */
const TOKENS = Number(process.env['LEGATE_TEST_ENDED_TOKENS'] ?? 2000);
/** Of one tree. */
const TREE = 10;

interface Ending { counts: { tokens: number }; tokens: { is_minimum: boolean } }

let server: TestApplication;
beforeAll(async () => { server = await startApplication(); });
afterAll(() => server.stop());

/** Live tokens of an agent in trees of ten, copied from a real one. */
async function grow(token: string): Promise<void> {
  const made = `(lpad(to_hex((extract(epoch FROM now()) * 1000)::bigint), 12, '0') || '7000' || '8000' || lpad(to_hex(n), 12, '0'))`;
  const id = (number: string) => `${made.replace('to_hex(n)', `to_hex(${number})`)}::uuid`;
  await server.inside(DataSource).query(`
    INSERT INTO tokens (token_id, kind, format, grant_type, organization_id, client_id, subject, agent_id, audience, scope, task_id, parent_token_id, root_token_id, ancestors, issued_at, expires_at)
    SELECT ${id('n')}, t.kind, t.format, t.grant_type, t.organization_id, t.client_id, t.subject, t.agent_id, t.audience, t.scope, ${id(`n - n % ${TREE}`)},
      CASE WHEN n % ${TREE} > 0 THEN ${id(`n - n % ${TREE}`)} END, ${id(`n - n % ${TREE}`)}, CASE WHEN n % ${TREE} > 0 THEN ARRAY[${id(`n - n % ${TREE}`)}] END, t.issued_at, t.expires_at
    FROM tokens t, generate_series(${TREE}, ${TOKENS + TREE - 1}) n WHERE t.token_id = $1`, [decodeJwt(token).jti]);
  await server.inside(DataSource).query('ANALYZE tokens');
}

const marked = async () => Number((await server.inside(DataSource).query<{ count: string }[]>('SELECT count(*) FROM tokens WHERE revoked_at IS NOT NULL'))[0]!.count);

/** Of the tokens of agents, as introspection would say of each. */
async function alive(): Promise<number> {
  const [row] = await server.inside(DataSource).query<{ count: string }[]>(
    `WITH asked AS (SELECT ${judgedColumns('t')} FROM tokens t WHERE t.agent_id IS NOT NULL), ${standingOfRows('asked', 'now()')} SELECT count(*) FROM standing WHERE dead IS NULL`);
  return Number(row!.count);
}

async function timed<T>(what: () => Promise<T>): Promise<[T, number]> {
  const started = performance.now();
  return [await what(), performance.now() - started];
}

async function agentWithMany() {
  const agent = await registerAgent(server);
  const { body } = await post(server, '/api/oauth/token', { grant_type: 'client_credentials' }, { basic: [agent.clientId, agent.clientSecret] });
  const token = String(body['access_token']);
  await grow(token);
  return { agent, token };
}

describe('many tokens', () => {
  it.each([
    ['everything by now', () => ({ kind: 'issued_before' })],
    ['an agent', ({ clientId }: { clientId: string }) => ({ kind: 'agent', id: clientId })],
  ])(`end with the kill switch of %s, and no row of them is written`, async (what, targetOf) => {
    const { agent, token } = await agentWithMany();
    const target = targetOf(agent);
    const operator = await bootstrapToken(server);
    const [seen, looked] = await timed(() => call<Ending>(server, 'POST', '/api/admin/kill-switches/preview', { token: operator, body: { target } }));
    expect(seen.status).toBe(200);
    // Where the machine is too slow to count so many in time, they end all the same.
    if (!seen.body.tokens.is_minimum) expect(seen.body.counts.tokens).toBeGreaterThan(TOKENS);
    const [used, ended] = await timed(() => call<{ ended: Ending }>(server, 'POST', '/api/admin/kill-switches', { token: operator, body: { target, reason: 'A drill.' } }));
    expect(used.status).toBe(200);
    if (!used.body.ended.tokens.is_minimum && !seen.body.tokens.is_minimum) expect(used.body.ended.counts).toEqual(seen.body.counts);
    expect(await marked()).toBe(0);
    expect(await alive()).toBe(0);
    expect((await introspect(server, token))['active']).toBe(false);
    report(`the kill switch of ${what}, ${TOKENS} tokens, of which ${used.body.ended.counts.tokens} were counted: preview ${looked.toFixed(0)} ms, use ${ended.toFixed(0)} ms with up to a second of waiting for the next one to begin`);
  });

  it('end by a filter, each of those that fit', async () => {
    const { agent, token } = await agentWithMany();
    const [{ status, body }, ended] = await timed(async () => call<{ ended: Ending }>(server, 'POST', '/api/admin/tokens/revoke', {
      token: await bootstrapToken(server), body: { filter: { client_id: agent.clientId }, reason: 'A drill.' },
    }));
    expect({ status, marked: await marked() }).toEqual({ status: 200, marked: TOKENS + 1 });
    if (!body.ended.tokens.is_minimum) expect(body.ended.counts.tokens).toBe(TOKENS + 1);
    expect(await alive()).toBe(0);
    expect((await introspect(server, token))['active']).toBe(false);
    report(`a filter, ${TOKENS + 1} tokens: ${ended.toFixed(0)} ms`);
  });
});
