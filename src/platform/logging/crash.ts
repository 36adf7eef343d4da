import type { Log } from './log.js';

/**
 * Puts an error that nobody caught into the log, where secrets are hidden, instead of on standard error, where they are
 * not, and ends the process: its state cannot be trusted any more.
 *
 * @returns a function that takes the listeners off again
 */
export function logCrashes(log: Log, exit: (code: number) => void = (code) => process.exit(code)): () => void {
  const crash = (error: unknown) => {
    log.fatal({ err: error }, 'the process ends because of an error that nothing caught');
    exit(1);
  };
  process.on('uncaughtException', crash);
  process.on('unhandledRejection', crash);
  return () => {
    process.off('uncaughtException', crash);
    process.off('unhandledRejection', crash);
  };
}
