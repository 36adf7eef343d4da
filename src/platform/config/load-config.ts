import type { z } from 'zod';
import { Config, environmentSchema, type Environment } from './config.js';
import { nearestName } from './nearest-name.js';
import { settings } from './setting.js';

/** The settings cannot be used. `problems` holds one sentence for each thing to put right, and no secret. */
export class ConfigurationError extends Error {
  constructor(readonly problems: readonly string[]) {
    super(problems.join('\n'));
    this.name = 'ConfigurationError';
  }
}

/**
 * Reads the settings from environment variables. A blank variable counts as one that is not set.
 *
 * @throws ConfigurationError with every problem at once
 */
export function loadConfig(environment: Readonly<Record<string, string | undefined>> = process.env): Config {
  const names = Object.keys(environmentSchema.shape) as (keyof Environment)[];
  const given = new Map(Object.entries(environment).filter((entry): entry is [string, string] => entry[1] !== undefined && entry[1].trim() !== ''));
  const problems = unknownNames(given, names);
  const values: Record<string, unknown> = {};
  for (const name of names) {
    const result = environmentSchema.shape[name].safeParse(given.get(name));
    if (result.success) values[name] = result.data;
    else problems.push(sentence(name, given.get(name) ?? '', result.error.issues));
  }
  const parsed = values as Partial<Environment>;
  problems.push(...contradictions(given), ...(parsed.LEGATE_MODE === 'production' ? unfitForProduction(parsed, given) : []));
  if (problems.length > 0) throw new ConfigurationError(problems);
  return new Config(parsed as Environment);
}

function unknownNames(given: ReadonlyMap<string, string>, names: readonly string[]): string[] {
  const problems: string[] = [];
  for (const [name, value] of given) {
    if (!name.startsWith('LEGATE_') || names.includes(name) || isServiceLink(name, value)) continue;
    const meant = nearestName(name, names);
    problems.push(`${name} is not a setting; ${meant ? `did you mean ${meant}?` : 'docs/configuration.md lists them all.'}`);
  }
  return problems;
}

/**
 * Kubernetes and Docker links announce a service called "legate…" in variables that nobody wrote:
 * https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
 */
function isServiceLink(name: string, value: string): boolean {
  return /_SERVICE_(HOST|PORT(_[A-Z0-9_]+)?)$/.test(name)
    || (/_PORT(_\d+_(TCP|UDP|SCTP))?$/.test(name) && /^(tcp|udp|sctp):\/\//.test(value))
    || /_PORT_\d+_(TCP|UDP|SCTP)_(ADDR|PORT|PROTO)$/.test(name);
}

function sentence(name: keyof Environment, value: string, issues: readonly z.core.$ZodIssue[]): string {
  const documentation = settings.get(environmentSchema.shape[name])!;
  const own = issues.find((issue) => issue.code === 'custom' && issue.params?.['isSentence']);
  if (own) return `${name} ${own.message}, but must be ${documentation.allowed}.`;
  if (documentation.isSecret) return `${name} has a value that cannot be used: it must be ${documentation.allowed}.`;
  return `${name} is ${JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value)}, but must be ${documentation.allowed}.`;
}

/** Neither means anything without the other. */
const TOGETHER = [
  ['LEGATE_BOOTSTRAP_ADMIN_EMAIL', 'LEGATE_BOOTSTRAP_ADMIN_PASSWORD'],
  ['LEGATE_AUDIT_OBJECT_ACCESS_KEY_ID', 'LEGATE_AUDIT_OBJECT_SECRET_ACCESS_KEY'],
] as const;

function contradictions(given: ReadonlyMap<string, string>): string[] {
  const problems: string[] = [];
  if (given.has('LEGATE_MASTER_KEY') && given.has('LEGATE_MASTER_KEY_FILE')) {
    problems.push('LEGATE_MASTER_KEY and LEGATE_MASTER_KEY_FILE are both set, but only one of them may be.');
  }
  for (const [one, other] of TOGETHER) {
    if (given.has(one) !== given.has(other)) problems.push(`${given.has(one) ? other : one} is not set, but must be when ${given.has(one) ? one : other} is.`);
  }
  return problems;
}

function unfitForProduction(values: Partial<Environment>, given: ReadonlyMap<string, string>): string[] {
  const problems: string[] = [];
  if (values.LEGATE_ISSUER?.startsWith('http:')) {
    problems.push(`LEGATE_ISSUER is ${values.LEGATE_ISSUER}, but must be an https URL in production mode.`);
  }
  if (values.LEGATE_DEMO_API) problems.push('LEGATE_DEMO_API is on, but must be off in production mode.');
  if (!given.has('DATABASE_URL') && values.LEGATE_ALLOW_EMBEDDED === false) {
    problems.push('DATABASE_URL is not set, but must be in production mode, unless LEGATE_ALLOW_EMBEDDED=1 accepts that the embedded database does not survive power loss.');
  }
  if (!given.has('LEGATE_MASTER_KEY') && !given.has('LEGATE_MASTER_KEY_FILE')) {
    problems.push('LEGATE_MASTER_KEY is not set, but it or LEGATE_MASTER_KEY_FILE must be in production mode, because a generated key lies beside the data it protects.');
  }
  return problems;
}
