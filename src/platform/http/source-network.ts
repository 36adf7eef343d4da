import { isIPv4, isIPv6 } from 'node:net';

const MAPPED_IPV4 = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/;

/**
 * The network that one party plausibly holds: an IPv4 address, or the /64 of an IPv6 address, of which everybody with a
 * connection has 2^64 addresses. An IPv4-mapped address (RFC 4291 section 2.5.5.2) counts as the IPv4 address.
 *
 * @returns `203.0.113.7` or `2001:db8:0:1/64`; `unknown` when it is no address
 */
export function sourceNetwork(address: string): string {
  const bare = address.replace(/%.*$/, '');
  if (isIPv4(bare)) return bare;
  if (!isIPv6(bare)) return 'unknown';
  // The URL parser (RFC 5952 form) settles zeros, case and embedded IPv4 addresses.
  const canonical = new URL(`http://[${bare}]/`).hostname.slice(1, -1);
  const [, high, low] = MAPPED_IPV4.exec(canonical) ?? [];
  if (high && low) return [...Buffer.from(high.padStart(4, '0') + low.padStart(4, '0'), 'hex')].join('.');
  return `${firstFourGroups(canonical).join(':')}/64`;
}

function firstFourGroups(canonical: string): string[] {
  const [head = '', tail] = canonical.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = Array.from({ length: tail === undefined ? 0 : 8 - left.length - right.length }, () => '0');
  return [...left, ...zeros, ...right].slice(0, 4);
}
