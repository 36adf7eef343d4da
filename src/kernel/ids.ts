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

export function newId<T extends Id<string>>(): T {
  return v7({ msecs: now() }) as T;
}

export function isId(value: unknown): value is string {
  return typeof value === 'string' && validate(value);
}
