import { BlockList, isIP } from 'node:net';

/** IPv4 that is not for the public internet, or not for one host in it (IANA's registry of special-purpose addresses, RFC 6890). */
const SPECIAL_IPV4: readonly (readonly [network: string, prefix: number])[] = [
  ['0.0.0.0', 8], ['10.0.0.0', 8], ['100.64.0.0', 10], ['127.0.0.0', 8], ['169.254.0.0', 16], ['172.16.0.0', 12], ['192.0.0.0', 24], ['192.0.2.0', 24], ['192.31.196.0', 24],
  ['192.52.193.0', 24], ['192.88.99.0', 24], ['192.168.0.0', 16], ['192.175.48.0', 24], ['198.18.0.0', 15], ['198.51.100.0', 24], ['203.0.113.0', 24], ['224.0.0.0', 4], ['240.0.0.0', 4],
];
/** All of IPv6 that was ever given to hosts (RFC 4291 section 2.4), but for its own special parts: what wraps an IPv4 address, for one. */
const GLOBAL_IPV6 = ['2000::', 3] as const;
const SPECIAL_IPV6: readonly (readonly [network: string, prefix: number])[] = [['2001::', 23], ['2001:db8::', 32], ['2002::', 16], ['3fff::', 20]];

const special = new BlockList();
for (const [network, prefix] of SPECIAL_IPV4) special.addSubnet(network, prefix, 'ipv4');
for (const [network, prefix] of SPECIAL_IPV6) special.addSubnet(network, prefix, 'ipv6');
const global = new BlockList();
global.addSubnet(...GLOBAL_IPV6, 'ipv6');

/**
 * Does this address lead to something other than a host of the public internet: this machine, a private network, a cloud's
 * metadata, many hosts at once? What is no address counts as such.
 */
export function isSpecialUse(address: string): boolean {
  switch (isIP(address)) {
    case 4: return special.check(address, 'ipv4');
    // Scopes (`%eth0`) are for addresses of this link.
    case 6: return address.includes('%') || !global.check(address, 'ipv6') || special.check(address, 'ipv6');
    default: return true;
  }
}
