import { isIP } from 'node:net';

/**
 * An address as the policy engine reads it: IPv4 as it stands, IPv6 without dotted parts; an IPv4 address inside an IPv6 one
 * (`::ffff:10.0.0.1`, as dual-stack sockets report it) is the IPv4 address. Undefined for what is no address.
 */
export function plainAddress(text: string): string | undefined {
  const family = isIP(text);
  if (family === 4) return text;
  if (family !== 6 || text.includes('%')) return undefined;
  const address = new URL(`http://[${text}]/`).hostname.slice(1, -1);
  const mapped = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(address);
  if (!mapped) return address;
  const [high, low] = [Number.parseInt(mapped[1]!, 16), Number.parseInt(mapped[2]!, 16)];
  return [high >> 8, high & 255, low >> 8, low & 255].join('.');
}

/** A range in CIDR notation, or a single address, as the policy engine reads it. Undefined for what is neither. */
export function plainRange(text: string): string | undefined {
  const [address = '', bits, ...more] = text.split('/');
  if (more.length > 0) return undefined;
  const plain = plainAddress(address);
  if (plain === undefined) return undefined;
  if (bits === undefined) return plain;
  // A range of IPv4 addresses inside IPv6 counts its bits differently; nobody writes one.
  const isMapped = isIP(address) === 6 && isIP(plain) === 4;
  if (!/^\d{1,3}$/.test(bits) || Number(bits) > (isIP(plain) === 4 ? 32 : 128) || isMapped) return undefined;
  return `${plain}/${Number(bits)}`;
}
