import { rmSync } from 'node:fs';
import pg from 'pg';

export default async function removeTemplate() {
  const { TEST_DATABASE_URL: server, LEGATE_TEST_TEMPLATE_DATABASE: name, LEGATE_TEST_TEMPLATE_FOLDER: folder } = process.env;
  if (server && name) {
    const client = new pg.Client({ connectionString: server });
    await client.connect();
    await client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    await client.end();
  }
  if (folder) rmSync(folder, { recursive: true, force: true });
}
