import type { Configuration } from 'oidc-provider';
import { elapsed } from '../kernel/clock.js';

/** Bytes. */
const LONGEST_DOCUMENT = 64 * 1024;

const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]']);
const MOST_AT_ONCE = 20;
const FAILURE_KEPT_MS = 30_000;
const MOST_FAILURES_KEPT = 1_000;

export interface OutboundRules {
  /** Whether documents may be fetched over http from this machine, as in development. */
  readonly allowsLoopbackHttp: boolean;
}

/**
 * How the protocol engine fetches what a client only named, its `jwks_uri`: anybody who knows a client's id can make it do so.
 *
 * - https alone; in development also http from this machine;
 * - never from an address of special use (this machine, private networks, a cloud's metadata): the library's dispatcher ends
 *   such connections before anything is asked, and without it nothing is fetched;
 * - no redirect is followed, for it would lead past all of this;
 * - within the library's 2.5 seconds, so much and so many at once; and what failed is not tried again for a while.
 */
export function outboundFetch({ allowsLoopbackHttp }: OutboundRules): NonNullable<Configuration['fetch']> {
  const failures = new Map<string, number>();
  let underWay = 0;

  return async (target, options) => {
    const url = new URL(String(target));
    const { dispatcher, ...plain } = options as RequestInit & { dispatcher?: unknown };
    const isLoopback = allowsLoopbackHttp && url.protocol === 'http:' && LOOPBACK.has(url.hostname);
    if (!isLoopback && url.protocol !== 'https:') throw new Error('only https is fetched');
    if (!isLoopback && dispatcher === undefined) throw new Error('addresses of special use cannot be told apart here, so nothing is fetched');
    if ((failures.get(url.href) ?? 0) > elapsed()) throw new Error('fetching this failed a moment ago');
    if (underWay >= MOST_AT_ONCE) throw new Error('too many documents are being fetched already');
    underWay += 1;
    try {
      const response = await fetch(url, { ...plain, redirect: 'error', ...(!isLoopback && { dispatcher }) } as RequestInit);
      if (!response.ok) throw new Error(`the answer was ${response.status}`);
      // Without its headers: how long the document is kept is for us to say.
      return new Response(await readShort(response));
    } catch (error) {
      if (failures.size >= MOST_FAILURES_KEPT) failures.clear();
      failures.set(url.href, elapsed() + FAILURE_KEPT_MS);
      throw error;
    } finally {
      underWay -= 1;
    }
  };
}

async function readShort({ body }: Response): Promise<Buffer<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  // Leaving the loop cancels the rest.
  for await (const chunk of body ?? []) {
    length += chunk.length;
    if (length > LONGEST_DOCUMENT) throw new Error(`the document is longer than ${LONGEST_DOCUMENT} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
