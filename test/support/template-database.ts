import { cpSync, mkdirSync } from 'node:fs';
import { Client } from 'pg';

/** Copies of the migrated database that `global-setup.mjs` made. */

/** Puts an embedded database under `dataDir`. */
export function copyTemplateFolder(dataDir: string): void {
  mkdirSync(dataDir, { recursive: true });
  cpSync(template('LEGATE_TEST_TEMPLATE_FOLDER'), dataDir, { recursive: true });
}

/** Makes a database of this name on the server and answers its URL. */
export async function copyTemplateDatabase(server: string, name: string): Promise<string> {
  await onServer(server, `CREATE DATABASE ${name} TEMPLATE ${template('LEGATE_TEST_TEMPLATE_DATABASE')}`);
  return new URL(`/${name}`, server).href;
}

export async function dropDatabase(server: string, name: string): Promise<void> {
  await onServer(server, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
}

function template(variable: string): string {
  const value = process.env[variable];
  if (!value) throw new Error(`${variable} is not set: run the tests by npm test`);
  return value;
}

async function onServer(url: string, statement: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    // Suites that copy the template at the same moment have to take turns.
    for (let attempt = 1; ; attempt += 1) {
      try {
        await client.query(statement);
        return;
      } catch (error) {
        if ((error as { code?: string }).code !== '55006' || attempt === 50) throw error;
        await new Promise((resolve) => { setTimeout(resolve, 100); });
      }
    }
  } finally {
    await client.end();
  }
}
