import { Client } from 'pg';
import { describeWithPostgres, type PostgresCluster } from '../support/postgres-cluster.js';
import { startServer, type TestServer } from '../support/server.js';
import { mountSmallDisk, whyNoSmallDisk, type SmallDisk } from '../support/small-disk.js';
import { report } from '../support/stored-facts.js';
import type { Load } from './load.js';
import { expectAllStored, expectHonestAnswers, expectRecovery, live, loadParts, pause, summary, type Pace } from './outages.js';

const PACE: Pace = { beforeMs: 1_500, recoveryMs: 4_000, afterMs: 1_500 };
const FULL_MS = 2_000;
const LONGEST_ANSWER_MS = 8_000;
const LONGEST_UNTIL_REFUSED_MS = 30_000;
const DATA_MEBIBYTES = 128;
const WAL_MEBIBYTES = 24;

const reason = whyNoSmallDisk();
if (reason) process.stderr.write(`Skipped: a full disk: ${reason}\n`);

describe.skipIf(reason !== undefined)(`a disk that is full, under load,${reason ? ` (${reason})` : ''}`, () => {
  describeWithPostgres('of PostgreSQL', (createCluster) => {
    let disk: SmallDisk | undefined;
    let cluster: PostgresCluster | undefined;
    let server: TestServer | undefined;

    afterEach(async () => {
      await server?.stop();
      await cluster?.remove();
      disk?.remove();
      disk = cluster = server = undefined;
    });

    /**
     * @param load until it has met it
     * @param url of a database whose files have room in them still, which is used up as well
     */
    async function full(own: SmallDisk, load: Load, url: string): Promise<void> {
      own.fill();
      const client = new Client({ connectionString: url });
      client.on('error', () => undefined);
      await client.connect();
      for (const deadline = Date.now() + LONGEST_UNTIL_REFUSED_MS; !load.told.some(({ kind, status }) => kind === 'token' && status === 503);) {
        if (Date.now() > deadline) throw new Error('the disk is full, and nothing was refused');
        own.fill();
        await client.query('SELECT pg_switch_wal()').catch(() => undefined);
        await pause(50);
      }
      await client.end();
      await pause(FULL_MS);
      own.free();
    }

    it.each([
      ['the data', DATA_MEBIBYTES, 'dataOn'],
      ['the log that data is recovered from', WAL_MEBIBYTES, 'walOn'],
    ] as const)('has room for %s no more: 503 until it has, and everything acknowledged is there', async (_, mebibytes, place) => {
      const own = disk = mountSmallDisk(mebibytes);
      const itsCluster = cluster = await createCluster({ [place]: own.folder });
      const itsServer = server = await startServer({ environment: { DATABASE_URL: cluster.url, LEGATE_ACCESS_TOKEN_TTL: '3600' } });
      const { load, outage } = await live(await loadParts(server), PACE, async (underWay) => {
        await full(own, underWay, itsCluster.url);
        // It gives up when it cannot write that log, and somebody has to start it again.
        if (!itsCluster.isRunning()) {
          report('PostgreSQL ended, and is started again');
          await itsCluster.start();
        }
      });
      for (const line of summary(load.told, outage)) report(line);
      expectHonestAnswers(load, LONGEST_ANSWER_MS);
      expectRecovery(load, outage, PACE.recoveryMs, itsServer);
      await expectAllStored(load, itsCluster.url);
    });
  });
});
