/** Structured facts of a log line. Secrets in them are hidden by name and by form; an error goes under `err`. */
export type LogFields = Readonly<Record<string, unknown>>;

export type LogLevel = 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace';

/**
 * The log of this process. Inject it by its class. Each method takes one sentence, or facts and one sentence:
 * `log.warn({ table, rows }, 'a partition is missing')`. Lines written while a request is served carry its `request_id`.
 */
export abstract class Log {
  abstract fatal(fields: LogFields, message: string): void;
  abstract fatal(message: string): void;
  abstract error(fields: LogFields, message: string): void;
  abstract error(message: string): void;
  abstract warn(fields: LogFields, message: string): void;
  abstract warn(message: string): void;
  abstract info(fields: LogFields, message: string): void;
  abstract info(message: string): void;
  abstract debug(fields: LogFields, message: string): void;
  abstract debug(message: string): void;
  abstract trace(fields: LogFields, message: string): void;
  abstract trace(message: string): void;
  /**
   * One line for what happens with every request, at a third of the usual cost: the fields are written as they stand, so they
   * must be flat and carry no secret by their name. Secrets in values are hidden as ever.
   */
  abstract flat(level: LogLevel, fields: LogFields, message: string): void;
  abstract isLevelEnabled(level: LogLevel): boolean;
}
