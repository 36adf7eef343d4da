import type { LoggerService } from '@nestjs/common';
import type { Log, LogFields, LogLevel } from './log.js';

/** Parts of the framework that narrate every start: which module, which route. Their warnings and errors still count. */
const NARRATORS = new Set([
  'NestFactory', 'NestApplication', 'InstanceLoader', 'RoutesResolver', 'RouterExplorer', 'TypeOrmModule', 'MiddlewareModule', 'Injector',
]);

/** Takes what is said through Nest's own `Logger` (`new Logger('AuditLog').warn('…')`) into our log, with its context as `component`. */
export class NestLog implements LoggerService {
  constructor(private readonly target: Log) {}

  log(message: unknown, ...rest: unknown[]): void {
    this.write('info', message, rest);
  }

  fatal(message: unknown, ...rest: unknown[]): void {
    this.write('fatal', message, rest);
  }

  error(message: unknown, ...rest: unknown[]): void {
    this.write('error', message, rest);
  }

  warn(message: unknown, ...rest: unknown[]): void {
    this.write('warn', message, rest);
  }

  debug(message: unknown, ...rest: unknown[]): void {
    this.write('debug', message, rest);
  }

  verbose(message: unknown, ...rest: unknown[]): void {
    this.write('trace', message, rest);
  }

  /** Nest appends the context last; before it come a stack, an error or further things worth saying. */
  private write(level: LogLevel, message: unknown, rest: unknown[]): void {
    const extras = [...rest];
    const component = typeof extras.at(-1) === 'string' && !isStack(extras.at(-1)) ? String(extras.pop()) : undefined;
    const isNarration = (level === 'info' || level === 'debug') && component !== undefined && NARRATORS.has(component);
    const target = isNarration ? 'trace' : level;
    if (!this.target.isLevelEnabled(target)) return;
    const error = message instanceof Error ? message : extras.find((extra) => extra instanceof Error);
    const stack = extras.find(isStack);
    const others = extras.filter((extra) => extra !== error && extra !== stack && extra !== undefined);
    const fields: LogFields = {
      ...(component === undefined ? {} : { component }),
      ...(error === undefined ? {} : { err: error }),
      ...(error === undefined && stack !== undefined ? { stack } : {}),
      ...(others.length > 0 ? { details: others } : {}),
      ...(isPlain(message) ? { fields: message } : {}),
    };
    this.target[target](fields, sentence(message));
  }
}

function isStack(value: unknown): value is string {
  return typeof value === 'string' && /\n\s+at /.test(value);
}

function isPlain(message: unknown): message is object {
  return typeof message === 'object' && message !== null && !(message instanceof Error);
}

function sentence(message: unknown): string {
  if (message instanceof Error) return message.message;
  if (!isPlain(message)) return String(message);
  const text = (message as { message?: unknown }).message;
  return typeof text === 'string' ? text : 'logged';
}
