const LONGEST = 512;
const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]']);

/**
 * What is wrong with a resource identifier, or undefined when nothing is. RFC 8707 section 2 asks for an absolute URI
 * without a fragment; we ask for https, or http on loopback, so that a token sent to it is not sent in the clear.
 */
export function resourceIdentifierProblem(identifier: string): string | undefined {
  if (identifier.length > LONGEST) return `must be at most ${LONGEST} characters`;
  // The URL parser would strip or rewrite these, and audiences are compared character by character.
  if (!/^[\x21-\x7E]+$/.test(identifier) || /[\\"<>^`{|}]/.test(identifier)) return 'must be an absolute URI in ASCII, other characters percent-encoded';
  if (!URL.canParse(identifier) || !/^https?:\/\/[^/]/i.test(identifier)) return 'must be an absolute https URI';
  const url = new URL(identifier);
  if (url.protocol !== 'https:' && !LOOPBACK.has(url.hostname)) return 'must use https, or http on a loopback address';
  if (url.hostname.endsWith('.')) return 'must not have a host that ends in a dot';
  if (identifier.includes('#')) return 'must not have a fragment';
  if (url.username !== '' || url.password !== '' || /^https?:\/\/[^/?]*@/i.test(identifier)) return 'must not have user information';
  if (/(^|\/|%2f)(\.|%2e){1,2}(\/|%2f|$)/i.test(identifier.replace(/[?].*$/, ''))) return 'must not have dot segments';
  return undefined;
}

/**
 * What identifiers have in common that a careless resource server would take for one another: case, default ports, ways to
 * write an address, percent-encoding, doubled and trailing slashes. Only to be compared; in tokens stands the identifier.
 *
 * @param identifier one that has no problem
 */
export function canonicalIdentifier(identifier: string): string {
  const { origin, pathname, search } = new URL(identifier);
  return origin + plain(pathname).replace(/\/+/g, '/').replace(/\/$/, '') + plain(search);
}

/** Is it on the host and port of this server? Whatever it serves there, its tokens are its own. */
export function isAtHostOf(issuer: string, identifier: string): boolean {
  return new URL(identifier).host === new URL(issuer).host;
}

/** Without the encoding of characters that need none, and in lower case. */
function plain(text: string): string {
  return text.replace(/%(2[1-9a-f]|[3-6][0-9a-f]|7[0-9a-e])/gi, (_encoded, hex: string) => String.fromCharCode(parseInt(hex, 16))).toLowerCase();
}
