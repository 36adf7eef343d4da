import { QueryFailedError } from 'typeorm';
import { createApplication } from './application.js';
import { DomainError } from './kernel/domain-error.js';
import { ConfigurationError, loadConfig } from './platform/config/load-config.js';
import type { Config } from './platform/config/config.js';
import { productVersion } from './platform/config/version.js';
import { shutDownGracefully } from './platform/http/graceful-shutdown.js';
import { createLog } from './platform/logging/create-log.js';
import { logCrashes } from './platform/logging/crash.js';
import { Preparation } from './preparation.service.js';

/** Of PostgreSQL. */
const PERMISSION_DENIED = '42501';

/** Starts the server and says how it went: on success what a person needs to go on, on failure one sentence for each reason. */
export async function serve(): Promise<void> {
  try {
    await start(loadConfig());
  } catch (error) {
    const sentences = sentencesOf(error);
    if (!sentences) throw error;
    process.stderr.write(`Legate cannot start:\n${sentences.map((sentence) => `  - ${sentence}\n`).join('')}`);
    process.exitCode = 1;
  }
}

/** What to put right, where that is known. */
function sentencesOf(error: unknown): readonly string[] | undefined {
  if (error instanceof ConfigurationError) return error.problems;
  if (error instanceof DomainError) return [error.message];
  if (error instanceof QueryFailedError && (error.driverError as { code?: string }).code === PERMISSION_DENIED) {
    return [`The role of DATABASE_URL may not do what the start takes: ${error.message}. Run \`legate database migrate --grant <role>\` as the owner of the tables.`];
  }
  return undefined;
}

async function start(config: Config): Promise<void> {
  const log = createLog(config);
  logCrashes(log);
  const app = await createApplication(config, log);
  shutDownGracefully(app, log);
  await app.listen(config.port, config.host);
  const { firstStart } = app.get(Preparation);
  log.info({ version: productVersion, mode: config.mode, database: config.databaseUrl ? 'postgresql' : 'embedded' }, `Legate is ready at ${config.issuer}`);
  if (!config.databaseUrl) log.info({ folder: config.dataDir }, 'The embedded database survives a killed process, but not a power failure: for production set DATABASE_URL to a PostgreSQL server.');
  for (const notice of firstStart.notices) log.info(notice);
  // Printed, not logged: the log hides secrets, and this one is meant for the person at the terminal.
  if (firstStart.setupLink) process.stdout.write(`\nNobody has set this server up yet. Open this link within 30 minutes to become its administrator:\n\n  ${firstStart.setupLink}\n\n`);
}
