interface LogLine {
  readonly level: string;
  readonly time: string;
  readonly message?: string;
  readonly [field: string]: unknown;
}

/** Escape sequences, line breaks and bidirectional overrides in a logged value must not repaint the terminal or fake a line. */
const UNPRINTABLE = /[\p{Cc}\u200B-\u200F\u2028-\u202E\u2060-\u2069\uFEFF]/gu;

const COLOURS: Readonly<Record<string, string>> = { fatal: '\x1b[1;31m', error: '\x1b[31m', warn: '\x1b[33m', info: '\x1b[32m', debug: '\x1b[2m', trace: '\x1b[2m' };
const DIM = '\x1b[2m';
const PLAIN = '\x1b[0m';

/**
 * Turns one line of JSON into one that people read: `14:03:07.120 WARN  Redis is not reachable  attempts=3`. The stack of an
 * error follows on lines of its own.
 */
export function formatText(json: string, hasColours: boolean): string {
  const { level, time, message = '', pid: _pid, err, ...fields } = JSON.parse(json) as LogLine;
  const name = level.toUpperCase().padEnd(5);
  const members = Object.entries(fields).map(([key, value]) => `${key}=${formatValue(value)}`).join(' ');
  const head = hasColours
    ? `${DIM}${time.slice(11, 23)}${PLAIN} ${COLOURS[level] ?? ''}${name}${PLAIN} ${printable(message)}${members === '' ? '' : `  ${DIM}${members}${PLAIN}`}`
    : `${time.slice(11, 23)} ${name} ${printable(message)}${members === '' ? '' : `  ${members}`}`;
  return `${head}\n${err === undefined ? '' : formatError(err, '  ')}`;
}

function formatValue(value: unknown): string {
  if (typeof value === 'string') return /^[^\s"=]+$/.test(value) ? printable(value) : printable(JSON.stringify(value));
  return printable(JSON.stringify(value));
}

function formatError(error: unknown, indent: string): string {
  if (typeof error !== 'object' || error === null) return `${indent}${formatValue(error)}\n`;
  const { type, message, stack, cause, ...others } = error as Record<string, unknown>;
  const lines = typeof stack === 'string' ? stack.split('\n') : [`${String(type ?? 'Error')}: ${String(message ?? '')}`];
  const members = Object.entries(others).map(([key, value]) => `${key}=${formatValue(value)}`);
  return [
    ...lines.map((line) => `${indent}${printable(line)}\n`),
    ...(members.length > 0 ? [`${indent}${members.join(' ')}\n`] : []),
    ...(cause === undefined ? [] : [`${indent}caused by:\n`, formatError(cause, `${indent}  `)]),
  ].join('');
}

function printable(text: string): string {
  return text.replace(UNPRINTABLE, (character) => `\\u${character.codePointAt(0)!.toString(16).padStart(4, '0')}`);
}
