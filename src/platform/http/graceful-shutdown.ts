import type { Server } from 'node:http';
import { constants } from 'node:os';
import type { INestApplication } from '@nestjs/common';
import { Lifecycle } from '../health/lifecycle.js';
import type { Log } from '../logging/log.js';

export interface ShutdownOptions {
  /** How long requests under way may take to finish. Milliseconds. */
  readonly graceMs?: number;
  /** How long the database and the rest may take to close after that. Milliseconds. */
  readonly closeMs?: number;
  readonly exit?: (code: number) => void;
}

const SIGNALS = ['SIGTERM', 'SIGINT'] as const;
const SWEEP_MS = 50;

/**
 * Ends the process in order when it is asked to:
 *
 * 1. `/health/ready` answers 503, so that load balancers look elsewhere.
 * 2. No new connections are taken; those that are idle are closed, and the others after their answer.
 * 3. Requests under way finish, or are cut off after ten seconds.
 * 4. What the application holds (database, Redis, background work) is closed, and the process exits with 0.
 *
 * A second signal exits at once.
 *
 * @returns a function that stops listening for signals
 */
export function shutDownGracefully(app: INestApplication, log: Log, options: ShutdownOptions = {}): () => void {
  const { graceMs = 10_000, closeMs = 5_000, exit = (code: number) => process.exit(code) } = options;
  let hasBegun = false;
  const onSignal = (signal: (typeof SIGNALS)[number]) => {
    if (hasBegun) {
      log.warn({ signal }, 'shutting down at once');
      exit(128 + constants.signals[signal]);
      return;
    }
    hasBegun = true;
    log.info({ signal }, 'shutting down');
    void end(app, log, graceMs, closeMs).then(exit);
  };
  for (const signal of SIGNALS) process.on(signal, onSignal);
  return () => { for (const signal of SIGNALS) process.off(signal, onSignal); };
}

/** @returns the exit code */
async function end(app: INestApplication, log: Log, graceMs: number, closeMs: number): Promise<number> {
  try {
    app.get(Lifecycle).beginShutdown();
    await drain(app.getHttpServer() as Server, log, graceMs);
    if (!await isDoneWithin(closeMs, app.close())) {
      log.error('the application did not close in time');
      return 1;
    }
    log.info('shut down');
    return 0;
  } catch (error) {
    log.error({ err: error }, 'the shutdown failed');
    return 1;
  }
}

async function drain(server: Server, log: Log, graceMs: number): Promise<void> {
  // Tells clients on connections that stay busy to ask their next question elsewhere.
  server.prependListener('request', (_, response) => { response.setHeader('connection', 'close'); });
  const closed = new Promise<void>((resolve) => { server.close(() => resolve()); });
  server.closeIdleConnections();
  // An answer that was begun before the signal leaves its connection open; it is idle soon after.
  const sweep = setInterval(() => server.closeIdleConnections(), SWEEP_MS);
  if (!await isDoneWithin(graceMs, closed)) {
    log.warn({ grace_ms: graceMs }, 'requests under way are cut off');
    server.closeAllConnections();
  }
  clearInterval(sweep);
}

async function isDoneWithin(milliseconds: number, work: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => { timer = setTimeout(() => resolve(false), milliseconds); });
  try {
    return await Promise.race([work.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}
