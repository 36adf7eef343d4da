import { randomFillSync } from 'node:crypto';
import { v7, validate } from 'uuid';
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

/** A call for 16 random bytes costs as much as one for 4096, and a token takes four ids. */
const POOL_BYTES = 4096;
const pool = Buffer.alloc(POOL_BYTES);
let used = POOL_BYTES;

export function newId<T extends Id<string>>(): T {
  if (used === POOL_BYTES) {
    randomFillSync(pool);
    used = 0;
  }
  const random = pool.subarray(used, used += 16);
  return v7({ msecs: now(), random }) as T;
}

/** When a UUIDv7 was made: its first 48 bits are that time in milliseconds (RFC 9562 section 5.7). */
export function timeOfId(id: string): Date {
  return new Date(Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16));
}

export function isId(value: unknown): value is string {
  return typeof value === 'string' && validate(value);
}
