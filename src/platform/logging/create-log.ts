import { pino } from 'pino';
import { nowDate } from '../../kernel/clock.js';
import type { Config } from '../config/config.js';
import { requestContext } from '../http/request-context.js';
import { Log } from './log.js';
import { redactFields, redactText } from './redaction.js';
import { formatText } from './text-format.js';

export interface LogDestination {
  write(line: string): void;
  /** Writes what is still held, at once: after a fatal line. */
  flushSync?(): void;
}

/**
 * The log of this process: JSON lines, or text on a terminal. Secrets are hidden in both.
 *
 * @param destination where lines go; standard output by default. Lines are handed to the operating system in order and in
 * the background, and what is left is written when the process exits.
 */
export function createLog(config: Pick<Config, 'logLevel' | 'logFormat'>, destination: LogDestination = standardOutput()): Log {
  const isText = config.logFormat === 'text' || (config.logFormat === 'auto' && process.stdout.isTTY === true);
  const hasColours = isText && process.stdout.isTTY === true && process.env['NO_COLOR'] === undefined;
  return pino({
    level: config.logLevel,
    base: { pid: process.pid },
    messageKey: 'message',
    timestamp: () => `,"time":"${nowDate().toISOString()}"`,
    formatters: { level: (level) => ({ level }), log: redactFields },
    // Errors are copied, with their causes and without their secrets, by redactFields.
    serializers: { err: (error: unknown) => error },
    mixin: () => {
      const context = requestContext();
      return context ? { request_id: context.requestId } : {};
    },
    // The last thing before a line is written, so that no way of logging avoids it.
    hooks: { streamWrite: redactText },
  }, isText ? textTo(destination, hasColours) : destination) satisfies Log;
}

function textTo(destination: LogDestination, hasColours: boolean): LogDestination {
  return {
    write: (line) => destination.write(formatText(line, hasColours)),
    flushSync: () => destination.flushSync?.(),
  };
}

function standardOutput(): LogDestination {
  return pino.destination({ fd: 1, sync: false });
}
