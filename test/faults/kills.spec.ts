import { Acknowledged } from '../support/acknowledged.js';
import { MACHINE_CLIENT, registerClient } from '../support/clients.js';
import { describeWithPostgres, type PostgresCluster } from '../support/postgres-cluster.js';
import { startServer, type TestServer } from '../support/server.js';
import { openDatabaseOf, report } from '../support/stored-facts.js';

/** In turns: the server, the database, and both. */
const KILLS = 10;
const LOOPS = 20;
/** Acknowledged before each kill, and again after it where the server lives on. */
const TOKENS = 150;

describeWithPostgres('after ten kills under load, of the server, of PostgreSQL and of both,', (createCluster) => {
  let cluster: PostgresCluster;
  const servers: TestServer[] = [];
  let basic: [string, string];

  beforeAll(async () => {
    cluster = await createCluster();
    servers.push(await startServer({ environment: { DATABASE_URL: cluster.url, LEGATE_ACCESS_TOKEN_TTL: '3600' } }));
    const client = await registerClient(servers[0]!, MACHINE_CLIENT);
    basic = [client.clientId, client.clientSecret!];
  });

  afterAll(async () => {
    for (const server of [...servers].reverse()) await server.stop();
    await cluster?.remove();
  });

  it('what was acknowledged is what introspection says, what the ledger has and what the log tells, token by token', async () => {
    const acknowledged = new Acknowledged();
    for (let kill = 1; kill <= KILLS; kill += 1) {
      const [before, server] = [acknowledged.issued.size, servers.at(-1)!];
      const victim = (['server', 'PostgreSQL', 'both'] as const)[(kill - 1) % 3]!;
      let isOver = false;
      const loops = Array.from({ length: LOOPS }, () => acknowledged.askUntilGone(server, basic, () => isOver));
      await acknowledged.untilMore(server, TOKENS);
      if (victim !== 'server') await cluster.kill();
      if (victim !== 'PostgreSQL') await server.kill('SIGKILL');
      if (victim !== 'server') await cluster.start();
      // A server whose database came back goes on by itself.
      if (victim === 'PostgreSQL') await acknowledged.untilMore(server, TOKENS);
      isOver = true;
      await Promise.all(loops);
      if (victim !== 'PostgreSQL') servers.push(await startServer({ beside: servers[0]! }));
      report(`kill ${kill}, ${victim}: ${acknowledged.issued.size - before} tokens acknowledged, ${acknowledged.revoked.size} revocations so far`);
    }
    await acknowledged.expectStanding(servers.at(-1)!);
    const { dataSource, close } = await openDatabaseOf(servers.at(-1)!);
    try {
      expect(acknowledged.issued.size).toBeGreaterThanOrEqual(KILLS * TOKENS);
      await acknowledged.expectStored(dataSource);
    } finally {
      await close();
    }
  });
});
