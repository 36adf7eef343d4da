import type { RedisConnection } from './redis-connection.js';

/** Injects the connection to Redis, or undefined where none is configured. */
export const REDIS = Symbol('REDIS');
export type Redis = RedisConnection | undefined;
