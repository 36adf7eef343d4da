import { randomBytes } from 'node:crypto';
import pg from 'pg';

export interface ThrowawayDatabase {
  readonly url: string;
  /** Version and the durability settings that decide what a commit costs. */
  readonly description: string;
  drop(): Promise<void>;
}

const DEFAULT_SERVER = 'postgres://postgres@127.0.0.1:5432/postgres';

/**
 * Makes a database of its own on TEST_DATABASE_URL's server, or on the one at 127.0.0.1:5432.
 *
 * @throws when no PostgreSQL answers there
 */
export async function createThrowawayDatabase(): Promise<ThrowawayDatabase> {
  const server = process.env['TEST_DATABASE_URL'] ?? DEFAULT_SERVER;
  const name = `legate_bench_${process.pid}_${randomBytes(4).toString('hex')}`;
  const description = await onServer(server, async (client) => {
    await client.query(`CREATE DATABASE ${name}`);
    const { rows } = await client.query<{ version: string; commit: string; fsync: string }>(
      `SELECT current_setting('server_version') AS version, current_setting('synchronous_commit') AS commit, current_setting('fsync') AS fsync`,
    );
    return `PostgreSQL ${rows[0]?.version}, synchronous_commit=${rows[0]?.commit}, fsync=${rows[0]?.fsync}`;
  });
  const url = new URL(server);
  url.pathname = `/${name}`;
  return {
    url: url.href,
    description,
    drop: () => onServer(server, async (client) => { await client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`); }),
  };
}

async function onServer<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 3000 });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
