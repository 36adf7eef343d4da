import { randomBytes } from 'node:crypto';
import { validate } from 'uuid';
import { now } from './clock.js';

/** Identifiers are UUIDv7 (RFC 9562): sortable by time of making. The brand keeps one kind from being passed for another. */
export type Id<Kind extends string> = string & { readonly __kind: Kind };

export type OrganizationId = Id<'organization'>;
export type UserId = Id<'user'>;
export type AgentId = Id<'agent'>;
export type ClientId = Id<'client'>;
export type ResourceId = Id<'resource'>;
export type TokenId = Id<'token'>;
export type TaskId = Id<'task'>;

/** A call for ten random bytes costs as much as one for 4000, and a token takes four ids: written by hand they cost a tenth. */
const RANDOM_DIGITS = 20;
const POOL_BYTES = 4000;
let pool = '';
let used = 0;
/** The digits of the time, which many ids share. */
let timeOfDigits = Number.NaN;
let timeDigits = '';

/** @throws RangeError when the clock stands before 1970 or after 10889 */
export function newId<T extends Id<string>>(): T {
  if (used === pool.length) {
    pool = randomBytes(POOL_BYTES).toString('hex');
    used = 0;
  }
  const time = now();
  if (time !== timeOfDigits) timeDigits = digitsOfTime(timeOfDigits = time);
  const at = used;
  used += RANDOM_DIGITS;
  // Version 7, and a variant whose two free bits are random (RFC 9562 sections 4.1 and 5.7).
  return `${timeDigits}-7${pool.slice(at, at + 3)}-${VARIANTS[Number.parseInt(pool[at + 3]!, 16) % 4]}${pool.slice(at + 4, at + 7)}-${pool.slice(at + 7, at + 19)}` as T;
}

const VARIANTS = '89ab';

/** 48 bits of milliseconds. */
function digitsOfTime(time: number): string {
  const digits = time.toString(16).padStart(12, '0');
  if (!/^[0-9a-f]{12}$/.test(digits)) throw new RangeError(`no id can be made at the time ${time}`);
  return `${digits.slice(0, 8)}-${digits.slice(8)}`;
}

/** When a UUIDv7 was made: its first 48 bits are that time in milliseconds (RFC 9562 section 5.7). */
export function timeOfId(id: string): Date {
  return new Date(Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16));
}

export function isId(value: unknown): value is string {
  return typeof value === 'string' && validate(value);
}
