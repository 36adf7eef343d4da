import { Acknowledged } from '../support/acknowledged.js';
import { MACHINE_CLIENT, registerClient } from '../support/clients.js';
import { startServer, type TestServer } from '../support/server.js';
import { openDatabaseOf, report } from '../support/stored-facts.js';

/** On PostgreSQL the fault suite kills ten times. */
const KILLS = process.env['TEST_DATABASE_URL'] ? 3 : 2;
const LOOPS = 20;
/** Acknowledged before each kill, which so comes in the middle of the load however fast the machine is. */
const TOKENS = 120;
const INTROSPECTED = 200;

describe('a server that is killed under load', () => {
  const servers: TestServer[] = [];
  let basic: [string, string];

  beforeAll(async () => {
    servers.push(await startServer());
    const client = await registerClient(servers[0]!, MACHINE_CLIENT);
    basic = [client.clientId, client.clientSecret!];
  });

  afterAll(async () => {
    for (const server of [...servers].reverse()) await server.stop();
  });

  async function killUnderLoad(server: TestServer, acknowledged: Acknowledged): Promise<void> {
    const loops = Array.from({ length: LOOPS }, () => acknowledged.askUntilGone(server, basic));
    await acknowledged.untilMore(server, TOKENS);
    await server.kill('SIGKILL');
    await Promise.all(loops);
  }

  it('has every token whose response was received, each with exactly one audit event, and an audit log that verifies', async () => {
    const acknowledged = new Acknowledged();
    for (let kill = 1; kill <= KILLS; kill += 1) {
      const before = acknowledged.issued.size;
      await killUnderLoad(servers.at(-1)!, acknowledged);
      servers.push(await startServer({ beside: servers[0]! }));
      report(`kill ${kill}: ${acknowledged.issued.size - before} tokens acknowledged, ${acknowledged.revoked.size} revocations so far`);
    }
    const last = servers.at(-1)!;
    const { standing } = acknowledged;
    await acknowledged.expectStanding(last, [...standing.slice(-INTROSPECTED), ...standing.filter(({ active }) => !active).slice(-INTROSPECTED)]);
    await last.kill();
    const { dataSource, close } = await openDatabaseOf(last);
    try {
      expect(acknowledged.issued.size).toBeGreaterThanOrEqual(KILLS * TOKENS);
      await acknowledged.expectStored(dataSource);
    } finally {
      await close();
    }
  });
});
