import { isIP } from 'node:net';
import { z } from 'zod';

/** What people are told about one setting, in the reference, in `.env.example` and when they got it wrong. */
export interface SettingDocumentation {
  readonly description: string;
  /** Completes the sentence "It must be …". */
  readonly allowed: string;
  /** The value that counts when none is given, as one would write it. */
  readonly fallback?: string;
  /** Its value is never repeated in messages. */
  readonly isSecret?: boolean;
}

/** The documentation of each setting's schema. */
export const settings = z.registry<SettingDocumentation>();

const TEN_YEARS = 10 * 365 * 24 * 3600;

export function wholeNumber(description: string, { min, max, fallback }: { min: number; max: number; fallback: number }) {
  return z.string().regex(/^\d{1,10}$/).transform(Number).pipe(z.number().min(min).max(max)).default(fallback)
    .register(settings, { description, allowed: `a whole number from ${min} to ${max}`, fallback: String(fallback) });
}

export function seconds(description: string, fallback: number) {
  return wholeNumber(`${description} Seconds.`, { min: 1, max: TEN_YEARS, fallback });
}

/** Whole numbers from 1 to 100, each higher than the one before. */
export function percentages(description: string, fallback: readonly number[]) {
  return z.string().regex(/^\d{1,3}(,\d{1,3}){0,9}$/).transform((list) => list.split(',').map(Number))
    .refine((list) => list.every((one, index) => one >= 1 && one <= 100 && (index === 0 || one > list[index - 1]!))).default([...fallback])
    .register(settings, { description, allowed: 'up to ten whole numbers from 1 to 100, separated by commas without spaces, each higher than the one before', fallback: fallback.join(',') });
}

const MOST_REQUESTS = 1_000_000_000;

/**
 * So many requests a minute for each of the names; 0 for those that are `off`. Names that are left out keep their default.
 *
 * @param fallbacks by name
 */
export function quotas<Name extends string>(description: string, fallbacks: Readonly<Record<Name, number>>) {
  const names = Object.keys(fallbacks) as Name[];
  const parse = (text: string): Record<Name, number> | undefined => {
    const given = new Map(text.split(',').map((part) => part.split('=') as [Name, string | undefined]));
    if (given.size !== text.split(',').length) return undefined;
    const parsed = { ...fallbacks } as Record<Name, number>;
    for (const [name, value = ''] of given) {
      if (!names.includes(name) || !/^(off|[1-9]\d{0,9})$/.test(value) || Number(value) > MOST_REQUESTS) return undefined;
      parsed[name] = value === 'off' ? 0 : Number(value);
    }
    return parsed;
  };
  const allOff = Object.fromEntries(names.map((name) => [name, 0])) as Record<Name, number>;
  return z.string().transform((text, context): Record<Name, number> => {
    const parsed = text === 'off' ? allOff : parse(text);
    if (parsed) return parsed;
    context.addIssue({ code: 'custom' });
    return z.NEVER;
  }).default(fallbacks as never).register(settings, {
    description,
    allowed: `off, or requests a minute for some of ${names.join(', ')}, such as ${names[0]}=1000${names.length > 1 ? `,${names[1]}=off` : ''}`,
    fallback: names.map((name) => `${name}=${fallbacks[name]}`).join(','),
  });
}

const FLAG_VALUES = ['1', '0', 'true', 'false'] as const;
const isTrue = (value: (typeof FLAG_VALUES)[number]) => value === '1' || value === 'true';
const FLAG_ALLOWED = '1 or 0 (or true or false)';

/** A switch that is off unless switched on. */
export function flag(description: string) {
  return z.enum(FLAG_VALUES).transform(isTrue).default(false).register(settings, { description, allowed: FLAG_ALLOWED, fallback: '0' });
}

/** A switch whose resting position depends on other settings; `fallback` says how. */
export function dependentFlag(description: string, fallback: string) {
  return z.enum(FLAG_VALUES).transform(isTrue).optional().register(settings, { description, allowed: FLAG_ALLOWED, fallback });
}

export function oneOf<const Values extends readonly [string, ...string[]]>(description: string, values: Values, fallback: Values[number]) {
  return z.enum(values).default(fallback as never)
    .register(settings, { description, allowed: `one of ${values.join(', ')}`, fallback });
}

export function folder(description: string, fallback: string) {
  return z.string().min(1).default(fallback).register(settings, { description, allowed: 'a path', fallback });
}

/** @param fallback says what counts when none is given */
export function file(description: string, fallback?: string) {
  return z.string().min(1).optional().register(settings, { description, allowed: 'a path', fallback });
}

export function listenAddress(description: string, fallback: string) {
  return z.string().refine((value) => isIP(value) !== 0 || /^[A-Za-z0-9_.-]+$/.test(value)).default(fallback)
    .register(settings, { description, allowed: 'an IP address or a host name', fallback });
}

export function hostList(description: string) {
  return z.string().toLowerCase().regex(/^[a-z0-9._:[\]-]+(,[a-z0-9._:[\]-]+)*$/).transform((list) => list.split(',')).default([])
    .register(settings, { description, allowed: 'hosts separated by commas without spaces, each with its port unless it is the default one' });
}

export function emailAddress(description: string) {
  return z.email().optional().register(settings, { description, allowed: 'an e-mail address' });
}

/** A connection URL. It counts as a secret because it may carry a password. */
export function connectionUrl(description: string, protocol: RegExp, allowed: string) {
  return z.url({ protocol }).optional().register(settings, { description, allowed, isSecret: true });
}

/** A URL that this server calls. Plain http goes to this machine alone. */
export function outboundUrl(description: string) {
  return z.string().refine(isSafeToCall).optional()
    .register(settings, { description, allowed: 'an https URL without user name, query and fragment (http for this machine only)' });
}

function isSafeToCall(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname, username, password, search, hash } = new URL(text);
  const isLoopback = ['localhost', '127.0.0.1', '[::1]'].includes(hostname);
  return username + password + search + hash === '' && (protocol === 'https:' || (protocol === 'http:' && isLoopback));
}

export function name(description: string, fallback: string) {
  return z.string().regex(/^[A-Za-z0-9_-]{1,64}$/).default(fallback).register(settings, { description, allowed: 'letters, digits, - and _', fallback });
}

export function secretText(description: string, { min, max }: { min: number; max: number }) {
  return z.string().min(min).max(max).optional().register(settings, { description, allowed: `${min} to ${max} characters long`, isSecret: true });
}

export function secretKey(description: string) {
  return z.string().regex(/^[A-Za-z0-9_-]{43}=?$/).optional().register(settings, {
    description, allowed: '32 bytes in base64url, made with "openssl rand 32 | basenc --base64url"', isSecret: true,
  });
}

/**
 * An issuer identifier (RFC 8414 section 2, narrowed): scheme, host and, where it is not the default one, port. The result
 * is normalised (lower case, default port left out), because clients compare it character by character.
 */
export function issuerUrl(description: string, fallback: string) {
  return z.string().transform((value, context) => {
    const problem = issuerProblem(value);
    if (problem) {
      context.addIssue({ code: 'custom', message: problem, params: { isSentence: true } });
      return z.NEVER;
    }
    return new URL(value).origin;
  }).default(fallback).register(settings, { description, allowed: 'scheme, host and port alone, such as https://auth.example.com', fallback });
}

/** What is wrong with the text as an issuer, in words that follow its name. The text itself may hold a password. */
function issuerProblem(value: string): string | undefined {
  const [, rest] = /^https?:\/\/(.*)$/is.exec(value) ?? [];
  if (rest === undefined || /[\s\\]/.test(rest) || !URL.canParse(value)) return 'is not an http or https URL';
  if (rest.includes('@')) return 'holds a user name';
  if (rest.includes('#')) return 'holds a fragment';
  if (rest.includes('?')) return 'holds a query';
  if (/^[^/]+\/+$/.test(rest)) return 'ends with a slash';
  if (rest.includes('/')) return 'holds a path';
  return undefined;
}
