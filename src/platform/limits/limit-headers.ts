import type { ServerResponse } from 'node:http';
import { WINDOW_MS, type RateLimit } from './rate-limit.js';

/** One limit that a request counted for, and under which key. */
export type CountedFor = readonly [limit: RateLimit, key: string];

/**
 * Tells how much of which quota is left, as draft-ietf-httpapi-ratelimit-headers-10 has it: in `RateLimit-Policy` how many
 * requests (`q`) in how many seconds (`w`), in `RateLimit` how many are left (`r`) and in how many seconds the quota is whole (`t`).
 */
export function tellLimits(response: ServerResponse, counted: readonly CountedFor[]): void {
  if (counted.length === 0) return;
  response.setHeader('ratelimit-policy', counted.map(([limit]) => `"${limit.name}";q=${limit.granted};w=${WINDOW_MS / 1000}`).join(', '));
  response.setHeader('ratelimit', counted.map(([limit, key]) => `"${limit.name}";r=${limit.remaining(key)};t=${Math.ceil(limit.used(key) / 1000)}`).join(', '));
}
