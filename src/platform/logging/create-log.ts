import { pino } from 'pino';
import { now } from '../../kernel/clock.js';
import type { Config } from '../config/config.js';
import { requestContext } from '../http/request-context.js';
import type { Log, LogFields, LogLevel } from './log.js';
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
 * @param destination where lines go; standard output by default. There, JSON is written in the background, and what is left
 * when the process exits; text is written at once, so that it keeps its place among what else is printed.
 */
export function createLog(config: Pick<Config, 'logLevel' | 'logFormat'>, destination: LogDestination = standardOutput(isText(config))): Log {
  const stream = isText(config) ? textTo(destination) : destination;
  const target = pino({
    level: config.logLevel,
    base: { pid: process.pid },
    messageKey: 'message',
    timestamp: () => `,"time":"${timestamp()}"`,
    formatters: { level: (level) => ({ level }), log: redactFields },
    // Errors are copied, with their causes and without their secrets, by redactFields.
    serializers: { err: (error: unknown) => error },
    mixin: () => {
      const context = requestContext();
      return context ? { request_id: context.requestId } : {};
    },
    // The last thing before a line is written, so that no way of logging avoids it.
    hooks: { streamWrite: redactText },
  }, stream);
  const flat = (level: LogLevel, fields: LogFields, message: string) => {
    if (!target.isLevelEnabled(level)) return;
    stream.write(redactText(`${JSON.stringify({ level, time: timestamp(), pid: process.pid, ...fields, message })}\n`));
  };
  return Object.assign(target, { flat });
}

let latest = { at: NaN, text: '' };

/** ISO 8601, made once a millisecond. */
function timestamp(): string {
  const at = now();
  if (at !== latest.at) latest = { at, text: new Date(at).toISOString() };
  return latest.text;
}

function isText(config: Pick<Config, 'logFormat'>): boolean {
  return config.logFormat === 'text' || (config.logFormat === 'auto' && process.stdout.isTTY);
}

function textTo(destination: LogDestination): LogDestination {
  const hasColours = process.stdout.isTTY && process.env['NO_COLOR'] === undefined;
  return {
    write: (line) => destination.write(formatText(line, hasColours)),
    flushSync: () => destination.flushSync?.(),
  };
}

function standardOutput(isImmediate: boolean): LogDestination {
  return pino.destination({ fd: 1, sync: isImmediate });
}
