import { bootstrapToken, call, post } from '../support/api.js';
import { registerAgent } from '../support/clients.js';
import { startServer, type TestServer } from '../support/server.js';
import { report } from '../support/stored-facts.js';

/** Twice as many where there are two processes to ask. */
const PARALLEL = process.env['TEST_DATABASE_URL'] ? 400 : 200;
const BUDGET = 100;
const PATIENCE = 180_000;

interface Counter { limit: string; used: number; reserved: number; bound: number }

/** On PostgreSQL two processes, on one row for each counter; the embedded database belongs to one. */
describe('a budget that everybody draws on at once', () => {
  let nodes: TestServer[];
  let server: TestServer;
  let admin: string;

  beforeAll(async () => {
    // Everybody waits for the same row, on a machine that may be slow: nobody is to be sent away for it.
    server = await startServer({ environment: { LEGATE_DATABASE_TIMEOUT_MS: '120000' } });
    nodes = process.env['TEST_DATABASE_URL'] ? [server, await startServer({ beside: server })] : [server];
    admin = await bootstrapToken(server);
  });
  afterAll(async () => {
    for (const node of [...nodes].reverse()) await node.stop();
  });

  async function newAgent(limits: object): Promise<{ id: string; token: string }> {
    const { clientId, clientSecret } = await registerAgent(server);
    const { body } = await post(server, '/api/oauth/token', { grant_type: 'client_credentials' }, { basic: [clientId, clientSecret] });
    expect((await call(server, 'PUT', `/api/agents/${clientId}/limits`, { token: admin, body: limits })).status).toBe(200);
    return { id: clientId, token: String(body['access_token']) };
  }

  const countersOf = async (id: string, node = server) => (await call<{ counters: Counter[] }>(node, 'GET', `/api/agents/${id}/limits`, { token: admin })).body.counters;
  const reserve = (node: TestServer, token: string, body: object) => call(node, 'POST', '/api/usage/reservations', { token, body });

  it(`grants exactly ${BUDGET} of ${PARALLEL} reservations of one that are asked for at the same moment, over all processes`, async () => {
    const { id, token } = await newAgent({ cost_budget_usd: BUDGET, cost_period: 'lifetime' });
    const answers = await Promise.all(Array.from({ length: PARALLEL }, (_, index) => reserve(nodes[index % nodes.length]!, token, { cost_usd: 1, expires_in: 3600 })));
    const granted = answers.filter(({ status }) => status === 201);
    expect(granted).toHaveLength(BUDGET);
    expect(answers.filter(({ status, body }) => status === 403 && body['code'] === 'limit_exhausted')).toHaveLength(PARALLEL - BUDGET);
    expect(await countersOf(id)).toMatchObject([{ used: 0, reserved: BUDGET * 1_000_000 }]);
    // As many are settled at once, every other one on the other process; what is given back is granted again, and no more.
    await Promise.all(granted.map(async ({ body }, index) => {
      const answer = await call(nodes[(index + 1) % nodes.length]!, 'POST', `/api/usage/reservations/${String(body['id'])}/${index < 60 ? 'commit' : 'release'}`, { token, ...(index < 60 && { body: {} }) });
      expect(answer.status).toBe(200);
    }));
    expect(await countersOf(id)).toMatchObject([{ used: 60_000_000, reserved: 0 }]);
    const again = await Promise.all(Array.from({ length: BUDGET }, (_, index) => reserve(nodes[index % nodes.length]!, token, { cost_usd: 1 })));
    expect(again.filter(({ status }) => status === 201)).toHaveLength(40);
    report(`${PARALLEL} reservations of one against ${BUDGET}, over ${nodes.length} processes: ${granted.length} granted; after 40 were given back, ${again.filter(({ status }) => status === 201).length} of ${BUDGET}`);
  }, PATIENCE);

  it('takes once what is sent to every process under one key', async () => {
    const { id, token } = await newAgent({ cost_budget_usd: 50, cost_period: 'lifetime' });
    const answers = await Promise.all(Array.from({ length: 40 }, (_, index) =>
      call(nodes[index % nodes.length]!, 'POST', '/api/usage/reservations', { token, body: { cost_usd: 2 }, headers: { 'idempotency-key': 'one' } })));
    expect(new Set(answers.map(({ status, body }) => `${status} ${String(body['id'])}`)).size).toBe(1);
    expect(await countersOf(id)).toMatchObject([{ reserved: 2_000_000 }]);
  }, PATIENCE);

  it('gets back what was reserved by a process that was killed before it was committed', async () => {
    const { id, token } = await newAgent({ cost_budget_usd: 10, cost_period: 'lifetime' });
    const killed = nodes.at(-1)!;
    const held = await Promise.all(Array.from({ length: 10 }, () => reserve(killed, token, { cost_usd: 1, expires_in: 2 })));
    expect(held.map(({ status }) => status)).toEqual(Array.from({ length: 10 }, () => 201));
    await killed.kill('SIGKILL');
    const next = await startServer({ beside: server });
    nodes.push(next);
    await vi.waitFor(async () => expect(await countersOf(id, next)).toMatchObject([{ used: 0, reserved: 0 }]), { timeout: 60_000, interval: 250 });
    expect((await reserve(next, token, { cost_usd: 10 })).status).toBe(201);
  }, PATIENCE);
});
