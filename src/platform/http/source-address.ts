import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';

/**
 * The address a request comes from: the peer's, or, behind `trustedProxies` proxies, the entry that the outermost of them
 * wrote into X-Forwarded-For. Each proxy appends the address it was called from, so entries further left are the client's
 * own claims and never count.
 */
export function sourceAddress(request: Pick<IncomingMessage, 'headers' | 'socket'>, trustedProxies: number): string {
  const peer = plainAddress(request.socket.remoteAddress ?? '') ?? '0.0.0.0';
  if (trustedProxies === 0) return peer;
  const header = request.headers['x-forwarded-for'];
  const entries = (Array.isArray(header) ? header.join(',') : header ?? '').split(',').map((entry) => entry.trim()).filter((entry) => entry !== '');
  // With fewer entries than proxies the request came in behind the outer ones: the leftmost was still written by a trusted one.
  const entry = entries.at(-Math.min(trustedProxies, entries.length));
  return (entry === undefined ? undefined : plainAddress(entry)) ?? peer;
}

/** Drops a port, brackets, a zone and the IPv6 wrapping of an IPv4 address; undefined when it is no address. */
function plainAddress(text: string): string | undefined {
  const [, bracketed, v4WithPort] = /^\[([^\]]+)\](?::\d+)?$|^(\d+\.\d+\.\d+\.\d+):\d+$/.exec(text) ?? [];
  const address = (bracketed ?? v4WithPort ?? text).replace(/%.*$/, '').replace(/^::ffff:(?=\d+\.)/i, '').toLowerCase();
  return isIP(address) === 0 ? undefined : address;
}
