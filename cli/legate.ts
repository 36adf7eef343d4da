#!/usr/bin/env node
/** The command line: `legate start`, `legate database migrate`, `legate audit verify`, `legate audit export`. */
import { Command } from 'commander';
import { exportAudit, type ExportOptions } from './export-audit.js';
import { Failure } from './failure.js';
import { migrateDatabase, type MigrateOptions } from './migrate-database.js';
import { verifyAudit, type VerifyOptions } from './verify-audit.js';
import { productVersion } from '../src/platform/config/version.js';

const program = new Command('legate')
  .description('The authorization server for AI agents, and what belongs to it.')
  .version(productVersion)
  .showHelpAfterError();

program.command('start')
  .description('Starts the server. Its settings are environment variables: docs/configuration.md lists them.')
  // The bundle, which starts a quarter sooner: see scripts/bundle.mjs.
  .action(async () => { await import(new URL('../server/main.js', import.meta.url).href); });

program.command('database').description('The database, away from the server.')
  .command('migrate')
  .description('Brings the tables up to date in the database that DATABASE_URL names, as the role that owns them. The server does so by itself at its start if its own role may.')
  .option('--grant <role>', 'grants another role what the server needs: all but changing what is in the audit log')
  .action((options: MigrateOptions) => migrateDatabase(options));

const audit = program.command('audit').description('The audit log, away from the server.');

audit.command('verify')
  .description('Holds an export (ndjson) against signed checkpoints. Needs no server and no database. Exit code 0: it is proven; 1: it is not.')
  .argument('<export>', 'file made by `legate audit export`, or - for the standard input')
  .requiredOption('--checkpoint <file...>', 'files of checkpoints, as the server appends them or as they were sent elsewhere')
  .requiredOption('--key <key...>', 'verifier keys of the log (`GET /api/admin/audit/keys`), or files with one on each line')
  .option('--json', 'print the result as JSON')
  .action((file: string, options: VerifyOptions) => verifyAudit(file, options));

audit.command('export')
  .description('Takes the events of an organization along, up to now.')
  .requiredOption('--server <url>', 'the issuer, such as https://auth.example.com')
  .option('--token-file <file>', 'file with an access token that has the scope audit:read')
  .option('--client-id <id>', 'instead: the client that gets one')
  .option('--client-secret-file <file>', 'file with its secret, or - for the standard input')
  .option('--format <format>', 'ndjson, which can be verified, or csv', 'ndjson')
  .option('--after <size>', 'go on from an export: the `size` in its first line')
  .option('--all', 'the events of all organizations, for platform administrators')
  .option('--output <file>', 'where to write it; to the standard output when left out')
  .action((options: ExportOptions) => exportAudit(options));

try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof Failure)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = error.exitCode;
}
